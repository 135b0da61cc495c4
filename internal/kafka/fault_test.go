package kafka_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/retry"
)

// produceErrors are the answers that a broker may give for a batch. The client
// library tries some of them again, others end the transaction, and which is
// which is nothing to rely on.
func produceErrors() []*kerr.Error {
	return []*kerr.Error{
		kerr.UnknownServerError, kerr.CorruptMessage, kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable,
		kerr.NotLeaderForPartition, kerr.RequestTimedOut, kerr.MessageTooLarge, kerr.InvalidTopicException,
		kerr.RecordListTooLarge, kerr.NotEnoughReplicas, kerr.NotEnoughReplicasAfterAppend, kerr.TopicAuthorizationFailed,
		kerr.ClusterAuthorizationFailed, kerr.InvalidTimestamp, kerr.PolicyViolation, kerr.OutOfOrderSequenceNumber,
		kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.InvalidProducerIDMapping, kerr.TransactionalIDAuthorizationFailed,
		kerr.KafkaStorageError, kerr.UnknownProducerID, kerr.InvalidRecord, kerr.ProducerFenced,
	}
}

// settle holds the outcome of one Commit of page seq against what can be read:
// nil must mean that all of it is there, and whatever was said, the rows are
// there if and only if the progress is. Then it does what the caller of Commit
// does, and publishes the page again where it is missing.
func (b *bundle) settle(outcome error, rows int, seq uint64) {
	b.t.Helper()
	next := b.fence(b.stream)
	own, _, _, err := next.Progress(within(b.t, patience))
	if err != nil {
		b.t.Fatalf("Progress: %v", err)
	}
	committed := own.Seq == seq
	if outcome == nil && !committed {
		b.t.Fatalf("Commit returned nil and page %d is not there: progress is at page %d", seq, own.Seq)
	}
	if !committed {
		b.wantVisible(int(seq-1)*rows, int(seq-1))
		if err := next.Commit(within(b.t, patience), b.rows(b.stream.Feed, rows), pages(page(b.stream.Feed, seq)), allow); err != nil {
			b.t.Fatalf("Commit of page %d by the next epoch: %v", seq, err)
		}
	}
	b.wantVisible(int(seq)*rows, int(seq))
}

func TestProduceErrorNeverCommitsHalfAPage(t *testing.T) {
	t.Parallel()
	for _, target := range []string{"rows", "progress"} {
		for _, code := range produceErrors() {
			t.Run(code.Message+" for "+target, func(t *testing.T) {
				t.Parallel()
				b := setupFake(t, kfake.NumBrokers(1))
				topic := b.stream.Sites.Name
				if target == "progress" {
					topic = b.stream.Progress.Name
				}
				fault := b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: topic, Err: code})
				err := b.fence(b.stream).Commit(within(t, 5*time.Second), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 1)), allow)
				if fault.Hits() != 1 {
					t.Fatalf("the fault answered %d requests, want 1", fault.Hits())
				}
				b.settle(err, 3, 1)
			})
		}
	}
}

func TestErrorsThatNeedAnOperatorArePermanent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key  kmsg.Key
		err  *kerr.Error
		want string // what the operator is told
	}{
		{kmsg.Produce, kerr.TopicAuthorizationFailed, "ACL on the topic"},
		{kmsg.Produce, kerr.MessageTooLarge, "max.message.bytes"},
		{kmsg.Produce, kerr.InvalidRecord, "topic's settings"},
		{kmsg.Produce, kerr.TransactionalIDAuthorizationFailed, "ACL on the transactional id"},
		{kmsg.EndTxn, kerr.TransactionalIDAuthorizationFailed, "ACL on the transactional id"},
	}
	for _, test := range tests {
		t.Run(test.err.Message+" for "+test.key.Name(), func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, kfake.NumBrokers(1))
			b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{test.key}, Err: test.err, Count: -1})
			err := b.fence(b.stream).Commit(within(t, patience), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 1)), allow)
			wantIn(t, err, test.err.Message, test.want)
			if !retry.IsPermanent(err) {
				t.Errorf("got %v, which is worth another try; want a permanent error", err)
			}
		})
	}
}

func TestEndTxnErrorLeavesAPageThatProgressTellsApart(t *testing.T) {
	t.Parallel()
	for _, code := range []*kerr.Error{
		kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress, kerr.ConcurrentTransactions,
		kerr.InvalidTxnState, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping, kerr.ProducerFenced, kerr.UnknownServerError,
	} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, kfake.NumBrokers(1))
			fault := b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: code})
			err := b.fence(b.stream).Commit(within(t, 5*time.Second), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 1)), allow)
			if fault.Hits() != 1 {
				t.Fatalf("the fault answered %d requests, want 1", fault.Hits())
			}
			b.settle(err, 3, 1)
		})
	}
}

func TestLostAnswersNeverPublishAPageTwice(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.EndTxn} {
		for _, n := range []int{1, 3, -1} {
			t.Run(fmt.Sprintf("%s, %d of them", key.Name(), n), func(t *testing.T) {
				t.Parallel()
				b, wire := lossy(t)
				session := b.fence(b.stream)
				b.commit(session, b.stream.Feed, 1)
				wire.Cut(key, n)
				limit := patience
				if n < 0 {
					limit = 500 * time.Millisecond // nothing else ends it
				}
				err := session.Commit(within(t, limit), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 2)), allow)
				wire.Cut(key, 0)
				if wire.Lost() == 0 {
					t.Fatal("no answer got lost")
				}
				if n < 0 && err == nil {
					t.Error("Commit: got nil without an answer, want an error")
				}
				session.Close()
				b.settle(err, 3, 2)
			})
		}
	}
}

func TestSessionIsSpentAfterAnErrorOfCommit(t *testing.T) {
	t.Parallel()
	b, wire := lossy(t)
	session := b.fence(b.stream)
	wire.Cut(kmsg.EndTxn, -1)
	first := session.Commit(within(t, 500*time.Millisecond), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 1)), allow)
	wire.Cut(kmsg.EndTxn, 0)
	if first == nil {
		t.Fatal("Commit: got nil without an answer, want an error")
	}
	// The page is there. To publish it again in this epoch would double it.
	if err := session.Commit(within(t, patience), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 1)), allow); err == nil {
		t.Error("Commit after an error: got nil, want an error")
	}
	b.wantProgress(b.stream, 1)
	b.wantVisible(3, 1)
}

func TestFenceSurvivesLostAnswers(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d of them", n), func(t *testing.T) {
			t.Parallel()
			b, wire := lossy(t)
			b.commit(b.fence(b.stream), b.stream.Feed, 1)
			wire.Cut(kmsg.InitProducerID, n)
			session := b.wantProgress(b.stream, 1)
			if got := wire.Lost(); got != n {
				t.Fatalf("lost answers: got %d, want %d", got, n)
			}
			b.commit(session, b.stream.Feed, 2)
			b.wantVisible(6, 2)
		})
	}
}

func TestFenceReturnsWhenNoAnswerComes(t *testing.T) {
	t.Parallel()
	b, wire := lossy(t)
	wire.Cut(kmsg.InitProducerID, -1)
	session, err := b.stream.Fence(within(t, 500*time.Millisecond))
	if err == nil {
		session.Close()
		t.Fatal("Fence: got nil without an answer, want an error")
	}
	wantIn(t, err, b.stream.TransactionalID())
	wire.Cut(kmsg.InitProducerID, 0)
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
}

func TestFenceWithAnErrorOfInitProducerID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err       *kerr.Error
		passes    bool // it is tried again, and then there is a session
		permanent bool
	}{
		{err: kerr.CoordinatorNotAvailable, passes: true},
		{err: kerr.CoordinatorLoadInProgress, passes: true},
		{err: kerr.NotCoordinator, passes: true},
		{err: kerr.ConcurrentTransactions, passes: true},
		{err: kerr.TransactionalIDAuthorizationFailed, permanent: true},
		{err: kerr.ClusterAuthorizationFailed, permanent: true},
		{err: kerr.InvalidTransactionTimeout, permanent: true},
		{err: kerr.InvalidProducerEpoch},
		{err: kerr.ProducerFenced},
	}
	for _, test := range tests {
		t.Run(test.err.Message, func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, kfake.NumBrokers(1))
			b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.InitProducerID}, Err: test.err})
			session, err := b.stream.Fence(within(t, patience))
			if err == nil {
				t.Cleanup(session.Close)
			}
			switch {
			case test.passes && err != nil:
				t.Errorf("Fence: got %v, want a session", err)
			case !test.passes && !errors.Is(err, test.err):
				t.Errorf("Fence: got %v, want %v", err, test.err)
			case retry.IsPermanent(err) != test.permanent:
				t.Errorf("Fence: got %v with permanent=%t, want %t", err, !test.permanent, test.permanent)
			}
			b.commit(b.fence(b.stream), b.stream.Feed, 1)
		})
	}
}
