//go:build unix

package main_test

import (
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestBrokenConnectionsToKafkaCostNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{
		Rows: 1500, Seed: 12, Latency: 15 * time.Millisecond,
		Change: simulator.Change{EveryPages: 1, Update: 2, Rounds: 30},
	})
	if b.wires == nil {
		t.Skip("the connections of a real Kafka are not this test's to cut")
	}
	r := seed(t)
	p := b.sync("BATCH_SIZE=25")
	cuts := 0
	for page := 2; p.running(); page = b.pages() + 1 + r.IntN(4) {
		if !until(t, "a purchase", func() bool { return b.pages() >= page }, p) {
			break
		}
		linger(r, 40*time.Millisecond) // before the answer, or within the transaction
		b.wires.cut()
		cuts++
	}
	p.expect(0)
	b.sync().expect(0)
	if cuts < 5 {
		t.Errorf("the connections were cut %d times, want at least 5", cuts)
	}
	t.Logf("%d cuts: %v", cuts, b.complete().atMost(0))
}
