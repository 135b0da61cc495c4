package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/retry"
)

// read returns what ReadCommitted finds on the career-sites topic.
func (b *bundle) read(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	err := b.cluster.ReadCommitted(ctx, b.stream.Sites.Name, func(key, value []byte) { found[string(key)] = string(value) })
	return found, err
}

// wantRead checks that ReadCommitted gets to the end with n different keys.
func (b *bundle) wantRead(n int) {
	b.t.Helper()
	found, err := b.read(within(b.t, patience))
	if err != nil {
		b.t.Errorf("ReadCommitted: %v", err)
	}
	if len(found) != n {
		b.t.Errorf("keys: got %d, want %d", len(found), n)
	}
}

func TestReadCommittedSeesEveryPartitionAndNothingAborted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.wantRead(0)
	session := b.fence(b.stream)
	rows := b.rows(b.stream.Feed, 40)
	for i := range rows {
		rows[i].Value = fmt.Appendf(nil, "value %d", i)
	}
	if err := session.Commit(within(t, patience), rows, pages(page(b.stream.Feed, 1)), allow); err != nil {
		t.Fatalf("Commit: %v", err)
	}
	partitions := map[int32]bool{}
	for _, r := range rows {
		partitions[r.Partition] = true
	}
	if len(partitions) < 2 {
		t.Fatalf("the rows went to partitions %v, want several", partitions)
	}
	b.transaction(kgo.TryAbort, b.rows(b.stream.Feed, 5)...)
	found, err := b.read(within(t, patience))
	if err != nil || len(found) != len(rows) {
		t.Fatalf("ReadCommitted: got %d keys, %v; want %d", len(found), err, len(rows))
	}
	for _, r := range rows {
		if got := found[string(r.Key)]; got != string(r.Value) {
			t.Errorf("value of %s: got %q, want %q", r.Key, got, r.Value)
		}
	}
}

func TestReadStopsAtItsContextBehindAnOpenTransaction(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
	b.open(b.client(kgo.TransactionalID(unique()), kgo.ProducerLinger(0)), b.rows(b.stream.Feed, 1)...)
	_, err := b.read(within(t, 700*time.Millisecond))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("ReadCommitted: got %v, want %v", err, context.DeadlineExceeded)
	}
	wantIn(t, err, b.stream.Sites.Name, "at offset")
}

func TestReadThatEndsTakesTheConnectionFromNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	writer := b.client(kgo.TransactionalID(unique()), kgo.ProducerLinger(0))
	b.open(writer, b.rows(b.stream.Feed, 1)...)
	patient := make(chan error, 1)
	go func() {
		_, err := b.read(within(t, patience))
		patient <- err
	}()
	for range 3 {
		if _, err := b.read(within(t, 200*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("ReadCommitted: got %v, want %v", err, context.DeadlineExceeded)
		}
	}
	if err := writer.EndTransaction(within(t, patience), kgo.TryCommit); err != nil {
		t.Fatalf("end the transaction: %v", err)
	}
	if err := <-patient; err != nil {
		t.Errorf("ReadCommitted beside readers that gave up: %v", err)
	}
}

func TestReadFollowsTheLeader(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(3))
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
	for round := range int32(3) {
		for partition := range int32(3) {
			if err := b.fake.MoveTopicPartition(b.stream.Sites.Name, partition, (partition+round)%3); err != nil {
				t.Fatalf("move a partition: %v", err)
			}
		}
		b.wantRead(3)
	}
}

func TestWriteFollowsTheLeader(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(3))
	session := b.fence(b.stream)
	b.commit(session, b.stream.Feed, 1)
	b.fake.ShufflePartitionLeaders()
	b.fake.RehashCoordinators()
	b.commit(session, b.stream.Feed, 2)
	err := session.Commit(within(t, patience), b.rows(b.stream.Feed, 3), pages(page(b.stream.Feed, 3)), func() error {
		b.fake.ShufflePartitionLeaders()
		b.fake.RehashCoordinators()
		return nil
	})
	if err != nil {
		t.Errorf("Commit while everything moves: %v", err)
	}
	b.wantProgress(b.stream, 3)
	b.wantVisible(9, 3)
}

func TestFetchErrorThatPassesIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.UnknownTopicID, kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable,
		kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.KafkaStorageError, kerr.OffsetNotAvailable,
	} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, kfake.NumBrokers(1))
			b.commit(b.fence(b.stream), b.stream.Feed, 1)
			fault := b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: code})
			b.wantRead(3)
			if fault.Hits() != 1 {
				t.Errorf("the fault answered %d requests, want 1", fault.Hits())
			}
		})
	}
}

func TestFetchErrorThatDoesNotPassIsReturned(t *testing.T) {
	t.Parallel()
	for code, permanent := range map[*kerr.Error]bool{kerr.TopicAuthorizationFailed: true, kerr.OffsetOutOfRange: false, kerr.UnknownServerError: false} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			b := setupFake(t, kfake.NumBrokers(1))
			b.commit(b.fence(b.stream), b.stream.Feed, 1)
			b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: code, Count: -1})
			_, err := b.read(within(t, patience))
			if !errors.Is(err, code) || retry.IsPermanent(err) != permanent {
				t.Errorf("ReadCommitted: got %v (permanent %t), want %v (permanent %t)", err, retry.IsPermanent(err), code, permanent)
			}
		})
	}
}

func TestReadSurvivesLostAnswers(t *testing.T) {
	t.Parallel()
	b, wire := lossy(t)
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
	for _, key := range []kmsg.Key{kmsg.Fetch, kmsg.ListOffsets} {
		wire.Cut(key, 2)
		b.wantRead(3)
	}
	if got := wire.Lost(); got != 4 {
		t.Errorf("lost answers: got %d, want 4", got)
	}
}

func TestReadOfATopicThatWasCreatedAnewEndsWithItsContext(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	name := b.stream.Sites.Name
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
	writer := b.client(kgo.TransactionalID(unique()), kgo.ProducerLinger(0))
	b.open(writer, b.rows(b.stream.Feed, 1)...)
	// The reader waits behind the open transaction when its topic goes.
	waiting := b.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: name, Observe: true, Count: -1})
	result := make(chan error, 1)
	go func() {
		_, err := b.read(within(t, 1500*time.Millisecond))
		result <- err
	}()
	if err := waiting.Wait(within(t, patience), 1); err != nil {
		t.Fatalf("no fetch came: %v", err)
	}
	if err := b.fake.DeleteTopic(name); err != nil {
		t.Fatalf("delete: %v", err)
	}
	if err := b.fake.CreateTopic(name, 3, nil); err != nil {
		t.Fatalf("create: %v", err)
	}
	// The offsets belong to the old topic. To read the new one with them would
	// miss what it holds.
	if err := <-result; !errors.Is(err, kerr.UnknownTopicID) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ReadCommitted: got %v, want %v", err, kerr.UnknownTopicID)
	}
	b.wantRead(0)
}

func TestForeignRecords(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"ours": true, "theirs": true}
	tests := map[string]struct {
		write func(b *bundle)
		found bool
	}{
		"none on an empty topic": {func(*bundle) {}, false},
		"none among rows of known feeds": {func(b *bundle) {
			b.produce(append(b.rows("ours", 20), b.rows("theirs", 20)...)...)
		}, false},
		"none among aborted rows": {func(b *bundle) {
			b.produce(b.rows("ours", 5)...)
			b.transaction(kgo.TryAbort, b.rows("stranger", 4)...)
		}, false},
		"a row of an unknown feed": {func(b *bundle) {
			b.produce(append(b.rows("ours", 20), b.rows("stranger", 1)...)...)
		}, true},
		"a row without the header": {func(b *bundle) {
			row := b.rows("ours", 1)[0]
			row.Headers = []kgo.RecordHeader{{Key: "ce_id", Value: []byte("ours")}}
			b.produce(append(b.rows("ours", 20), row)...)
		}, true},
		"a row in the last partition": {func(b *bundle) {
			row := b.rows("stranger", 1)[0]
			row.Partition = 2
			if err := b.client(kgo.RecordPartitioner(kgo.ManualPartitioner())).ProduceSync(within(b.t, patience), row).FirstErr(); err != nil {
				b.t.Fatalf("produce: %v", err)
			}
		}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			test.write(b)
			record, err := b.stream.Foreign(within(t, patience), known)
			if err != nil || (record != nil) != test.found {
				t.Errorf("Foreign: got %v, %v; want one: %t", record, err, test.found)
			}
		})
	}
}

func TestForeignOfAMissingTopicIsAnError(t *testing.T) {
	t.Parallel()
	b := connectFake(t, kfake.NumBrokers(1))
	_, err := b.stream.Foreign(within(t, patience), nil)
	wantIn(t, err, b.stream.Sites.Name, "UNKNOWN_TOPIC_OR_PARTITION")
}

func TestEverythingGoesOnWithoutTheBrokerThatLed(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(3))
	session := b.fence(b.stream)
	b.commit(session, b.stream.Feed, 1)
	b.wantRead(3)
	if err := b.fake.RemoveNode(b.fake.LeaderFor(b.stream.Sites.Name, 0)); err != nil {
		t.Fatalf("remove a broker: %v", err)
	}
	b.wantRead(3)
	b.commit(session, b.stream.Feed, 2)
	b.wantProgress(b.stream, 2)
}
