//go:build unix

package main_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

const (
	pagePrice = 50 * simulator.DefaultPrice
	// allowance covers two pages and 22 rows, and not quite a row more.
	allowance = 2*pagePrice + 22*simulator.DefaultPrice + simulator.DefaultPrice - 1
)

// sameDay skips the rest of a test that has met midnight: a day's budget has begun
// anew in the middle of it.
func sameDay(t *testing.T, began time.Time) {
	t.Helper()
	if time.Now().UTC().YearDay() != began.UTC().YearDay() {
		t.Skip("it was midnight meanwhile")
	}
}

func TestEachBudgetStopsAtTheAllowedRow(t *testing.T) {
	t.Parallel()
	const wallet = 1_000_000
	for name, c := range map[string]struct {
		limit   string // the setting, if it is one
		raised  string
		balance int64
		words   []string
	}{
		"run":    {fmt.Sprint("CREDITS_MAX_PER_RUN=", allowance), "CREDITS_MAX_PER_RUN=", wallet, []string{"CREDITS_MAX_PER_RUN=6149 is used up", "6100 credits", "higher CREDITS_MAX_PER_RUN"}},
		"day":    {fmt.Sprint("CREDITS_MAX_PER_DAY=", allowance), "CREDITS_MAX_PER_DAY=100000", wallet, []string{"CREDITS_MAX_PER_DAY=6149 is used up", "T00:00:00Z"}},
		"month":  {fmt.Sprint("CREDITS_MAX_PER_MONTH=", allowance), "CREDITS_MAX_PER_MONTH=100000", wallet, []string{"CREDITS_MAX_PER_MONTH=6149 is used up", "-01T00:00:00Z"}},
		"floor":  {fmt.Sprint("CREDITS_MIN_BALANCE=", wallet-allowance), "CREDITS_MIN_BALANCE=0", wallet, []string{"CREDITS_MIN_BALANCE=993851", "wallet holds 993900"}},
		"wallet": {"CREDITS_PER_ROW=50", "CREDITS_PER_ROW=50", allowance, []string{"wallet holds 49 credits", "a row costs 50", "when the wallet is filled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			b := newBed(t, simulator.Options{Rows: 300, Seed: 36, Balance: c.balance})
			b.sync(c.limit).says(3, append(c.words, "paused", "state is kept", "nothing is bought twice")...)
			b.wipe(t.Context()) // what was spent is known from Kafka too
			b.sync(c.limit).says(3, c.words...)
			a := b.audit().atMost(0).accounted()
			b.copied(a.chain)
			sameDay(t, began)
			if a.ledger.Rows != 122 {
				t.Errorf("%d rows were bought, want the 122 that are allowed", a.ledger.Rows)
			}
			stood := a.chain[len(a.chain)-1]
			if c.limit == c.raised {
				b.feed.AddBalance(wallet)
			}
			b.sync(c.raised).expect(0)
			a = b.complete().atMost(0).accounted()
			if a.ledger.Duplicates != 0 {
				t.Errorf("%d rows were bought twice, want none", a.ledger.Duplicates)
			}
			if last := a.chain[len(a.chain)-1]; last.RunID != stood.RunID {
				t.Errorf("run %s was finished, want %s, which was paused", last.RunID, stood.RunID)
			}
		})
	}
}

// twin starts a run of another stream with the same API key: its own name, its
// own topics.
func (b *bed) twin(changes ...string) *process {
	b.t.Helper()
	name := b.name + "-twin"
	return b.sync(append([]string{
		"FEED_NAME=" + name, "CAREER_SITES_TOPIC=" + name + ".sites", "PROGRESS_TOPIC=" + name + ".progress",
		"DEAD_LETTERS_TOPIC=" + name + ".letters",
	}, changes...)...)
}

func TestTwoStreamsOfOneKeyBuyTheLastPageOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 1000, Seed: 37, Latency: 5 * time.Millisecond})
	began := time.Now()
	t.Cleanup(func() {
		name := b.name + "-twin"
		_, _ = b.admin.DeleteTopics(context.WithoutCancel(t.Context()), name+".sites", name+".progress", name+".letters")
		_ = b.redis.Del(context.WithoutCancel(t.Context()), "jobo:{"+name+"}:fence", "jobo:{"+name+"}:checkpoint").Err()
	})
	for round := int64(1); round <= 5; round++ {
		limit := fmt.Sprint("CREDITS_MAX_PER_DAY=", round*pagePrice)
		one, other := b.sync(limit), b.twin(limit)
		one.says(3, "CREDITS_MAX_PER_DAY")
		other.says(3, "CREDITS_MAX_PER_DAY")
		sameDay(t, began)
		if l := b.feed.Ledger(); l.Credits != round*pagePrice {
			t.Fatalf("round %d: %d credits were spent, want the %d that one page more costs", round, l.Credits, round*pagePrice)
		}
	}
}

func TestBudgetOfTheDayCountsThePagesOfTheDead(t *testing.T) {
	t.Parallel()
	const pages = 12
	b := newBed(t, simulator.Options{Rows: 2000, Seed: 38, Latency: 10 * time.Millisecond})
	b.grouped = 16
	r, began := seed(t), time.Now()
	settings := []string{fmt.Sprint("CREDITS_MAX_PER_DAY=", pages*pagePrice), "PREFETCH=2"}
	kills := 0
	for _, page := range []int{1, 4, 8} {
		p := b.sync(settings...)
		until(t, "a purchase", func() bool { return b.pages() >= page && b.seq() > 0 }, p)
		linger(r, 10*time.Millisecond)
		if p.kill() {
			kills++
		}
	}
	b.sync(settings...).says(3, "CREDITS_MAX_PER_DAY")
	sameDay(t, began)
	a := b.audit().atMost(3 * kills).accounted()
	// To the row: what the dead had reserved and not spent is free again.
	if a.ledger.Credits != pages*pagePrice {
		t.Errorf("%d credits were spent, want all %d of the day: %v; waste %+v", a.ledger.Credits, pages*pagePrice, a, a.chain[len(a.chain)-1].Waste)
	}
	b.sync("PREFETCH=2").expect(0)
	t.Log(b.complete().atMost(3 * kills).accounted())
}
