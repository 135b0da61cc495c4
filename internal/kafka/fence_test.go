package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

func TestFenceTakesTheOpenPageFromAnOlderSession(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.fence(b.stream)
	b.commit(old, b.stream.Feed, 1)
	err := old.Commit(within(t, patience), b.rows(b.stream.Feed, 4), pages(page(b.stream.Feed, 2)), func() error {
		// The old one sleeps at its gate with a page acknowledged, and the new one
		// is told that the page is not there. That must stay true.
		b.wantProgress(b.stream, 1)
		b.wantVisible(3, 1)
		return nil
	})
	if err == nil {
		t.Error("Commit of the older session: got nil, want an error")
	}
	b.wantVisible(3, 1)
	b.wantProgress(b.stream, 1)
}

func TestOlderSessionWritesNothingAfterFence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.fence(b.stream)
	b.commit(old, b.stream.Feed, 1)
	fresh := b.wantProgress(b.stream, 1)
	if err := old.Commit(within(t, patience), b.rows(b.stream.Feed, 4), pages(page(b.stream.Feed, 2)), allow); err == nil {
		t.Error("Commit of the older session: got nil, want an error")
	}
	// Nor did it take the id back: the newer session goes on.
	b.commit(fresh, b.stream.Feed, 2)
	b.wantVisible(6, 2)
	b.wantProgress(b.stream, 2)
}

func TestFenceEndsTheTransactionOfAWriterThatDied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	dead := b.client(kgo.TransactionalID(b.stream.TransactionalID()), kgo.ProducerLinger(0), kgo.TransactionTimeout(time.Minute))
	b.open(dead, b.rows(b.stream.Feed, 2)...)
	dead.Close()
	b.wantProgress(b.stream, 0)
	b.wantVisible(0, 0)
}

// open begins a transaction, writes records in it and leaves it open.
func (b *bundle) open(client *kgo.Client, records ...*kgo.Record) {
	b.t.Helper()
	if err := client.BeginTransaction(); err != nil {
		b.t.Fatalf("begin: %v", err)
	}
	if err := client.ProduceSync(within(b.t, patience), records...).FirstErr(); err != nil {
		b.t.Fatalf("produce in an open transaction: %v", err)
	}
}

func TestFencingOneFeedLeavesTheOtherAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.sibling("-two")
	one, two := b.fence(b.stream), b.fence(other)
	b.commit(two, other.Feed, 1)
	b.commit(one, b.stream.Feed, 1)
	b.wantProgress(other, 1)
	b.commit(one, b.stream.Feed, 2)
	b.wantProgress(b.stream, 2)
	b.wantVisible(9, 3)
}

func TestProgressWaitsForTheOtherFeedsTransaction(t *testing.T) {
	t.Parallel()
	refused := errors.New("refused")
	for name, decide := range map[string]error{"which commits": nil, "which aborts": refused} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			other := b.sibling("-two")
			one, two := b.fence(b.stream), b.fence(other)
			b.commit(one, b.stream.Feed, 1)
			next := b.fence(b.stream)
			type answer struct {
				own schemas.Progress
				err error
			}
			answers := make(chan answer, 1)
			err := two.Commit(within(t, patience), b.rows(other.Feed, 2), pages(page(other.Feed, 1)), func() error {
				// Page 2 is committed behind the other feed's open record: it is final,
				// and no reader gets to it yet.
				b.commit(next, b.stream.Feed, 2)
				last := b.fence(b.stream)
				if _, _, _, err := last.Progress(within(t, 700*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Progress beside an open transaction: got %v, want it to wait until its context ends", err)
				}
				go func() {
					own, _, _, err := last.Progress(within(t, patience))
					answers <- answer{own, err}
				}()
				return decide
			})
			if !errors.Is(err, decide) {
				t.Fatalf("Commit of the other feed: got %v, want %v", err, decide)
			}
			if got := <-answers; got.err != nil || got.own.Seq != 2 {
				t.Errorf("Progress: got page %d, %v; want page 2", got.own.Seq, got.err)
			}
		})
	}
}
