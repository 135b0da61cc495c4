//go:build unix

package main_test

import (
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestSecondInstanceLeavesTheFirstAlone(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 400, Seed: 21, Latency: 20 * time.Millisecond})
	// One page takes longer than the second instance waits.
	slow := simulator.Fault{Kind: simulator.KindLatency, Delay: 6 * time.Second, When: simulator.When{Page: 2}}
	if err := b.feed.AddFault(slow); err != nil {
		t.Fatal(err)
	}
	first := b.sync()
	until(t, "a purchase", func() bool { return b.pages() >= 1 }, first)
	second := b.sync()
	second.says(5, "held by another instance", "no more is bought here", "stop the other instance")
	if !first.running() {
		t.Error("the first instance ended before the second gave up")
	}
	first.expect(0)
	t.Log(b.complete().atMost(0))
}

func TestDeadInstanceIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 400, Seed: 22, Latency: 20 * time.Millisecond})
	first := b.sync()
	until(t, "a purchase", func() bool { return b.pages() >= 2 }, first)
	if !first.kill() {
		t.Fatal("the first instance ended before it was killed")
	}
	second := b.sync()
	second.expect(0)
	t.Logf("replaced after %s at most: %v", second.took.Round(time.Millisecond), b.complete().atMost(1))
}
