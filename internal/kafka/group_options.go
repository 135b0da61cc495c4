package kafka

import (
	"cmp"
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// GroupTransactionTimeout is how long the cluster keeps a transaction of a group
// open whose writer fell silent. Whoever takes over its partitions waits that
// long at the most before it learns where to begin.
const GroupTransactionTimeout = 15 * time.Second

// defaultSessionTimeout is Kafka's own since 3.0.
const defaultSessionTimeout = 45 * time.Second

// rebalanceTimeout is how long the group waits for a member to come back when it
// is dealt anew. A member only has to end the transaction that it is in.
const rebalanceTimeout = time.Minute

// A group reads ahead this much and no more: what a batch unpacks to may be
// several times as large, and stays until the last record of it is done. A
// broker sends a batch that is larger than either all the same, if it is first.
const (
	groupFetchBytes     = 2 << 20
	groupPartitionBytes = 256 << 10
)

// options are those of the client that is a member of the group.
func (g *Group) options(lifetime context.Context) []kgo.Opt {
	topics, limits := []string{g.config.Lead.Name}, map[string]int{}
	for _, t := range g.config.Topics {
		topics = append(topics, t.Name)
	}
	for _, t := range append(append([]Topic{g.config.Lead}, g.config.Topics...), g.config.Writes...) {
		limits[t.Name] = t.MaxMessageBytes
	}
	session := cmp.Or(g.config.SessionTimeout, defaultSessionTimeout)
	return append([]kgo.Opt{
		// Close may have to end what the library does for the member.
		kgo.WithContext(lifetime),
		kgo.ConsumerGroup(g.config.Name),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(&slotBalancer{GroupBalancer: kgo.CooperativeStickyBalancer(), lead: g.config.Lead.Name, standing: g.standing}),
		kgo.SessionTimeout(session),
		kgo.RebalanceTimeout(rebalanceTimeout),
		// A member learns from a heartbeat that the group is dealt anew, and a new
		// member waits for the last one to learn it.
		kgo.HeartbeatInterval(min(session/10, 3*time.Second)),
		kgo.OnPartitionsAssigned(g.onAssigned),
		kgo.OnPartitionsRevoked(g.onRevoked),
		kgo.OnPartitionsLost(g.onLost),
		kgo.WithHooks(managed{g}),

		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		// The library's default goes back one minute from where a log was cut off,
		// and would skip what is older where nothing was committed yet.
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxBytes(groupFetchBytes),
		kgo.FetchMaxPartitionBytes(groupPartitionBytes),
		// One answer is held at a time, whichever broker gave it. The next broker's
		// turn comes when that is read, so none may think about its answer for long.
		kgo.MaxConcurrentFetches(1),
		kgo.FetchMaxWait(500 * time.Millisecond),

		kgo.TransactionalID(g.transactionalID()),
		kgo.TransactionTimeout(GroupTransactionTimeout),
		// Commit hands over all that belongs together: there is nothing to wait for.
		kgo.ProducerLinger(0),
		kgo.ProducerBatchCompression(codecs()...),
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 { return batchBytes(limits[topic]) }),
		// Retries and delivery time stay unlimited, as for a Session: Commit's
		// context bounds the wait.
	}, g.cluster.opts...)
}

// transactionalID is the same for a member and for the one that is started in its
// place: that is what ends the older one's open transaction at once.
func (g *Group) transactionalID() string {
	return "enricher." + g.config.Name + "." + g.config.Instance
}
