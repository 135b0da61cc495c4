//go:build unix

package main_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// shelf has the feed's bills. A page that is committed takes one of them.
type shelf struct {
	ledger    *simulator.Ledger
	byCursor  map[string][]int // bills by the cursor that was asked
	taken     map[int]bool
	published map[simulator.Version]bool
	sum       totals
}

// totals are what pages brought.
type totals struct {
	rows, unchanged int
	credits         int64
}

func (t *totals) add(o totals) {
	t.rows, t.unchanged, t.credits = t.rows+o.rows, t.unchanged+o.unchanged, t.credits+o.credits
}

func newShelf(l *simulator.Ledger) *shelf {
	s := &shelf{ledger: l, byCursor: make(map[string][]int), taken: make(map[int]bool), published: make(map[simulator.Version]bool)}
	for i, bill := range l.Bills {
		s.byCursor[bill.Cursor] = append(s.byCursor[bill.Cursor], i)
	}
	return s
}

// stretch is how far a transaction moved one scan.
type stretch struct {
	from, to            string // cursors
	pages               int64
	more                bool
	updated, discovered time.Time // what its requests ask for
	before              time.Time
}

func stretchOf(before, p schemas.Progress) stretch {
	return stretch{
		from: before.Cursor, to: p.Cursor, pages: p.Pages - before.Pages, more: p.Phase == schemas.Paging,
		updated: p.UpdatedAfter, discovered: p.DiscoveredAfter, before: p.DiscoveredBefore,
	}
}

// asks reports whether a bill is for a request of this scan.
func (s stretch) asks(b simulator.Bill) bool {
	var f simulator.Filters
	if json.Unmarshal([]byte(b.Filters), &f) != nil {
		return false
	}
	same := func(filter *time.Time, want time.Time) bool {
		return filter == nil && want.IsZero() || filter != nil && filter.Equal(want)
	}
	return same(f.UpdatedAfter, s.updated) && same(f.DiscoveredAfter, s.discovered) && same(f.DiscoveredBefore, s.before)
}

// sell finds bills for a transaction that moved scans along way and published
// pages: for each page one whose rows are, but for those that were published
// before, the page's. It reports whether there are such, and takes them.
func (s *shelf) sell(way []stretch, pages map[string][]simulator.Version) (totals, bool) {
	if len(way) == 0 {
		return totals{}, len(pages) == 0
	}
	at, rest := way[0], way[1:]
	if at.pages == 0 {
		if at.from != at.to {
			return totals{}, false
		}
		return s.sell(rest, pages)
	}
	for _, i := range s.byCursor[at.from] {
		bill := s.ledger.Bills[i]
		last := at.pages == 1
		if s.taken[i] || !at.asks(bill) || last && (bill.Next != at.to || bill.HasMore != at.more) || !last && !bill.HasMore {
			continue
		}
		next := at
		next.from, next.pages = bill.Next, at.pages-1
		if last {
			next.from = at.to
		}
		if sum, ok := s.try(i, append([]stretch{next}, rest...), pages); ok {
			return sum, true
		}
	}
	return totals{}, false
}

// try takes a bill, and gives it back if the rest of the way does not fit then.
func (s *shelf) try(i int, way []stretch, pages map[string][]simulator.Version) (totals, bool) {
	bill := s.ledger.Bills[i]
	sold := s.ledger.Sold(bill)
	fresh := []simulator.Version{}
	for _, v := range sold {
		if !s.published[v] {
			fresh = append(fresh, v)
		}
	}
	fresh = ordered(fresh)
	for _, name := range slices.SortedFunc(maps.Keys(pages), byNumber) {
		if !slices.Equal(pages[name], fresh) {
			continue
		}
		left := maps.Clone(pages)
		delete(left, name)
		s.take(i, fresh, true)
		sum := totals{rows: len(fresh), unchanged: len(sold) - len(fresh), credits: bill.Credits}
		if more, ok := s.sell(way, left); ok {
			s.sum.add(sum)
			sum.add(more)
			return sum, true
		}
		s.take(i, fresh, false)
		break // any other page with these rows fits as little
	}
	return totals{}, false
}

func (s *shelf) take(i int, fresh []simulator.Version, yes bool) {
	if yes {
		s.taken[i] = true
	} else {
		delete(s.taken, i)
	}
	for _, v := range fresh {
		s.published[v] = yes
	}
}

func byNumber(x, y string) int {
	m, _ := strconv.Atoi(x)
	n, _ := strconv.Atoi(y)
	return m - n
}

func ordered(v []simulator.Version) []simulator.Version {
	slices.SortFunc(v, func(x, y simulator.Version) int { return cmp.Or(cmp.Compare(x.ID, y.ID), x.Version-y.Version) })
	return v
}
