//go:build unix

package main_test

import (
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestEmptyWalletPausesTheRun(t *testing.T) {
	t.Parallel()
	const pages = 3
	b := newBed(t, simulator.Options{Rows: 500, Seed: 19, Balance: pages*50*simulator.DefaultPrice + 100})
	b.sync().says(3, "paused", "402", "wallet holds 100", "state is kept", "BATCH_SIZE")
	a := b.audit().atMost(0)
	b.copied(a.chain)
	if len(a.chain) != pages {
		t.Errorf("%d pages are committed, want the %d that the wallet covered", len(a.chain), pages)
	}
	b.wipe(t.Context())
	b.sync().says(3, "paused") // nothing has changed
	b.noMore(pages)
	b.copied(a.chain) // repaired by the take-over, without a page

	b.feed.AddBalance(1_000_000)
	b.sync().expect(0)
	a = b.complete().atMost(0)
	if next := a.ledger.Bills[pages]; next.Cursor != a.chain[pages-1].Cursor {
		t.Errorf("the next start goes on from cursor %q, want %q", next.Cursor, a.chain[pages-1].Cursor)
	}
	if a.ledger.PagesAgain != 0 || a.ledger.Duplicates != 0 {
		t.Errorf("%d pages and %d rows were bought twice, want none", a.ledger.PagesAgain, a.ledger.Duplicates)
	}
}

// done is a bed on which a backfill has ended.
func done(t *testing.T) *bed {
	t.Helper()
	b := newBed(t, simulator.Options{Rows: 120, Seed: 20})
	b.sync().expect(0)
	return b
}

func TestOtherFiltersAreRefused(t *testing.T) {
	t.Parallel()
	b := done(t)
	pages := b.pages()
	b.sync("FILTER_COUNTRY_CODES=DE,FR").says(4, "filters changed", `"DE","FR"`, "nothing was bought", "FEED_NAME", "FILTER_")
	b.noMore(pages)
	b.sync().expect(0) // the old ones are still good
	b.complete().atMost(0)
}

func TestLostProgressIsRefused(t *testing.T) {
	t.Parallel()
	for name, words := range map[string][]string{
		"with the copy in Redis":    {"Redis holds one"},
		"without the copy in Redis": {"the topic holds rows"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := done(t)
			pages := b.pages()
			if _, err := b.admin.DeleteTopics(t.Context(), b.progress()); err != nil {
				t.Fatal(err)
			}
			until(t, "the topic to be gone", func() bool {
				topics, err := b.admin.ListTopics(t.Context())
				return err == nil && !topics.Has(b.progress())
			})
			if strings.HasPrefix(name, "without") {
				b.wipe(t.Context())
			}
			b.sync().says(4, append(words, b.name, "nothing was bought", "restore", "new FEED_NAME")...)
			b.noMore(pages)
		})
	}
}

func TestRedisAheadOfKafkaIsRefused(t *testing.T) {
	t.Parallel()
	b := done(t)
	pages, ahead := b.pages(), b.newest()
	ahead.Seq++
	ahead.Op = "01KAFKAHASLOSTWHATITHADACKED"
	state, err := ahead.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.redis.HSet(t.Context(), b.key("checkpoint"), "seq", ahead.Seq, "op", ahead.Op, "state", state).Err(); err != nil {
		t.Fatal(err)
	}
	b.sync().says(4, "Redis is ahead of Kafka", b.name, "nothing was bought", "KAFKA_BROKERS", "delete the Redis key")
	b.noMore(pages)

	// What the message offers: to accept the loss.
	if err := b.redis.Del(t.Context(), b.key("checkpoint")).Err(); err != nil {
		t.Fatal(err)
	}
	b.sync().expect(0)
	b.complete().atMost(0)
}

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
