//go:build unix

package main_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestKillsOfACutBackfillCostAtMostThePagesInHand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ windows, prefetch int }{{8, 0}, {4, 2}, {0, 3}} {
		t.Run(fmt.Sprintf("windows=%d,prefetch=%d", c.windows, c.prefetch), func(t *testing.T) {
			t.Parallel()
			killBackfill(t, c.windows, c.prefetch, max(*killsFlag/3, 1))
		})
	}
}

// killBackfill kills a backfill again and again and lets it end, and then brings
// what changed meanwhile.
func killBackfill(t *testing.T, windows, prefetch, kills int) {
	const rounds = 30
	inHand := max(windows, 1) * (1 + prefetch)
	b := newBed(t, simulator.Options{
		Rows: 80 * inHand * kills, Seed: 31, Latency: 15 * time.Millisecond,
		Change: simulator.Change{EveryPages: 1, Update: 3, Insert: 1, Rounds: rounds},
	})
	b.grouped = 16
	settings := []string{
		"BATCH_SIZE=20", "LOG_LEVEL=debug",
		fmt.Sprint("BACKFILL_WINDOWS=", windows), fmt.Sprint("PREFETCH=", prefetch),
	}
	r := seed(t)
	struck, starts := 0, 0
	for done := false; struck < kills && !done; starts++ {
		p := b.sync(settings...)
		if starts == 0 {
			// The wallet is known from the first page that is committed: what is lost
			// before that counts in full.
			until(t, "a checkpoint with a page", func() bool { return b.seq() > 1 }, p)
		}
		b.moment(p, r, starts)
		if p.kill() {
			struck++
			continue
		}
		done = p.expect(0, 5) == 0
	}
	if struck < kills*2/3 {
		t.Errorf("the backfill was done after %d kills, want %d", struck, kills)
	}
	for range 3 { // the backfill, what changed meanwhile, and money lost by the way
		b.sync(settings...).expect(0)
	}
	a := b.complete().atMost(struck * inHand).accounted()
	if first := a.chain[0]; first.Windows != windows || first.Mode != schemas.Backfill {
		t.Errorf("the first run is a %s in %d windows, want a backfill in %d", first.Mode, first.Windows, windows)
	}
	t.Logf("%d kills in %d starts: %v; waste %+v", struck, starts, a, a.chain[len(a.chain)-1].Waste)
}

func TestPageLostBeforeTheFirstCheckpointIsNeverHidden(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 400, Seed: 39, Latency: 10 * time.Millisecond})
	p := b.sync()
	until(t, "a purchase", func() bool { return b.pages() > 0 }, p)
	p.kill()
	b.sync().expect(0)
	a := b.complete().atMost(1)
	if got := a.chain[len(a.chain)-1].Waste.Crash; got != int64(a.wasted)*pagePrice && (a.wasted > 0 || got > pagePrice) {
		t.Errorf("the waste is %d credits for %d pages that were bought again", got, a.wasted)
	}
}

func TestCutBackfillLeavesOutWhatNoWindowHas(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 600, Seed: 32})
	b.grouped = 16
	b.sync("BACKFILL_WINDOWS=5").expect(0)
	a := b.complete().atMost(0).accounted()
	missing := b.feed.Len() - a.records
	if missing == 0 {
		t.Fatal("every company was discovered at some time: the test shows nothing")
	}
	// The way that the documentation offers: they come when they change.
	for id := range b.feed.Truth() {
		if err := b.feed.Update(id); err != nil {
			t.Fatal(err)
		}
	}
	b.sync("BACKFILL_WINDOWS=5").expect(0)
	if a = b.complete(); a.records != 2*b.feed.Len()-missing {
		t.Errorf("%d records, want all %d companies and %d of them once more", a.records, b.feed.Len(), b.feed.Len()-missing)
	}
}
