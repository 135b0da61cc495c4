package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/retry"
)

func TestCommitShowsRowsAndProgressTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	rows := b.rows(b.stream.Feed, 7)
	atGate := -1
	err := session.Commit(within(t, patience), rows, pages(page(b.stream.Feed, 1)), func() error {
		// Everything is acknowledged by now, and no reader may see it.
		atGate = b.stable(b.stream.Sites.Name) + b.stable(b.stream.Progress.Name)
		return nil
	})
	if err != nil {
		t.Fatalf("Commit: %v", err)
	}
	if atGate != 0 {
		t.Errorf("records visible while the gate was asked: got %d, want 0", atGate)
	}
	b.wantVisible(7, 1)
	values := map[string]string{}
	for _, r := range b.visible(b.stream.Sites.Name) {
		values[string(r.Key)] = string(r.Value)
	}
	for _, r := range rows {
		if got := values[string(r.Key)]; got != string(r.Value) {
			t.Errorf("value of %s: got %q, want %q", r.Key, got, r.Value)
		}
	}
	if key := string(b.visible(b.stream.Progress.Name)[0].Key); key != b.stream.Feed {
		t.Errorf("key of the progress record: got %q, want %q", key, b.stream.Feed)
	}
}

// stable is how many offsets of topic a read_committed reader could have seen.
func (b *bundle) stable(topic string) (sum int) {
	b.t.Helper()
	offsets, err := b.admin().ListCommittedOffsets(within(b.t, patience), topic)
	if err == nil {
		err = offsets.Error()
	}
	if err != nil {
		b.t.Fatalf("stable offsets of %s: %v", topic, err)
	}
	for _, o := range offsets[topic] {
		sum += int(o.Offset)
	}
	return sum
}

func TestCommitOfAPageWithoutRowsMovesProgress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.fence(b.stream).Commit(within(t, patience), nil, pages(page(b.stream.Feed, 1)), allow); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	b.wantVisible(0, 1)
}

func TestCommitGoesOnForManyPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	for seq := range uint64(20) {
		b.commit(session, b.stream.Feed, seq+1)
	}
	b.wantVisible(60, 20)
	b.wantProgress(b.stream, 20)
}

func TestGateThatRefusesLeavesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	lost := errors.New("lease lost")
	err := session.Commit(within(t, patience), b.rows(b.stream.Feed, 5), pages(page(b.stream.Feed, 1)), func() error { return lost })
	if !errors.Is(err, lost) {
		t.Errorf("Commit: got %v, want %v", err, lost)
	}
	// The transaction was ended: readers get to the end without anybody's Fence.
	b.wantVisible(0, 0)
	b.wantProgress(b.stream, 0)
}

func TestCommitEndsWithItsContextAtTheGate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	stop := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(within(t, patience))
	err := session.Commit(ctx, b.rows(b.stream.Feed, 5), pages(page(b.stream.Feed, 1)), func() error {
		cancel(stop)
		return context.Cause(ctx)
	})
	if !errors.Is(err, stop) {
		t.Errorf("Commit: got %v, want %v", err, stop)
	}
	// Its transaction stays open, and the next Fence ends it.
	b.wantProgress(b.stream, 0)
	b.wantVisible(0, 0)
}

func TestLargestRowFits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row := b.rows(b.stream.Feed, 1)[0]
	row.Value = noise(b.stream.MaxRow())
	letter := &kgo.Record{Topic: b.stream.DeadLetters.Name, Key: row.Key, Value: noise(b.stream.MaxDeadLetter())}
	if err := b.fence(b.stream).Commit(within(t, patience), []*kgo.Record{row, letter}, pages(page(b.stream.Feed, 1)), allow); err != nil {
		t.Fatalf("Commit of a row of MaxRow bytes and a dead letter of MaxDeadLetter: %v", err)
	}
	b.wantVisible(1, 1)
	if got := len(b.visible(b.stream.DeadLetters.Name)); got != 1 {
		t.Errorf("dead letters: got %d, want 1", got)
	}
}

// noise is n bytes that no compression makes smaller.
func noise(n int) []byte {
	value := make([]byte, n)
	_, _ = rand.Read(value) // never fails
	return value
}

func TestRowThatIsTooLargeIsPermanentAndTakesThePageWithIt(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows := b.rows(b.stream.Feed, 3)
	rows[1].Value = noise(b.stream.Sites.MaxMessageBytes + 1)
	err := b.fence(b.stream).Commit(within(t, patience), rows, pages(page(b.stream.Feed, 1)), allow)
	wantIn(t, err, string(rows[1].Key), b.stream.Sites.Name, "max.message.bytes")
	if !retry.IsPermanent(err) {
		t.Errorf("got %v, which is worth another try; want a permanent error", err)
	}
	b.wantVisible(0, 0)
	b.wantProgress(b.stream, 0)
}

func TestTopicWhoseLimitWasLoweredIsPermanent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	session := b.fence(b.stream)
	b.commit(session, b.stream.Feed, 1)
	b.alter(b.stream.Sites.Name, "max.message.bytes", "2000")
	rows := b.rows(b.stream.Feed, 3)
	rows[1].Value = noise(3000)
	err := session.Commit(within(t, patience), rows, pages(page(b.stream.Feed, 2)), allow)
	// The broker refuses a batch, so the key in the message may be a neighbour's.
	wantIn(t, err, b.stream.Sites.Name, "max.message.bytes became smaller")
	if !retry.IsPermanent(err) {
		t.Errorf("got %v, which is worth another try; want a permanent error", err)
	}
	b.wantVisible(3, 1)
	b.wantProgress(b.stream, 1)
}

func TestTopicThatTakesMoreThanTheLibrarySends(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.alter(b.stream.Sites.Name, "max.message.bytes", "200000000")
	b.ensure()
	if got := b.stream.Sites.MaxMessageBytes; got != 200000000 {
		t.Errorf("MaxMessageBytes: got %d, want 200000000", got)
	}
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
	b.wantVisible(3, 1)
}

// silence makes the broker swallow every request of one kind. The answer is not
// late, it never comes.
func (b *bundle) silence(key kmsg.Key) {
	b.fake.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		return nil, nil, true
	})
}

func TestCommitReturnsWhenItsContextEnds(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn} {
		t.Run(key.Name()+" is never answered", func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, kfake.NumBrokers(1))
			session := b.fence(b.stream)
			b.commit(session, b.stream.Feed, 1)
			b.silence(key)
			ctx := within(t, 300*time.Millisecond)
			err := session.Commit(ctx, b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 2)), allow)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("Commit: got %v, want %v", err, context.DeadlineExceeded)
			}
			// What comes after a commit of unknown outcome must not be mixed with it.
			again := session.Commit(within(t, 300*time.Millisecond), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 2)), allow)
			if again == nil {
				t.Error("the session commits after an error: got nil, want an error")
			}
		})
	}
}

// alter changes one setting of a topic, as an operator would.
func (b *bundle) alter(topic, name, value string) {
	b.t.Helper()
	admin := b.admin()
	responses, err := admin.AlterTopicConfigs(within(b.t, patience), alteration(name, value), topic)
	if err == nil && len(responses) == 1 {
		err = responses[0].Err
	}
	if err != nil {
		b.t.Fatalf("set %s=%s on %s: %v", name, value, topic, err)
	}
	b.eventually("setting "+name, func() bool {
		described, err := admin.DescribeTopicConfigs(within(b.t, patience), topic)
		if err != nil || len(described) != 1 {
			return false
		}
		for _, c := range described[0].Configs {
			if c.Key == name {
				return c.MaybeValue() == value
			}
		}
		return false
	})
}
