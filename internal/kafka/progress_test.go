package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/kafka"
)

// checkpoint is a progress record as a stream writes it.
func (b *bundle) checkpoint(feed string, seq uint64) *kgo.Record {
	b.t.Helper()
	value, err := page(feed, seq).Encode()
	if err != nil {
		b.t.Fatalf("Encode: %v", err)
	}
	return &kgo.Record{Topic: b.stream.Progress.Name, Key: []byte(feed), Value: value}
}

func TestProgressComesBackAsItWasCommitted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := page(b.stream.Feed, 1)
	if err := b.fence(b.stream).Commit(within(t, patience), nil, pages(want), allow); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	got, found, others, err := b.fence(b.stream).Progress(within(t, patience))
	if err != nil || !found || len(others) != 0 {
		t.Fatalf("Progress: got found %t, others %q, %v; want the stream's own", found, others, err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
}

func TestProgressOfAnEmptyTopicIsNone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, found, others, err := b.fence(b.stream).Progress(within(t, patience))
	if err != nil || found || len(others) != 0 {
		t.Errorf("Progress: got found %t, others %q, %v; want nothing", found, others, err)
	}
}

func TestProgressNamesTheOthersWhereThereIsNoneOfItsOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := []string{"a", "b", "c"}
	for _, feed := range want {
		b.produce(b.checkpoint(feed, 1), b.checkpoint(feed, 2))
	}
	_, found, others, err := b.fence(b.stream).Progress(within(t, patience))
	slices.Sort(others)
	if err != nil || found || !slices.Equal(others, want) {
		t.Errorf("Progress: got found %t, others %q, %v; want none of its own, others %q", found, others, err, want)
	}
}

func TestProgressLooksBackAsFarAsItMust(t *testing.T) {
	t.Parallel()
	// The newest record of a stream is among the last 256, or among the last 4096,
	// or only the whole topic has it; one more record moves it from one to the next.
	for _, behind := range []int{0, 255, 256, 4095, 4096, 4500} {
		t.Run(fmt.Sprintf("%d records behind the end", behind), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			other := b.checkpoint("other", 1).Value
			records := []*kgo.Record{b.checkpoint(b.stream.Feed, 6), b.checkpoint(b.stream.Feed, 7)}
			for range behind {
				records = append(records, &kgo.Record{Topic: b.stream.Progress.Name, Key: []byte("other"), Value: other})
			}
			b.produce(records...)
			b.wantProgress(b.stream, 7)
			_, found, others, err := b.fence(b.sibling("-new")).Progress(within(t, patience))
			if want := min(behind, 1) + 1; err != nil || found || len(others) != want {
				t.Errorf("Progress of a new stream: got found %t, others %q, %v; want none and %d others", found, others, err, want)
			}
		})
	}
}

func TestProgressPassesATailThatHoldsNoData(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
	// 300 aborted records and their markers are more than the first look back.
	aborted := make([]*kgo.Record, 300)
	for i := range aborted {
		aborted[i] = b.checkpoint(b.stream.Feed, 99)
	}
	b.transaction(kgo.TryAbort, aborted...)
	b.transaction(kgo.TryAbort, b.checkpoint(b.stream.Feed, 99))
	b.wantProgress(b.stream, 1)
}

func TestTombstoneWithdrawsAStreamsProgress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	feed := b.stream.Feed
	b.produce(b.checkpoint(feed, 1), b.checkpoint("kept", 1), b.checkpoint("gone", 1),
		&kgo.Record{Topic: b.stream.Progress.Name, Key: []byte(feed)},
		&kgo.Record{Topic: b.stream.Progress.Name, Key: []byte("gone")})
	_, found, others, err := b.fence(b.stream).Progress(within(t, patience))
	if err != nil || found || !slices.Equal(others, []string{"kept"}) {
		t.Errorf("Progress: got found %t, others %q, %v; want none of its own, others [kept]", found, others, err)
	}
	b.produce(b.checkpoint(feed, 1))
	b.wantProgress(b.stream, 1)
}

func TestProgressThatCannotBeReadIsAnErrorAndNotNone(t *testing.T) {
	t.Parallel()
	newer := page("feed", 3)
	newer.V++
	encoded, err := newer.Encode()
	if err != nil {
		t.Fatalf("Encode: %v", err)
	}
	tests := map[string]struct{ value, want string }{
		"no JSON":                {"\x00\x01", "decode progress"},
		"empty":                  {"", "decode progress"},
		"JSON of something else": {`{"id":"1"}`, "not a progress record"},
		"a newer format":         {string(encoded), "use a newer one"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.produce(b.checkpoint(b.stream.Feed, 1),
				&kgo.Record{Topic: b.stream.Progress.Name, Key: []byte(b.stream.Feed), Value: []byte(test.value)})
			_, _, _, err := b.fence(b.stream).Progress(within(t, patience))
			wantIn(t, err, b.stream.Progress.Name, b.stream.Feed, test.want)
			// What another stream cannot read is no business of this one.
			b.wantProgress(b.sibling("-new"), 0)
		})
	}
}

func TestProgressSurvivesCompaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.sibling("-two")
	b.commit(b.fence(other), other.Feed, 1)
	session := b.fence(b.stream)
	seq := uint64(30)
	for i := range seq {
		b.commit(session, b.stream.Feed, i+1)
	}
	b.transaction(kgo.TryAbort, b.checkpoint(b.stream.Feed, 98), b.checkpoint(other.Feed, 99))
	if b.fake != nil {
		b.fake.Compact()
	} else {
		// A segment is closed by the first record after its time, and cleaned then.
		b.alter(b.stream.Progress.Name, "segment.ms", "10")
		b.alter(b.stream.Progress.Name, "min.cleanable.dirty.ratio", "0.01")
		b.eventually("compaction", func() bool {
			seq++
			b.commit(session, b.stream.Feed, seq)
			return len(b.visible(b.stream.Progress.Name)) < int(seq)
		})
	}
	if got := len(b.visible(b.stream.Progress.Name)); got > int(seq) {
		t.Fatalf("progress records after %d pages: got %d; nothing was compacted", seq+1, got)
	}
	b.wantProgress(other, 1)
	b.commit(b.wantProgress(b.stream, seq), b.stream.Feed, seq+1)
	if b.fake != nil {
		b.fake.Compact()
	}
	b.wantProgress(b.stream, seq+1)
}

func TestProgressStartsWhereTheTopicDoes(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	session := b.fence(b.stream)
	b.commit(session, b.stream.Feed, 1)
	b.commit(session, b.stream.Feed, 2)
	if err := b.fake.DeleteRecords(b.stream.Progress.Name, 0, 2); err != nil {
		t.Fatalf("delete records: %v", err)
	}
	b.wantProgress(b.stream, 2)
	if err := b.fake.DeleteRecords(b.stream.Progress.Name, 0, -1); err != nil {
		t.Fatalf("delete records: %v", err)
	}
	b.wantProgress(b.stream, 0)
}

func TestProgressTopicWithTwoPartitionsIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.stream.Progress = b.stream.Sites // three partitions
	_, _, _, err := b.fence(b.stream).Progress(within(t, patience))
	wantIn(t, err, b.stream.Sites.Name, "3 partitions", "must have 1")
}

func TestProgressEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	lost := errors.New("lease lost")
	ctx, cancel := context.WithCancelCause(within(t, patience))
	cancel(lost)
	if _, _, _, err := session.Progress(ctx); err == nil {
		t.Error("Progress with a context that has ended: got nil, want an error")
	}
}

func TestProgressOfAMissingTopicNamesIt(t *testing.T) {
	t.Parallel()
	b := connectFake(t, kfake.NumBrokers(1))
	b.stream.Progress = kafka.Topic{Spec: kafka.Spec{Name: "nowhere"}}
	_, _, _, err := b.fence(b.stream).Progress(within(t, patience))
	wantIn(t, err, "nowhere", "UNKNOWN_TOPIC_OR_PARTITION")
}
