package simulator

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ForeignIDPrefix begins the id of every row that a fault makes up. No company
// has such an id.
const ForeignIDPrefix = "ffffffff-"

// take is how many real rows go on a page that was asked for with a batch size:
// rows that a fault makes up take their places, so that they come next.
func (f *Fault) take(batch int) int {
	switch {
	case f.is(KindEmptyPage):
		return 0
	case f.is(KindMoreRows):
		return batch + f.Rows
	case f.makesRows():
		return max(batch-f.Rows, 0)
	}
	return batch
}

func (f *Fault) makesRows() bool {
	return f.is(KindDuplicateRows, KindNullRow, KindRowWithoutID, KindEmptyID, KindLongID, KindNumberID,
		KindOversizedRow, KindDeepNesting, KindDuplicateMembers, KindInvalidUTF8)
}

// addForeign puts the rows that a fault makes up in the middle of a page. The
// caller holds the lock.
func (s *Simulator) addForeign(p *page, f *Fault) {
	if !f.makesRows() {
		return
	}
	if f.Kind == KindDuplicateRows {
		s.addDuplicates(p, f)
		return
	}
	made := make([]item, f.Rows)
	for i := range made {
		row := foreignRow(f, s.ledger.total.Foreign+i, s.table.newest)
		made[i] = item{foreign: true, body: body{bytes: row, cut: -1}}
	}
	p.items = slices.Insert(p.items, len(p.items)/2, made...)
}

// addDuplicates repeats the first rows at the end of the page. A newer duplicate
// is made by putting an older version first: the newest version of a row is never
// changed by a fault.
func (s *Simulator) addDuplicates(p *page, f *Fault) {
	for i := range min(f.Rows, len(p.items)) {
		copied := item{foreign: true, body: p.items[i].body}
		switch f.Version {
		case "older":
			copied.body = s.older(p.items[i].sale)
		case "newer":
			copied, p.items[i] = p.items[i], item{foreign: true, body: s.older(p.items[i].sale)}
		}
		p.items = append(p.items, copied)
	}
}

// older is a version before the present one: one that existed, or for a new row
// one that might have.
func (s *Simulator) older(of sale) body {
	rec := &s.table.records[of.ordinal]
	if past := s.table.past[of.ordinal]; len(past) > 0 {
		return past[len(past)-1].body
	}
	return ownCopy(s.table.encode(&rec.company, rec.version-1, rec.updated-int64(time.Hour)))
}

// foreignRow writes a row that breaks one rule and keeps the others.
func foreignRow(f *Fault, n int, updated int64) []byte {
	id := fmt.Sprintf(`"%s0000-4000-8000-%012x"`, ForeignIDPrefix, n)
	members := []string{
		`"id":` + id, `"name":"Made Up ` + fmt.Sprint(n) + `"`, `"website":null`, `"logo_url":null`,
		`"summary":null`, `"industries":["media"]`, `"categories":[]`, `"linkedin_url":null`, `"crunchbase_url":null`,
		`"ats":"lever"`, `"listing_url":"https://jobs.lever.co/made-up"`, `"discovered_at":null`,
		`"updated_at":"` + time.Unix(0, updated).UTC().Format(time.RFC3339Nano) + `"`, `"details_url":null`,
	}
	switch f.Kind {
	case KindNullRow:
		return []byte("null")
	case KindRowWithoutID:
		members = members[1:]
	case KindEmptyID:
		members[0] = `"id":""`
	case KindLongID:
		members[0] = `"id":"` + ForeignIDPrefix + strings.Repeat("x", max(f.Bytes-len(ForeignIDPrefix), 0)) + `"`
	case KindNumberID:
		members[0] = fmt.Sprintf(`"id":%d`, 1_000_000+n)
	case KindOversizedRow:
		members[4] = `"summary":"` + strings.Repeat("far too long ", f.Bytes/13+1) + `"`
	case KindDeepNesting:
		members = append(members, `"nested":`+strings.Repeat("[", f.Bytes)+strings.Repeat("]", f.Bytes))
	case KindDuplicateMembers:
		members = append(members, `"id":"`+ForeignIDPrefix+`dddd-4000-8000-`+fmt.Sprintf("%012x", n)+`"`, `"name":"Another Name"`)
	case KindInvalidUTF8:
		members[1] = "\"name\":\"bro\xc3\x28ken \xff\xfe\""
	default:
	}
	return bytes.Join([][]byte{[]byte("{"), []byte(strings.Join(members, ",")), []byte("}")}, nil)
}

// bendCursor applies the faults of how a scan goes on. The caller holds the lock.
func (s *Simulator) bendCursor(p *page, sc scan, from place, asked string, f *Fault) error {
	if !f.is(KindNullCursor, KindSameCursor, KindOldCursor, KindEmptyPage, KindFalseWithCursor) {
		return nil
	}
	p.more = f.Kind != KindFalseWithCursor
	switch f.Kind {
	case KindNullCursor:
		p.next = ""
	case KindSameCursor, KindOldCursor:
		if f.Kind == KindOldCursor {
			asked = s.ledger.asked(s.ledger.total.Pages + 1 - f.Back)
		}
		if asked != "" {
			p.next = asked
			return nil
		}
		// The page that is meant began the scan without a cursor: name its place.
		start := from
		if f.Kind == KindOldCursor {
			start = startOf(sc.filters)
		}
		var err error
		p.next, err = s.cursors.issue(sc, start, false)
		return err
	default:
	}
	return nil
}
