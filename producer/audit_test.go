//go:build unix

package main_test

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// audit is the promise, checked: what the feed sold, as its ledger says, against
// what a read_committed consumer finds.
type audit struct {
	bed      *bed
	ledger   simulator.Ledger
	chain    []schemas.Progress
	windows  map[string][]schemas.Progress // records of windows, by the op of their transaction
	pages    map[pageOf][]*kgo.Record
	versions map[string]int // by id and bytes
	shelf    *shelf

	// records are those of the career-sites topic. wasted is how many pages were
	// billed and not committed: each of them was bought again.
	records, wasted int
}

// pageOf names a page as records do.
type pageOf struct{ run, page string }

// audit checks everything that holds at any moment at which no instance runs.
func (b *bed) audit() *audit {
	b.t.Helper()
	a := &audit{
		bed: b, ledger: b.feed.Ledger(), windows: make(map[string][]schemas.Progress),
		pages: make(map[pageOf][]*kgo.Record), versions: make(map[string]int),
	}
	a.shelf = newShelf(&a.ledger)
	for _, p := range b.checkpoints() {
		if p.Window == 0 {
			a.chain = append(a.chain, p)
		} else {
			a.windows[p.Op] = append(a.windows[p.Op], p)
		}
	}
	for id := range b.feed.Truth() {
		for _, row := range b.feed.Served(id) {
			a.versions[id+string(row.Bytes)] = row.Version
		}
	}
	rows := b.records(b.sites())
	a.records = len(rows)
	for _, r := range rows {
		page := pageOf{header(r, schemas.HeaderRunID), header(r, schemas.HeaderPage)}
		a.pages[page] = append(a.pages[page], r)
	}
	a.oneChain(b.t)
	a.everyPageOnce(b.t)
	a.newestLast(b.t, rows)
	a.noKeys(b.t, rows)
	for i, bill := range a.ledger.Bills {
		if bill.Credits > 0 && !a.shelf.taken[i] { // a page without rows is asked for the sake of the balance
			a.wasted++
		}
	}
	return a
}

// oneChain checks that the checkpoints are one chain: no page twice, none left
// out, no cursor or watermark that goes back, runs that keep their identity.
func (a *audit) oneChain(t *testing.T) {
	t.Helper()
	ops := make(map[string]bool)
	var before schemas.Progress
	for i, p := range a.chain {
		wrong := func(what string, got, want any) {
			t.Errorf("checkpoint %d (run %s, page %d): %s is %v, want %v", i+1, p.RunID, p.Pages, what, got, want)
		}
		if p.Seq != uint64(i+1) {
			wrong("seq", p.Seq, i+1)
		}
		if p.Fence < before.Fence {
			wrong("fence", p.Fence, fmt.Sprintf("at least %d", before.Fence))
		}
		if ops[p.Op] {
			wrong("op", p.Op, "one that is new")
		}
		ops[p.Op] = true
		if begins := i == 0 || before.Phase == schemas.Done; begins {
			if p.RunID == before.RunID {
				wrong("run", p.RunID, "one that is new")
			}
			before = schemas.Progress{Watermark: before.Watermark, Fence: before.Fence}
		} else {
			a.sameRun(wrong, before, p)
		}
		// The record that says how a run is cut comes without a page.
		least, most := before.Pages+1, before.Pages+int64(max(a.bed.grouped, 1))
		if p.Windows > 0 && before.Windows == 0 {
			least, most = 0, 0
		}
		if p.Pages < least || p.Pages > most {
			wrong("pages", p.Pages, fmt.Sprintf("from %d to %d", least, most))
		}
		want := before.Watermark
		if p.Phase == schemas.Done && p.RunStartedAt.After(want) {
			want = p.RunStartedAt
		}
		if !p.Watermark.Equal(want) {
			wrong("watermark", p.Watermark, want)
		}
		before = p
	}
}

// sameRun checks that a checkpoint goes on with the run of the one before.
func (a *audit) sameRun(wrong func(what string, got, want any), before, p schemas.Progress) {
	identity := func(p schemas.Progress) string {
		return fmt.Sprint(p.RunID, p.Mode, p.UpdatedAfter, p.Fingerprint, p.Windows)
	}
	if got, want := identity(p), identity(before); got != want {
		wrong("run", got, want)
	}
	// A run's start is final with its first page.
	if before.Pages > 0 && !p.RunStartedAt.Equal(before.RunStartedAt) {
		wrong("start", p.RunStartedAt, before.RunStartedAt)
	}
	if before.Waste.Total() > p.Waste.Total() {
		wrong("waste", p.Waste.Total(), fmt.Sprintf("at least %d", before.Waste.Total()))
	}
}

// everyPageOnce checks that the records are exactly those rows of the pages in the
// chain that the topic did not have already, each page being one that the feed
// sold after the page before it. So nothing is missing, nothing is there twice,
// and no page is there in part.
func (a *audit) everyPageOnce(t *testing.T) {
	t.Helper()
	var before schemas.Progress
	windows := make(map[int]schemas.Progress)
	for _, p := range a.chain {
		if p.RunID != before.RunID {
			before = schemas.Progress{}
			clear(windows)
		}
		var way []stretch
		if p.Windows == 0 {
			way = append(way, stretchOf(before, p))
		}
		for _, w := range a.windows[p.Op] {
			if from, planned := windows[w.Window]; planned {
				way = append(way, stretchOf(from, w))
			}
			windows[w.Window] = w
		}
		a.cutRight(t, p, windows)
		a.transaction(t, before, p, way)
		delete(a.windows, p.Op)
		before = p
	}
	for op := range a.windows {
		t.Errorf("transaction %s has records of windows and none of the stream", op)
	}
	for name, records := range a.pages {
		t.Errorf("%d records of page %s of run %q have no checkpoint", len(records), name.page, name.run)
	}
}

// cutRight checks that a run's counts are the sums of those of its windows, and
// that it is done when they all are.
func (a *audit) cutRight(t *testing.T, p schemas.Progress, windows map[int]schemas.Progress) {
	t.Helper()
	if p.Windows == 0 {
		return
	}
	var pages, rows, credits int64
	open := 0
	for _, w := range windows {
		pages, rows, credits = pages+w.Pages, rows+w.Rows, credits+w.Credits
		if w.Phase != schemas.Done {
			open++
		}
	}
	if len(windows) != p.Windows || pages != p.Pages || rows != p.Rows || credits != p.Credits || (open == 0) != (p.Phase == schemas.Done) {
		t.Errorf("run %s (%s, %d windows) has %d pages, %d rows, %d credits; its %d windows, %d of them open, have %d, %d, %d",
			p.RunID, p.Phase, p.Windows, p.Pages, p.Rows, p.Credits, len(windows), open, pages, rows, credits)
	}
}

// transaction checks one checkpoint against the records that came with it and
// against the bills of its pages.
func (a *audit) transaction(t *testing.T, before, p schemas.Progress, way []stretch) {
	t.Helper()
	pages := make(map[string][]simulator.Version)
	records := 0
	for n := before.Pages + 1; n <= p.Pages; n++ {
		name := pageOf{p.RunID, fmt.Sprint(n)}
		rows := []simulator.Version{}
		for _, r := range a.pages[name] {
			version, ok := a.versions[string(r.Key)+string(r.Value)]
			if !ok {
				t.Errorf("record %s/%d/%d of company %s: the feed never sold these bytes", r.Topic, r.Partition, r.Offset, r.Key)
			}
			rows = append(rows, simulator.Version{ID: string(r.Key), Version: version})
		}
		records += len(rows)
		pages[name.page] = ordered(rows)
		delete(a.pages, name)
	}
	sum, ok := a.shelf.sell(way, pages)
	if !ok {
		t.Errorf("pages %d to %d of run %s: the feed has not sold these %d rows, new ones all, on pages that follow those before", before.Pages+1, p.Pages, p.RunID, records)
		return
	}
	got := totals{rows: int(p.Rows - before.Rows), unchanged: int(p.Unchanged - before.Unchanged), credits: p.Credits - before.Credits}
	if got != sum {
		t.Errorf("pages %d to %d of run %s say %+v, the bills %+v", before.Pages+1, p.Pages, p.RunID, got, sum)
	}
}

// newestLast checks that no older version of a company follows a newer one.
func (a *audit) newestLast(t *testing.T, rows []*kgo.Record) {
	t.Helper()
	last := make(map[string]int)
	for _, r := range rows { // a key is in one partition, whose records are in order
		version := a.versions[string(r.Key)+string(r.Value)]
		if version < last[string(r.Key)] {
			t.Errorf("company %s: version %d follows version %d", r.Key, version, last[string(r.Key)])
		}
		last[string(r.Key)] = version
	}
}

func (a *audit) noKeys(t *testing.T, rows []*kgo.Record) {
	t.Helper()
	for _, r := range append(append(rows, a.bed.records(a.bed.progress())...), a.bed.records(a.bed.letters())...) {
		where := fmt.Sprintf("record %s/%d/%d", r.Topic, r.Partition, r.Offset)
		noKey(t, where, r.Value)
		for _, h := range r.Headers {
			noKey(t, where+", header "+h.Key, h.Value)
		}
	}
}
