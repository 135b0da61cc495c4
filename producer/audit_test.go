//go:build unix

package main_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
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
	pages    map[pageOf][]*kgo.Record
	versions map[string]int // by id and bytes
	billed   []bool         // bills whose page was committed

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
		bed: b, ledger: b.feed.Ledger(), chain: b.chain(),
		pages: make(map[pageOf][]*kgo.Record), versions: make(map[string]int),
	}
	a.billed = make([]bool, len(a.ledger.Bills))
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
	a.wasted = len(a.ledger.Bills) - len(a.chain)
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
		begins := i == 0 || before.Phase == schemas.Done
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
		if begins != (p.RunID != before.RunID) || begins && p.Pages != 1 {
			wrong("place", fmt.Sprintf("page %d of run %s", p.Pages, p.RunID), fmt.Sprintf("what follows page %d of run %s (%s)", before.Pages, before.RunID, before.Phase))
		}
		if !begins && (p.Pages != before.Pages+1 || !p.RunStartedAt.Equal(before.RunStartedAt) || !p.UpdatedAfter.Equal(before.UpdatedAfter) || p.Mode != before.Mode) {
			wrong("run", fmt.Sprint(p.Pages, p.RunStartedAt, p.UpdatedAfter, p.Mode), fmt.Sprint(before.Pages+1, before.RunStartedAt, before.UpdatedAfter, before.Mode))
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

// everyPageOnce checks that the records are exactly those of the pages in the
// chain, each page being one that the feed sold after the page before it. So
// nothing is missing, nothing is there twice, and no page is there in part.
func (a *audit) everyPageOnce(t *testing.T) {
	t.Helper()
	var before schemas.Progress
	for _, p := range a.chain {
		name := pageOf{p.RunID, fmt.Sprint(p.Pages)}
		var got []simulator.Version
		for _, r := range a.pages[name] {
			version, ok := a.versions[string(r.Key)+string(r.Value)]
			if !ok {
				t.Errorf("record %s/%d/%d of company %s: the feed never sold these bytes", r.Topic, r.Partition, r.Offset, r.Key)
			}
			got = append(got, simulator.Version{ID: string(r.Key), Version: version})
		}
		if p.RunID != before.RunID {
			before = schemas.Progress{}
		}
		if rows := p.Rows - before.Rows; int(rows) != len(got) {
			t.Errorf("page %s of run %s says that it has %d rows, the topic has %d", name.page, name.run, rows, len(got))
		}
		if !a.sold(before.Cursor, p, got) {
			t.Errorf("page %s of run %s: the feed has not sold these %d rows on a page that follows the one before", name.page, name.run, len(got))
		}
		delete(a.pages, name)
		before = p
	}
	for name, records := range a.pages {
		t.Errorf("%d records of page %s of run %q have no checkpoint", len(records), name.page, name.run)
	}
}

// sold finds the bill of a page, and strikes it off.
func (a *audit) sold(cursor string, p schemas.Progress, rows []simulator.Version) bool {
	order := func(v []simulator.Version) []simulator.Version {
		slices.SortFunc(v, func(x, y simulator.Version) int { return cmp.Or(cmp.Compare(x.ID, y.ID), x.Version-y.Version) })
		return v
	}
	order(rows)
	for i, bill := range a.ledger.Bills {
		if a.billed[i] || bill.Cursor != cursor || bill.Next != p.Cursor || bill.HasMore != (p.Phase == schemas.Paging) {
			continue
		}
		if slices.Equal(order(a.ledger.Sold(bill)), rows) {
			a.billed[i] = true
			return true
		}
	}
	return false
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

// complete checks, beside the audit, what holds when a run has ended and nothing
// has changed since it began: the topic's newest records are the feed's newest
// rows, byte for byte, and Redis has the newest checkpoint.
func (b *bed) complete() *audit {
	b.t.Helper()
	a := b.audit()
	newest := make(map[string][]byte)
	for _, r := range b.records(b.sites()) {
		newest[string(r.Key)] = r.Value
	}
	truth := b.feed.Truth()
	for id, row := range truth {
		if got, ok := newest[id]; !ok {
			b.t.Errorf("company %s is missing", id)
		} else if !bytes.Equal(got, row.Bytes) {
			b.t.Errorf("company %s: the last record is version %d, the feed has version %d", id, a.versions[id+string(got)], row.Version)
		}
	}
	for id := range maps.Keys(newest) {
		if _, ok := truth[id]; !ok {
			b.t.Errorf("company %s is in the topic and not in the feed", id)
		}
	}
	if last := a.chain[len(a.chain)-1]; last.Phase != schemas.Done {
		b.t.Errorf("the newest run is in phase %s, want %s", last.Phase, schemas.Done)
	}
	b.copied(a.chain)
	return a
}

// copied checks that Redis has the newest checkpoint.
func (b *bed) copied(chain []schemas.Progress) {
	b.t.Helper()
	last := chain[len(chain)-1]
	want, err := last.Encode()
	if err != nil {
		b.t.Fatal(err)
	}
	got, err := b.redis.HGetAll(b.t.Context(), b.key("checkpoint")).Result()
	if err != nil {
		b.t.Fatalf("checkpoint in Redis: %v", err)
	}
	if got["state"] != string(want) || got["op"] != last.Op || got["seq"] != fmt.Sprint(last.Seq) || got["fence"] != fmt.Sprint(last.Fence) {
		b.t.Errorf("Redis has fence %s, seq %s, op %s, state %s; Kafka's newest is %s", got["fence"], got["seq"], got["op"], got["state"], want)
	}
	for field, value := range got {
		noKey(b.t, "field "+field+" of the checkpoint in Redis", []byte(value))
	}
}

// wasted checks how many pages were bought and never committed.
func (a *audit) atMost(wasted int) *audit {
	a.bed.t.Helper()
	if a.wasted > wasted {
		a.bed.t.Errorf("%d pages were bought again, want at most %d", a.wasted, wasted)
	}
	return a
}

// String is what a test has to tell about a run that went well.
func (a *audit) String() string {
	return fmt.Sprintf("%d pages billed (%d rows), %d committed (%d records), %d bought again; %d companies",
		a.ledger.Pages, a.ledger.Rows, len(a.chain), a.records, a.wasted, a.bed.feed.Len())
}
