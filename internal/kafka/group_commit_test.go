package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/retry"
)

func TestGroupCommitsRecordsAndPositionsTogether(t *testing.T) {
	t.Parallel()
	c := gather(t)
	c.write(2, 5)
	m := c.join("1")
	if got := c.read(m, 5); !slices.Equal(got, []int64{0, 1, 2, 3, 4}) {
		t.Fatalf("offsets: got %v, want 0 to 4", got)
	}
	// Records 1 and 3 are done, record 0 is not: the offset stays before it.
	c.commit(m, c.result("one"), c.at(2, 0, "done: 1, 3"))
	c.want(m, 1, 2, 0, "done: 1, 3")
	c.commit(m, append(c.result("two"), c.result("three")...), c.at(2, 2, strings.Repeat("m", 4096)))
	c.want(m, 3, 2, 2, strings.Repeat("m", 4096))
	c.commit(m, nil, c.at(2, 4, ""))
	// The library has nothing to commit any more, and the position moves all the same.
	c.commit(m, nil, c.at(2, 5, ""))
	c.commit(m, nil, c.at(2, 5, "and again"))
	c.want(m, 3, 2, 5, "and again")
	c.commit(m, c.result("four"), c.at(2, 4, "")) // back again
	// A commit without a transaction overtakes one whose end is on its way.
	c.commit(m, nil, c.at(2, 3, "last"))
	c.want(m, 4, 2, 3, "last")
	m.Close(within(t, patience))
	next := c.join("2")
	if got := c.read(next, 2); !slices.Equal(got, []int64{3, 4}) {
		t.Errorf("offsets after a commit at 3: got %v, want 3 and 4", got)
	}
}

func TestCommitOfAPartitionThatNothingWasReadOf(t *testing.T) {
	t.Parallel()
	c := gather(t)
	m := c.join("1")
	c.dealt(6, m)
	c.commit(m, c.result("one"), c.at(4, 7, "from elsewhere"))
	c.want(m, 1, 4, 7, "from elsewhere")
}

func TestRecordsWithoutPositionsAreNeverPublished(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	m := c.join("1")
	c.dealt(6, m)
	if _, err := m.Commit(within(t, patience), c.result("one"), nil); err == nil {
		t.Error("Commit without positions: got nil, want an error")
	}
	c.commit(m, nil, nil) // no work
	c.want(m, 0, 0, -1, "")
}

func TestCommitOfAPartitionThatIsSomebodyElsesIsAborted(t *testing.T) {
	t.Parallel()
	c := gather(t)
	c.write(0, 2)
	first := c.join("1")
	c.read(first, 2)
	second := c.join("2")
	c.dealt(3, first, second)
	var theirs int32
	for p := range second.has() {
		theirs = p.Partition
	}
	committed, err := first.Commit(within(t, patience), c.result("one"), c.at(theirs, 1, "stolen"))
	if committed || err != nil {
		t.Errorf("Commit: got %t, %v; want false, nil", committed, err)
	}
	c.want(first, 0, theirs, -1, "")
	// What was read and not committed comes again, to whoever has it.
	owner := first
	if second.has()[kafka.Partition{Topic: c.lead.Name}] {
		owner = second
	}
	c.read(owner, 2)
	c.commit(owner, c.result("two"), c.at(0, 2, ""))
	c.want(owner, 1, 0, 2, "")
}

// moment calls do when the first record of a transaction was handed over: between
// its begin and its end.
type moment struct {
	once sync.Once
	do   func()
}

var _ kgo.HookProduceRecordBuffered = (*moment)(nil)

// OnProduceRecordBuffered implements kgo.HookProduceRecordBuffered.
func (m *moment) OnProduceRecordBuffered(*kgo.Record) { m.once.Do(m.do) }

// joinWith is a member whose first transaction has do in the middle.
func (c *crew) joinWith(instance string, do func()) *member {
	c.t.Helper()
	return c.joinBy(open(c.t, kafka.Config{Brokers: c.brokers, Hooks: []kgo.Hook{&moment{do: do}}}), instance)
}

func TestRebalanceInATransactionPublishesNothing(t *testing.T) {
	t.Parallel()
	c := gather(t)
	c.write(0, 2)
	var first, second *member
	first = c.joinWith("1", func() {
		second = c.join("2")
		c.dealt(3, first, second)
	})
	c.dealt(6, first)
	c.read(first, 2)
	committed, err := first.Commit(within(t, patience), c.result("one"), c.at(0, 1, ""))
	if committed || err != nil {
		t.Fatalf("Commit: got %t, %v; want false, nil", committed, err)
	}
	c.want(first, 0, 0, -1, "")
	owner := first
	if second.has()[kafka.Partition{Topic: c.lead.Name}] {
		owner = second
	}
	c.read(owner, 2)
	c.commit(owner, c.result("one"), c.at(0, 1, ""))
	c.want(owner, 1, 0, 1, "")
}

func TestNoTransactionStaysOpenWhileTheGroupIsDealt(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	c.write(0, 2)
	release := make(chan struct{})
	offsets := c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.TxnOffsetCommit}, Observe: true, Count: -1})
	first := c.joinWith("1", func() {
		held := make(chan struct{}, 8)
		c.fake.ControlKey(int16(kmsg.SyncGroup), func(kmsg.Request) (kmsg.Response, error, bool) {
			held <- struct{}{}
			c.fake.SleepControl(func() { <-release })
			return nil, nil, false
		})
		c.join("2")
		<-held
	})
	c.dealt(6, first)
	c.read(first, 2)
	committed, err := first.Commit(within(t, patience), c.result("one"), c.at(0, 1, ""))
	if committed || err != nil || offsets.Hits() != 0 {
		t.Errorf("Commit: got %t, %v and %d requests for offsets; want false, nil and none", committed, err, offsets.Hits())
	}
	ended := within(t, 300*time.Millisecond)
	if _, err := first.Commit(ended, c.result("one"), c.at(0, 1, "")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Commit while the group is dealt: got %v, want %v", err, context.DeadlineExceeded)
	}
	close(release)
	c.want(first, 0, 0, -1, "")
}

func TestGroupThatRefusesTheOffsetsAbortsAndGoesOn(t *testing.T) {
	t.Parallel()
	for _, code := range []*kerr.Error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.ConcurrentTransactions} {
		t.Run(code.Message, func(t *testing.T) {
			t.Parallel()
			c := gatherFake(t)
			c.write(0, 3)
			c.refuse(kmsg.TxnOffsetCommit, code, c.result("one"))
		})
	}
	for _, code := range []*kerr.Error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress} {
		t.Run(code.Message+" without records", func(t *testing.T) {
			t.Parallel()
			c := gatherFake(t)
			c.write(0, 3)
			c.refuse(kmsg.OffsetCommit, code, nil)
		})
	}
}

// refuse lets one request of a commit fail: it must be as if it had not been, and
// another one succeed.
func (c *crew) refuse(key kmsg.Key, code *kerr.Error, records []*kgo.Record) {
	c.t.Helper()
	m := c.join("1")
	c.read(m, 3)
	fault := c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Err: code})
	committed, err := m.Commit(within(c.t, patience), records, c.at(0, 1, ""))
	if committed || err != nil || fault.Hits() != 1 {
		c.t.Fatalf("Commit: got %t, %v after %d faults; want false, nil after 1", committed, err, fault.Hits())
	}
	c.want(m, 0, 0, -1, "")
	if got := c.read(m, 3); !slices.Equal(got, []int64{0, 1, 2}) {
		c.t.Errorf("offsets after an abort: got %v, want all again", got)
	}
	c.commit(m, records, c.at(0, 2, ""))
	c.want(m, len(records), 0, 2, "")
}

func TestGroupErrorsThatNeedAnOperatorArePermanent(t *testing.T) {
	t.Parallel()
	tests := []struct {
		key  kmsg.Key
		err  *kerr.Error
		want string
	}{
		{kmsg.OffsetCommit, kerr.GroupAuthorizationFailed, "ACL on the group"},
		{kmsg.TxnOffsetCommit, kerr.GroupAuthorizationFailed, "ACL on the group"},
		{kmsg.TxnOffsetCommit, kerr.OffsetMetadataTooLarge, "offset.metadata.max.bytes"},
		{kmsg.Produce, kerr.TopicAuthorizationFailed, "ACL on the topic"},
		{kmsg.EndTxn, kerr.TransactionalIDAuthorizationFailed, "ACL on the transactional id"},
	}
	for _, test := range tests {
		t.Run(test.err.Message+" for "+test.key.Name(), func(t *testing.T) {
			t.Parallel()
			c := gatherFake(t)
			m := c.join("1")
			c.dealt(6, m)
			c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{test.key}, Err: test.err})
			records := c.result("one")
			if test.key == kmsg.OffsetCommit {
				records = nil
			}
			_, err := m.Commit(within(t, patience), records, c.at(0, 1, ""))
			wantIn(t, err, test.err.Message, test.want)
			if !retry.IsPermanent(err) {
				t.Errorf("got %v, which is worth another try; want a permanent error", err)
			}
			m.Close(within(t, patience))
			c.want(c.join("1"), 0, 0, -1, "")
		})
	}
}

func TestJoinFencesTheSameInstance(t *testing.T) {
	t.Parallel()
	c := gather(t)
	var old, fresh *member
	old = c.joinWith("1", func() { fresh = c.join("1") })
	c.dealt(6, old)
	committed, err := old.Commit(within(t, patience), c.result("one"), c.at(0, 1, ""))
	if committed || err == nil {
		t.Errorf("Commit of the older member: got %t, %v; want an error", committed, err)
	}
	old.Close(within(t, patience))
	c.dealt(6, fresh)
	c.want(fresh, 0, 0, -1, "")
	c.commit(fresh, c.result("two"), c.at(0, 1, ""))
	c.want(fresh, 1, 0, 1, "")
}

func TestLostAnswersNeverTearRecordsFromPositions(t *testing.T) {
	t.Parallel()
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn, kmsg.OffsetCommit} {
		for _, n := range []int{1, -1} {
			t.Run(fmt.Sprintf("%s, %d of them", key.Name(), n), func(t *testing.T) {
				t.Parallel()
				b, wire := lossy(t)
				c := newCrew(b)
				c.write(0, 3)
				m := c.join("1")
				c.read(m, 3)
				c.commit(m, c.result("one"), c.at(0, 1, ""))
				records, more := c.result("two"), 1
				if key == kmsg.OffsetCommit {
					records, more = nil, 0
				}
				wire.Cut(key, n)
				limit := patience
				if n < 0 {
					limit = 700 * time.Millisecond // nothing else ends it
				}
				committed, err := m.Commit(within(t, limit), records, c.at(0, 2, "two"))
				wire.Cut(key, 0)
				if wire.Lost() == 0 {
					t.Fatal("no answer got lost")
				}
				if n < 0 && err == nil {
					t.Error("Commit: got nil without an answer, want an error")
				}
				if err != nil {
					m.Close(within(t, patience))
					m = c.join("1")
				}
				positions, failed := m.Committed(within(t, patience), map[string][]int32{c.lead.Name: {0}})
				if failed != nil {
					t.Fatalf("Committed: %v", failed)
				}
				there := positions[kafka.Partition{Topic: c.lead.Name}].Metadata == "two"
				if got := len(c.visible(c.results.Name)); got != 1 && !there || got != 1+more && there || committed && !there {
					t.Errorf("Commit: got %t, %v; positions there: %t, visible results: %d", committed, err, there, got)
				}
			})
		}
	}
}

func TestOutcomeThatNobodyCanTellIsAnError(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	c.write(0, 2)
	m := c.join("1")
	c.read(m, 2)
	refuse := func() { c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError}) }
	refuse()
	committed, err := m.Commit(within(t, patience), c.result("one"), c.at(0, 1, "one"))
	if committed || err != nil {
		t.Fatalf("Commit that left nothing: got %t, %v; want false, nil", committed, err)
	}
	c.want(m, 0, 0, -1, "")
	c.commit(m, c.result("one"), c.at(0, 1, "one"))
	// The same once more: what is there may be of this transaction or of the last.
	refuse()
	if committed, err = m.Commit(within(t, patience), c.result("two"), c.at(0, 1, "one")); committed || err == nil {
		t.Errorf("Commit of unknown outcome: got %t, %v; want an error", committed, err)
	}
}

func TestCommittedWaitsForTheTransaction(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	m := c.join("1")
	c.dealt(6, m)
	reached, release := make(chan struct{}), make(chan struct{})
	c.fake.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		close(reached)
		c.fake.SleepControl(func() { <-release })
		return nil, nil, false
	})
	done := make(chan error, 1)
	go func() {
		_, err := m.Commit(within(t, patience), c.result("one"), c.at(0, 1, "one"))
		done <- err
	}()
	<-reached
	parts := map[string][]int32{c.lead.Name: {0}}
	if got, err := m.Committed(within(t, 400*time.Millisecond), parts); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Committed beside an open transaction: got %v, %v; want it to wait until its context ends", got, err)
	}
	// What status shows waits for nobody.
	if lags, err := c.cluster.Lag(within(t, patience), c.group, c.lead.Name); err != nil || lags[0].Committed != -1 {
		t.Errorf("Lag beside an open transaction: got %v, %v; want no offset", lags, err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("Commit: %v", err)
	}
	c.want(m, 1, 0, 1, "one")
}
