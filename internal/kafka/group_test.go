package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// slots is how many partitions the topics of the tests' groups have.
const slots = 6

// crew is a group under test: its topics, and the members that tests start.
type crew struct {
	*bundle
	group               string
	lead, asks, results kafka.Topic
}

// gather prefers a real broker, gatherFake has one that fails when told to.
func gather(t testing.TB) *crew     { return newCrew(connect(t, kfake.NumBrokers(1))) }
func gatherFake(t testing.TB) *crew { return newCrew(connectFake(t, kfake.NumBrokers(1))) }

func newCrew(b *bundle) *crew {
	b.t.Helper()
	name := unique()
	topics, err := b.cluster.Ensure(within(b.t, patience), true,
		kafka.Spec{Name: name + ".lead", Partitions: slots, Compacted: true}, kafka.Spec{Name: name + ".asks", Exactly: slots}, kafka.Spec{Name: name + ".results", Partitions: slots, Compacted: true})
	if err != nil {
		b.t.Fatalf("Ensure: %v", err)
	}
	return &crew{bundle: b, group: name, lead: topics[name+".lead"], asks: topics[name+".asks"], results: topics[name+".results"]}
}

// member is one member, and what it was told that it has.
type member struct {
	*kafka.Group
	mu    sync.Mutex
	held  map[kafka.Partition]bool
	taken []int // how many partitions each OnRevoked took
	lost  int   // partitions that OnRevoked called lost
	last  int32 // the newest generation
}

func (c *crew) join(instance string) *member {
	c.t.Helper()
	return c.joinBy(c.cluster, instance)
}

func (c *crew) joinBy(cluster *kafka.Cluster, instance string) *member {
	c.t.Helper()
	m := &member{held: map[kafka.Partition]bool{}}
	group, err := cluster.Join(within(c.t, patience), kafka.GroupConfig{
		Name: c.group, Instance: instance, Lead: c.lead, Topics: []kafka.Topic{c.asks}, Writes: []kafka.Topic{c.results},
		SessionTimeout: 6 * time.Second, OnAssigned: m.onAssigned, OnRevoked: m.onRevoked,
	})
	if err != nil {
		c.t.Fatalf("Join: %v", err)
	}
	m.Group = group
	c.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		m.Close(ctx)
	})
	return m
}

func (m *member) onAssigned(generation int32, parts map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = generation
	for topic, partitions := range parts {
		for _, p := range partitions {
			m.held[kafka.Partition{Topic: topic, Partition: p}] = true
		}
	}
}

func (m *member) onRevoked(generation int32, lost bool, parts map[string][]int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = generation
	n := 0
	for topic, partitions := range parts {
		for _, p := range partitions {
			delete(m.held, kafka.Partition{Topic: topic, Partition: p})
			n++
		}
	}
	m.taken = append(m.taken, n)
	if lost {
		m.lost += n
	}
}

func (m *member) has() map[kafka.Partition]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.held)
}

// dealt waits until members have all partitions, each of them so many slots.
func (c *crew) dealt(each int, members ...*member) {
	c.t.Helper()
	c.eventually(fmt.Sprintf("%d members with %d slots each", len(members), each), func() bool {
		for _, m := range members {
			if len(m.has()) != 2*each {
				return false
			}
		}
		return true
	})
}

// write puts n records with the values 0 to n-1 into one partition of the lead.
func (c *crew) write(partition int32, n int) {
	c.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{Topic: c.lead.Name, Partition: partition, Key: fmt.Appendf(nil, "key-%d", i), Value: fmt.Appendf(nil, "%d", i)}
	}
	writer := c.client(kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err := writer.ProduceSync(within(c.t, patience), records...).FirstErr(); err != nil {
		c.t.Fatalf("write %d records: %v", n, err)
	}
}

// read polls n records and returns their offsets.
func (c *crew) read(m *member, n int) (offsets []int64) {
	c.t.Helper()
	ctx := within(c.t, patience)
	for len(offsets) < n {
		records, err := m.Poll(ctx, n-len(offsets))
		if err != nil || ctx.Err() != nil {
			c.t.Fatalf("Poll: got %d records, %v; want %d", len(offsets), err, n)
		}
		for _, r := range records {
			offsets = append(offsets, r.Offset)
		}
	}
	return offsets
}

func (c *crew) result(key string) []*kgo.Record {
	return []*kgo.Record{{Topic: c.results.Name, Key: []byte(key), Value: []byte("done")}}
}

// at is a position in one partition of the lead.
func (c *crew) at(partition int32, offset int64, metadata string) map[kafka.Partition]kafka.Position {
	return map[kafka.Partition]kafka.Position{{Topic: c.lead.Name, Partition: partition}: {Offset: offset, Epoch: -1, Metadata: metadata}}
}

// want checks how many results readers see, and where the group is in one
// partition; offset -1 means nowhere.
func (c *crew) want(m *member, results int, partition int32, offset int64, metadata string) {
	c.t.Helper()
	positions, err := m.Committed(within(c.t, patience), map[string][]int32{c.lead.Name: {partition, (partition + 1) % slots}})
	if err != nil {
		c.t.Fatalf("Committed: %v", err)
	}
	got, found := positions[kafka.Partition{Topic: c.lead.Name, Partition: partition}]
	if len(positions) > 1 || found != (offset >= 0) || found && (got.Offset != offset || got.Metadata != metadata) {
		c.t.Errorf("committed: got %v, want offset %d and %q in partition %d alone", positions, offset, metadata, partition)
	}
	if got := len(c.visible(c.results.Name)); got != results {
		c.t.Errorf("visible results: got %d, want %d", got, results)
	}
}

// commit must succeed.
func (c *crew) commit(m *member, records []*kgo.Record, positions map[kafka.Partition]kafka.Position) {
	c.t.Helper()
	if committed, err := m.Commit(within(c.t, patience), records, positions); !committed || err != nil {
		c.t.Fatalf("Commit: got %t, %v; want true", committed, err)
	}
}

func TestMembersShareTheSlotsAndHandThemOver(t *testing.T) {
	t.Parallel()
	c := gather(t)
	first := c.join("1")
	c.dealt(6, first)
	second := c.join("2")
	c.dealt(3, first, second)
	third := c.join("3")
	c.dealt(2, first, second, third)
	owners := map[int32]*member{}
	for _, m := range []*member{first, second, third} {
		for p := range m.has() {
			if other, taken := owners[p.Partition]; taken && other != m {
				t.Errorf("slot %d is with two members", p.Partition)
			}
			owners[p.Partition] = m
		}
	}
	if len(owners) != slots {
		t.Errorf("slots with an owner: got %d, want %d", len(owners), slots)
	}
	// Nothing was committed between the two: the library tells of the first alone.
	if want := []int{6, 2}; !slices.Equal(first.taken, want) {
		t.Errorf("partitions taken from the first member: got %v, want %v", first.taken, want)
	}
	state, members, err := c.cluster.Members(within(t, patience), c.group)
	if err != nil || state != "Stable" || members != 3 {
		t.Errorf("Members: got %s with %d, %v; want Stable with 3", state, members, err)
	}
	third.Close(within(t, patience))
	if len(third.has()) != 0 {
		t.Errorf("partitions of a member that left: got %v, want none", third.has())
	}
	c.dealt(3, first, second)
	if first.lost+second.lost+third.lost != 0 {
		t.Error("partitions that were handed over in order were called lost")
	}
}

func TestMembersBeyondTheSlotsAreIdle(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	members := make([]*member, slots+1)
	for i := range members {
		members[i] = c.join(fmt.Sprint(i))
	}
	c.eventually("six members with a slot each and one without", func() bool {
		busy := 0
		for _, m := range members {
			if len(m.has()) == 2 {
				busy++
			}
		}
		return busy == slots
	})
}

func TestPartitionsAreLostWithTheMembershipEveryTime(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	m := c.join("1")
	c.dealt(6, m)
	for round := 1; round <= 2; round++ {
		c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID})
		c.eventually("the member is thrown out and back", func() bool {
			m.mu.Lock()
			defer m.mu.Unlock()
			return m.lost == 2*slots*round && len(m.held) == 2*slots
		})
	}
	// Poll makes nothing of it.
	c.write(0, 1)
	c.read(m, 1)
}

func TestPollEndsWithItsContextAndWithTheGroup(t *testing.T) {
	t.Parallel()
	c := gather(t)
	m := c.join("1")
	ctx, wake := context.WithCancel(within(t, patience))
	woken := make(chan error, 1)
	go func() {
		records, err := m.Poll(ctx, 10)
		woken <- errors.Join(err, ctx.Err())
		_ = records
	}()
	wake()
	if err := <-woken; !errors.Is(err, context.Canceled) {
		t.Errorf("Poll: got %v, want only its context to have ended", err)
	}
	if records, err := m.Poll(ctx, 10); records != nil || err != nil {
		t.Errorf("Poll that was woken: got %d records, %v; want nil, nil", len(records), err)
	}
	m.Close(within(t, patience))
	if _, err := m.Poll(within(t, patience), 10); !errors.Is(err, kgo.ErrClientClosed) {
		t.Errorf("Poll after Close: got %v, want %v", err, kgo.ErrClientClosed)
	}
}

func TestPausedPartitionsAreNotRead(t *testing.T) {
	t.Parallel()
	c := gather(t)
	m := c.join("1")
	c.dealt(6, m)
	paused := map[string][]int32{c.lead.Name: {0}}
	m.Pause(paused)
	c.write(0, 3)
	c.write(1, 2)
	c.read(m, 2)
	if offsets := c.readFor(m, 700*time.Millisecond); len(offsets) != 0 {
		t.Errorf("records of a paused partition: got %d, want none", len(offsets))
	}
	m.Resume(paused)
	c.read(m, 3)
}

// readFor returns the offsets of what comes within a time.
func (c *crew) readFor(m *member, limit time.Duration) (offsets []int64) {
	c.t.Helper()
	ctx := within(c.t, limit)
	for ctx.Err() == nil {
		records, err := m.Poll(ctx, 100)
		if err != nil {
			c.t.Fatalf("Poll: %v", err)
		}
		for _, r := range records {
			offsets = append(offsets, r.Offset)
		}
	}
	return offsets
}

func TestPollReportsWhatDoesNotPass(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault     kfake.Fault
		want      []string
		permanent bool
	}{
		"no permission for a topic": {kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed}, []string{"topic ", "ACL on the topic"}, true},
		"no permission for a group": {kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.GroupAuthorizationFailed}, []string{"ACL on the group"}, true},
		"a strange member":          {kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.InconsistentGroupProtocol}, []string{"another program"}, true},
		"a server error":            {kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.InvalidGroupID}, []string{"INVALID_GROUP_ID"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := gatherFake(t)
			test.fault.Count = -1
			c.fake.Fault(test.fault)
			m := c.join("1")
			c.write(0, 1)
			_, err := m.Poll(within(t, patience), 10)
			wantIn(t, err, append(test.want, c.group)...)
			if retry.IsPermanent(err) != test.permanent {
				t.Errorf("Poll: got %v with permanent=%t, want %t", err, !test.permanent, test.permanent)
			}
		})
	}
}

func TestPollGetsOverWhatPasses(t *testing.T) {
	t.Parallel()
	for _, fault := range []kfake.Fault{
		{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition},
		{Keys: []kmsg.Key{kmsg.JoinGroup}, Err: kerr.UnknownMemberID},
		{Keys: []kmsg.Key{kmsg.SyncGroup}, Err: kerr.IllegalGeneration},
		{Keys: []kmsg.Key{kmsg.OffsetFetch}, Err: kerr.UnstableOffsetCommit},
		{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.NotCoordinator},
	} {
		t.Run(fault.Keys[0].Name(), func(t *testing.T) {
			t.Parallel()
			c := gatherFake(t)
			handle := c.fake.Fault(fault)
			m := c.join("1")
			c.write(0, 2)
			c.read(m, 2)
			if err := handle.Wait(within(t, patience), 1); err != nil {
				t.Errorf("the fault answered nothing: %v", err)
			}
		})
	}
}

func TestJoinThatGetsNoAnswerEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	c.silence(kmsg.InitProducerID)
	_, err := c.cluster.Join(within(t, 300*time.Millisecond), kafka.GroupConfig{
		Name: c.group, Instance: "1", Lead: c.lead,
		OnAssigned: func(int32, map[string][]int32) { t.Error("partitions came to a member that there is not") },
	})
	wantIn(t, err, "enricher."+c.group+".1")
	_, err = c.cluster.Join(within(t, patience), kafka.GroupConfig{Instance: "1", Lead: c.lead})
	wantIn(t, err, "group")
}

func TestCloseEndsWithItsContext(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	m := c.join("1")
	c.dealt(6, m)
	c.silence(kmsg.LeaveGroup)
	m.Close(within(t, 300*time.Millisecond))
	if len(m.has()) != 0 {
		t.Errorf("partitions after Close: got %v, want none", m.has())
	}
}

func TestMembersWaitsForACoordinator(t *testing.T) {
	t.Parallel()
	c := gatherFake(t)
	passing := c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}, Err: kerr.CoordinatorNotAvailable, Count: 2})
	if state, _, err := c.cluster.Members(within(t, patience), c.group); err != nil || state != "Dead" || passing.Hits() != 2 {
		t.Errorf("Members: got %s, %v after %d faults; want Dead after 2", state, err, passing.Hits())
	}
	c.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeGroups}, Err: kerr.GroupAuthorizationFailed})
	_, _, err := c.cluster.Members(within(t, patience), c.group)
	wantIn(t, err, c.group, "GROUP_AUTHORIZATION_FAILED")
}

func TestLagAndMembersOfAGroup(t *testing.T) {
	t.Parallel()
	c := gather(t)
	state, members, err := c.cluster.Members(within(t, patience), c.group)
	if err != nil || state != "Dead" || members != 0 {
		t.Errorf("Members of no group: got %s with %d, %v; want Dead with 0", state, members, err)
	}
	c.write(2, 5)
	m := c.join("1")
	c.read(m, 5)
	c.commit(m, nil, c.at(2, 3, ""))
	lags, err := c.cluster.Lag(within(t, patience), c.group, c.asks.Name, c.lead.Name)
	if err != nil || len(lags) != 2*slots {
		t.Fatalf("Lag: got %d partitions, %v; want %d", len(lags), err, 2*slots)
	}
	for i, lag := range lags {
		want := kafka.PartitionLag{Topic: c.asks.Name, Partition: int32(i % slots), Committed: -1}
		if i >= slots {
			want.Topic = c.lead.Name
		}
		if i == slots+2 {
			want.Committed, want.End = 3, 5
		}
		if lag != want {
			t.Errorf("lag: got %+v, want %+v", lag, want)
		}
	}
	if _, err := c.cluster.Lag(within(t, patience), c.group, "no-such-topic"); !errors.Is(err, kerr.UnknownTopicOrPartition) {
		t.Errorf("Lag of a topic that does not exist: got %v, want %v", err, kerr.UnknownTopicOrPartition)
	}
}
