//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

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
		got, ok := newest[id]
		if a.inNoWindow(row) {
			if ok {
				b.t.Errorf("company %s was never discovered: it is in no window, and yet in the topic", id)
			}
			continue
		}
		if !ok {
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

// inNoWindow reports whether a row is one that a backfill in windows does not
// deliver, and has not changed since.
func (a *audit) inNoWindow(row simulator.Row) bool {
	first := a.chain[0]
	if first.Windows == 0 || row.UpdatedAt.After(first.RunStartedAt) {
		return false
	}
	var site struct {
		DiscoveredAt *string `json:"discovered_at"`
	}
	if err := json.Unmarshal(row.Bytes, &site); err != nil {
		a.bed.t.Errorf("company %s: %v", row.ID, err)
	}
	return site.DiscoveredAt == nil
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

// accounted checks that the checkpoint owns up to every credit that the ledger
// has, and to what the overlap brought for nothing.
func (a *audit) accounted() *audit {
	t := a.bed.t
	t.Helper()
	waste := a.chain[len(a.chain)-1].Waste
	lost := waste.Crash + waste.UnknownOutcome + waste.Fenced
	if got := a.shelf.sum.credits + lost; got != a.ledger.Credits {
		t.Errorf("committed pages cost %d and the waste is %+v: %d credits, the ledger says %d", a.shelf.sum.credits, waste, got, a.ledger.Credits)
	}
	if got, want := waste.Overlap+waste.CursorRestart, int64(a.shelf.sum.unchanged)*simulator.DefaultPrice; got != want {
		t.Errorf("the waste of unchanged rows is %+v, want %d for %d of them", waste, want, a.shelf.sum.unchanged)
	}
	return a
}

// String is what a test has to tell about a run that went well.
func (a *audit) String() string {
	return fmt.Sprintf("%d pages billed (%d rows), %d committed (%d records), %d bought again; %d companies",
		a.ledger.Pages, a.ledger.Rows, len(a.shelf.taken), a.records, a.wasted, a.bed.feed.Len())
}
