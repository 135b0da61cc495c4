//go:build unix

package main_test

import (
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// overlapped is a stream whose incremental runs meet what was changed lately.
func overlapped(t *testing.T, seed uint64) (*bed, []string) {
	t.Helper()
	b := newBed(t, simulator.Options{Rows: 400, Seed: seed, Latency: 10 * time.Millisecond})
	settings := []string{"SYNC_OVERLAP=15m", "BATCH_SIZE=20"}
	b.sync(settings...).expect(0)
	return b, settings
}

// change changes some rows of the feed, and returns how many records that makes.
func (b *bed) change() int {
	return len(b.feed.UpdateRandom(30)) + len(b.feed.Insert(5))
}

func TestOverlapIsPaidForAndNotPublished(t *testing.T) {
	t.Parallel()
	b, settings := overlapped(t, 33)
	records := b.feed.Len()
	for range 4 {
		records += b.change()
		b.sync(settings...).expect(0)
		a := b.complete().atMost(0).accounted()
		if a.records != records {
			t.Errorf("%d records, want %d: each company once, and once more for each change", a.records, records)
		}
	}
	b.wipe(t.Context()) // it is not from Redis that it knows what the topic has
	b.sync(settings...).expect(0)
	a := b.complete().atMost(0).accounted()
	waste := a.chain[len(a.chain)-1].Waste
	if want := int64(a.ledger.Duplicates) * simulator.DefaultPrice; waste.Overlap != want || want == 0 {
		t.Errorf("the waste is %+v, the ledger has %d credits for rows that were sold before", waste, want)
	}
	if a.records != records {
		t.Errorf("%d records after Redis was lost, want %d", a.records, records)
	}
	t.Logf("%v; waste %+v", a, waste)
}

func TestOverlapUnderKillsAndRedisWipesPublishesEachChangeOnce(t *testing.T) {
	t.Parallel()
	b, settings := overlapped(t, 34)
	r := seed(t)
	kills, wipes := 0, 0
	for turn := range max(*killsFlag/2, 5) {
		b.change()
		p := b.sync(settings...)
		b.moment(p, r, turn)
		// What it loses: its life, all of Redis, or both at once.
		switch loses := r.IntN(3); {
		case loses == 0:
			b.wipe(t.Context())
			wipes++
			p.expect(0)
			continue
		case p.kill():
			kills++
			if loses == 2 {
				b.wipe(t.Context())
				wipes++
			}
		}
		if r.IntN(2) == 0 {
			b.sync(settings...).expect(0)
		}
	}
	// The run that was cut off, and what has changed since it began.
	b.sync(settings...).expect(0)
	b.sync(settings...).expect(0)
	// Two instances buy the same page if Redis is lost while one of them works.
	t.Logf("%d kills, %d wipes: %v", kills, wipes, b.complete().atMost(kills+wipes))
}

func TestOverlapIsRememberedByALaterProcess(t *testing.T) {
	t.Parallel()
	b, settings := overlapped(t, 35)
	changed := b.feed.UpdateRandom(60)
	// Caught with the run half done: the next process reads back what it published.
	p := b.sync(settings...)
	pages := b.pages()
	until(t, "two purchases", func() bool { return b.pages() >= pages+2 }, p)
	if !p.kill() {
		t.Fatal("the run ended before it was killed")
	}
	if err := b.feed.Update(changed[:20]...); err != nil {
		t.Fatal(err)
	}
	b.sync(settings...).expect(0)
	b.sync(settings...).expect(0)
	a := b.complete().atMost(1).accounted()
	if twice := a.records - b.feed.Len(); twice < 60 || twice > 80 {
		t.Errorf("%d records are new versions, want the 60 that changed and up to 20 that changed twice", twice)
	}
}
