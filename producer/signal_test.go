//go:build unix

package main_test

import (
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestFirstSignalFinishesThePageInHand(t *testing.T) {
	t.Parallel()
	const page = 4
	for _, signal := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, simulator.Options{Rows: 600, Seed: 13, Latency: 10 * time.Millisecond})
			slow := simulator.Fault{Kind: simulator.KindLatency, Billed: true, Delay: time.Second, When: simulator.When{Page: page}}
			if err := b.feed.AddFault(slow); err != nil {
				t.Fatal(err)
			}
			p := b.sync("BATCH_SIZE=25")
			until(t, "the purchase", func() bool { return b.pages() >= page }, p)
			p.signal(signal)
			p.expect(0)
			a := b.audit().atMost(0)
			if len(a.chain) != page {
				t.Errorf("%d pages are committed, want the %d that were bought", len(a.chain), page)
			}
			b.copied(a.chain)

			b.sync("BATCH_SIZE=25").expect(0)
			a = b.complete().atMost(0)
			if next := a.ledger.Bills[page]; next.Cursor != a.chain[page-1].Cursor {
				t.Errorf("the next start goes on from cursor %q, want %q", next.Cursor, a.chain[page-1].Cursor)
			}
			if n := a.ledger.PagesAgain; n != 0 {
				t.Errorf("%d pages were bought twice, want none", n)
			}
			t.Log(a)
		})
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	const page = 4
	b := newBed(t, simulator.Options{Rows: 600, Seed: 14, Latency: 10 * time.Millisecond})
	stall := simulator.Fault{Kind: simulator.KindStall, Bytes: 100, When: simulator.When{Page: page}}
	if err := b.feed.AddFault(stall); err != nil {
		t.Fatal(err)
	}
	p := b.sync("BATCH_SIZE=25")
	until(t, "the purchase", func() bool { return b.pages() >= page }, p)
	p.signal(syscall.SIGTERM)
	// It can't finish the page. Nothing tells when it has taken note of the first
	// signal, so the second is repeated.
	until(t, "the end", func() bool {
		p.signal(syscall.SIGINT)
		return !p.running()
	})
	if code := p.wait(); code != -int(syscall.SIGINT) {
		t.Errorf("the producer ended with %d, want by SIGINT:\n%s", code, p.stderr.String())
	}
	if a := b.audit().atMost(1); len(a.chain) != page-1 {
		t.Errorf("%d pages are committed, want %d", len(a.chain), page-1)
	}
	b.sync("BATCH_SIZE=25").expect(0)
	t.Log(b.complete().atMost(1))
}

func TestSignalWhileWaitingForTheLease(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 100})
	if err := b.redis.Set(t.Context(), b.key("lease"), "someone:1:x|1", time.Minute).Err(); err != nil {
		t.Fatal(err)
	}
	p := b.sync("LEASE_TTL=5m")
	// The topics are made before the lease is asked for.
	until(t, "the topics", func() bool {
		topics, err := b.admin.ListTopics(t.Context(), b.letters())
		return err == nil && topics.Has(b.letters())
	}, p)
	p.signal(syscall.SIGTERM)
	p.expect(0)
	if n := b.pages(); n != 0 {
		t.Errorf("%d pages were bought without the lease", n)
	}
}

func TestEveryRunEndsWithARecordOfIt(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 120})
	b.sync().expect(0)
	first := b.newest()
	b.feed.UpdateRandom(10)
	b.sync().expect(0)
	last := b.newest()
	if first.Mode != schemas.Backfill || last.Mode != schemas.Incremental || !last.UpdatedAfter.Equal(first.Watermark) {
		t.Errorf("runs: %s, then %s after %s; want a backfill, then an incremental after %s", first.Mode, last.Mode, last.UpdatedAfter, first.Watermark)
	}
	b.complete().atMost(0)
}
