//go:build unix

package main_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// seed decides the moments of one test, and says how to have them again.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := *seedFlag
	if n == 0 {
		n = rand.Uint64()
	}
	t.Logf("moments of -seed=%d", n)
	return rand.New(rand.NewPCG(n, 0))
}

// linger waits for a random time up to limit. It does not wait for anything to
// happen: where a process is struck within the step that it is at is the point.
func linger(r *rand.Rand, limit time.Duration) {
	<-time.After(time.Duration(r.Int64N(int64(limit))))
}

func TestKillsCostAtMostThePageInHand(t *testing.T) {
	t.Parallel()
	kills := *killsFlag
	const rounds = 30
	b := newBed(t, simulator.Options{
		Rows: max(1500, 75*kills), Seed: 7, Latency: 15 * time.Millisecond,
		Change: simulator.Change{EveryPages: 1, Update: 3, Insert: 1, Rounds: rounds},
	})
	r, began := seed(t), time.Now()
	starts, busy := 0, 0
	for struck := 0; struck < kills; starts++ {
		p := b.sync("BATCH_SIZE=40", "LOG_LEVEL=debug")
		b.moment(p, r, starts)
		if p.kill() {
			struck++
			continue
		}
		// It was quicker: the run is done, or it has waited for the lease of the one
		// before in vain.
		if p.expect(0, 5) == 5 {
			busy++
		}
		if b.newest().Phase == schemas.Done {
			b.feed.UpdateRandom(160)
			b.feed.Insert(40)
		}
	}
	if b.pages() < rounds {
		t.Fatalf("%d pages were bought, and rows change until the %dth", b.pages(), rounds)
	}
	// What was begun is finished; what changed meanwhile comes with one more run.
	b.sync().expect(0)
	b.sync().expect(0)
	a := b.complete().atMost(kills)
	runs := make(map[string]bool)
	for _, p := range a.chain {
		runs[p.RunID] = true
	}
	t.Logf("%d kills in %d starts (%d found the lease taken), %d runs, %s: %v", kills, starts, busy, len(runs), time.Since(began).Round(time.Second), a)
}

// moment waits until p is where it is to be struck. The moments are spread over
// its life: before and while it connects, while it takes over, while a page is on
// its way, and while one is committed.
func (b *bed) moment(p *process, r *rand.Rand, turn int) {
	b.t.Helper()
	token, pages, served := b.token(), b.pages(), int(b.served.Load())
	switch turn % 5 {
	case 0:
		linger(r, 400*time.Millisecond)
	case 1:
		until(b.t, "a take-over", func() bool { return b.token() > token }, p)
		linger(r, 100*time.Millisecond)
	case 2:
		more := pages + 1 + r.IntN(6)
		until(b.t, "a purchase", func() bool { return b.pages() >= more }, p)
		linger(r, 3*time.Millisecond)
	case 3:
		more := served + 1 + r.IntN(10)
		until(b.t, "an answer", func() bool { return int(b.served.Load()) >= more }, p)
		linger(r, 8*time.Millisecond)
	case 4:
		more := served + 1 + r.IntN(12)
		until(b.t, "an answer", func() bool { return int(b.served.Load()) >= more }, p)
		linger(r, 40*time.Millisecond)
	}
}
