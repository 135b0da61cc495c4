//go:build unix

package main_test

import (
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestLosingRedisCostsNothing(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 1500, Seed: 9, Latency: 15 * time.Millisecond})
	p := b.sync("BATCH_SIZE=25")
	for _, page := range []int{1, 6, 25} {
		until(t, "a purchase", func() bool { return b.pages() >= page }, p)
		b.wipe(t.Context())
		// The instance notices when it renews its lease, and takes over from itself.
		if !until(t, "the lease to be taken anew", func() bool { return b.token() > 0 }, p) {
			t.Fatalf("the run ended before Redis was lost at page %d", page)
		}
	}
	p.expect(0)
	t.Log(b.complete().atMost(0))
}

func TestRedisIsRepairedFromKafka(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 600, Seed: 10, Latency: 15 * time.Millisecond})

	// Lost together with the instance, in the middle of a run.
	p := b.sync("BATCH_SIZE=25")
	until(t, "a purchase", func() bool { return b.pages() >= 5 }, p)
	if !p.kill() {
		t.Fatal("the run ended before it was killed")
	}
	b.wipe(t.Context())
	b.sync("BATCH_SIZE=25").expect(0)
	b.complete().atMost(1)

	// Lost between two runs: the next one is no backfill.
	b.wipe(t.Context())
	pages := b.pages()
	b.sync("BATCH_SIZE=25").expect(0)
	if last := b.newest(); last.Mode != schemas.Incremental || b.pages() != pages+1 {
		t.Errorf("after Redis was lost the next run is a %s of %d pages, want an incremental of 1", last.Mode, b.pages()-pages)
	}
	t.Log(b.complete().atMost(1))
}

func TestRedisOutageIsWaitedOut(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 1000, Seed: 11, Latency: 15 * time.Millisecond})
	if b.mini == nil {
		t.Skip("a real Redis is shared: it is not shut down")
	}
	p := b.sync("BATCH_SIZE=25")
	until(t, "a purchase", func() bool { return b.pages() >= 5 }, p)
	token := b.token()
	b.mini.Close()
	b.mini.FlushAll() // it comes back with nothing
	// The instance stops buying when its lease can't be renewed.
	pages, since := b.pages(), time.Now()
	until(t, "the purchases to end", func() bool {
		if n := b.pages(); n > pages {
			pages, since = n, time.Now()
		}
		return time.Since(since) > time.Second
	}, p)
	if err := b.mini.Restart(); err != nil {
		t.Fatal(err)
	}
	p.expect(0)
	if b.token() <= token {
		t.Errorf("the token is %d after Redis came back empty, and was %d before", b.token(), token)
	}
	t.Log(b.complete().atMost(0))
}
