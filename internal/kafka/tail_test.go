package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/kafka"
)

// oneKey are n records of one company, so that they stand in one partition, and
// which that is.
func (b *bundle) oneKey(key string, values ...string) (records []*kgo.Record, partition int32) {
	for _, value := range values {
		records = append(records, &kgo.Record{Topic: b.stream.Sites.Name, Key: []byte(key), Value: []byte(value)})
	}
	return records, kafka.Slot([]byte(key), b.stream.Sites.Partitions)
}

// tail returns the values that Tail hands over.
func (b *bundle) tail(ctx context.Context, partition int32, from int64) (values []string, next int64, err error) {
	next, err = b.cluster.Tail(ctx, b.stream.Sites.Name, partition, from, func(r *kgo.Record) error {
		values = append(values, string(r.Value))
		return nil
	})
	return values, next, err
}

func (b *bundle) wantTail(partition int32, from int64, want []string, next int64) {
	b.t.Helper()
	got, at, err := b.tail(within(b.t, patience), partition, from)
	if err != nil || !slices.Equal(got, want) || at != next {
		b.t.Errorf("Tail from %d: got %q and offset %d, %v; want %q and offset %d", from, got, at, err, want, next)
	}
}

// reaches waits until a partition ends at an offset: a real broker writes the
// marker of a transaction a moment after it has answered.
func (b *bundle) reaches(partition int32, end int64) {
	b.t.Helper()
	b.eventually(fmt.Sprintf("end of partition %d at %d", partition, end), func() bool {
		_, next, err := b.tail(within(b.t, patience), partition, 0)
		return err == nil && next == end
	})
}

func TestTailReadsCommittedRecordsToTheEnd(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows, partition := b.oneKey("acme", "a", "b")
	aborted, _ := b.oneKey("acme", "never", "never")
	last, _ := b.oneKey("acme", "c")
	b.wantTail(partition, 0, nil, 0)
	b.transaction(kgo.TryCommit, rows...)
	b.reaches(partition, 3) // with the marker
	b.transaction(kgo.TryAbort, aborted...)
	b.reaches(partition, 6)
	b.wantTail(partition, 0, []string{"a", "b"}, 6)
	b.transaction(kgo.TryCommit, last...)
	b.reaches(partition, 8)
	b.wantTail(partition, -5, []string{"a", "b", "c"}, 8)
	b.wantTail(partition, 1, []string{"b", "c"}, 8)
	b.wantTail(partition, 3, []string{"c"}, 8)
	b.wantTail(partition, 8, nil, 8)
	b.wantTail(partition, 99, nil, 8)
}

func TestTailWaitsForOpenTransactions(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]kgo.TransactionEndTry{"which commits": kgo.TryCommit, "which aborts": kgo.TryAbort} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			writer := b.client(kgo.TransactionalID(unique()), kgo.ProducerLinger(0))
			rows, partition := b.oneKey("acme", "open")
			b.open(writer, rows...)
			after, _ := b.oneKey("acme", "after")
			b.produce(after...)
			if got, next, err := b.tail(within(t, 700*time.Millisecond), partition, 0); !errors.Is(err, context.DeadlineExceeded) || next != 0 || len(got) != 0 {
				t.Errorf("Tail beside an open transaction: got %q, offset %d, %v; want it to wait until its context ends", got, next, err)
			}
			type answer struct {
				values []string
				err    error
			}
			answers := make(chan answer, 1)
			go func() {
				values, _, err := b.tail(within(t, patience), partition, 0)
				answers <- answer{values, err}
			}()
			if err := writer.EndTransaction(within(t, patience), how); err != nil {
				t.Fatalf("end the transaction: %v", err)
			}
			want := []string{"after"}
			if how == kgo.TryCommit {
				want = []string{"open", "after"}
			}
			if got := <-answers; got.err != nil || !slices.Equal(got.values, want) {
				t.Errorf("Tail: got %q, %v; want %q", got.values, got.err, want)
			}
		})
	}
}

func TestTailStopsWhereItsCallerFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows, partition := b.oneKey("acme", "a", "b", "c")
	b.produce(rows...)
	full := errors.New("full")
	next, err := b.cluster.Tail(within(t, patience), b.stream.Sites.Name, partition, 0, func(r *kgo.Record) error {
		if string(r.Value) == "b" {
			return full
		}
		return nil
	})
	if !errors.Is(err, full) || next != 1 {
		t.Errorf("Tail: got offset %d, %v; want 1, %v", next, err, full)
	}
	b.wantTail(partition, next, []string{"b", "c"}, 3)
	_, _, err = b.tail(within(t, patience), 17, 0)
	wantIn(t, err, b.stream.Sites.Name, "17")
}

func TestSlotIsWhereRecordsGo(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows := b.rows("any", 60)
	for i := range rows {
		rows[i].Key = fmt.Appendf(nil, "%0*d", i+1, i)
	}
	b.produce(rows...)
	for _, r := range rows {
		if got := kafka.Slot(r.Key, b.stream.Sites.Partitions); got != r.Partition {
			t.Errorf("slot of %q: got %d, want %d", r.Key, got, r.Partition)
		}
	}
}
