package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// GroupConfig says which group to join and what it reads.
type GroupConfig struct {
	// Name is the group's id. Instance tells its members apart: two that run at the
	// same time need two of them, and one that is started again has the same.
	Name, Instance string
	// Lead is the topic whose partitions are the slots that members are given, and
	// Topics are the others. Partition p of each of them goes with slot p mod N,
	// where N is the number of Lead's partitions.
	Lead   Topic
	Topics []Topic
	// Writes are topics that Commit writes to and that the group does not read,
	// for how large a batch they take; what is not named takes Kafka's default.
	Writes []Topic
	// SessionTimeout is how long a member may be silent before its partitions are
	// given to others; zero means 45 s. Kafka's brokers allow 6 s to 30 min.
	SessionTimeout time.Duration
	// Current, if set, is asked last of all before positions are committed: false
	// means that the caller has not yet taken in all that OnRevoked said, so that the
	// commit may be about an earlier ownership of a partition that came back. The
	// brokers could not tell. It must not block.
	Current func() bool
	// Paused says that nothing is read of a partition that is assigned until Resume:
	// so nothing comes of it before the caller knows that it has it.
	Paused bool
	// OnAssigned and OnRevoked are called when partitions come and go, with the
	// generation of the group that it happened in; nil means that nobody wants to
	// know. lost says that others may have the partitions already; otherwise they
	// get them after OnRevoked has returned. Records in hand of partitions that
	// went are nobody's any more, even if the partitions come back.
	//
	// They run on a goroutine of the library, one call at a time, the first after
	// Join has returned. The group stands still until they return, so they must not
	// wait for Poll, Commit or Close.
	OnAssigned func(generation int32, parts map[string][]int32)
	OnRevoked  func(generation int32, lost bool, parts map[string][]int32)
}

// Group is one member of a consumer group that consumes and produces in the same
// transactions (KIP-447). Poll and Commit never run at the same time; Pause, Resume
// and Committed may be called at any time.
type Group struct {
	cluster  *Cluster
	config   GroupConfig
	session  *kgo.GroupTransactSession
	kill     context.CancelFunc
	standing *standing
	// joined is closed when Join returns. Callbacks wait for it.
	joined chan struct{}
}

// Join becomes a member of the group, and ends what an older member of the same
// instance has open. It does not wait for partitions: OnAssigned tells of them.
// ctx bounds the wait for the cluster and nothing after it.
func (c *Cluster) Join(ctx context.Context, config GroupConfig) (*Group, error) {
	g := &Group{cluster: c, config: config, standing: newStanding(), joined: make(chan struct{})}
	lifetime, kill := context.WithCancel(context.WithoutCancel(ctx))
	g.kill = kill
	session, err := kgo.NewGroupTransactSession(g.options(lifetime)...)
	if err != nil {
		kill()
		return nil, fmt.Errorf("kafka client for group %s: %w", config.Name, err)
	}
	g.session = session
	if _, _, err := session.Client().ProducerID(ctx); err != nil {
		g.config.OnAssigned, g.config.OnRevoked = nil, nil
		close(g.joined)
		g.Close(ctx)
		return nil, fmt.Errorf("fence transactional id %s: %w", g.transactionalID(), classify(err))
	}
	close(g.joined)
	return g, nil
}

// Close leaves the group, which tells OnRevoked of all that the member had, and
// ends the connections. When ctx ends first, the group learns of it by the session
// timeout. A transaction of unknown outcome stays open until the next Join of the
// same instance ends it, or GroupTransactionTimeout.
func (g *Group) Close(ctx context.Context) {
	client := g.session.Client()
	if err := client.LeaveGroupContext(ctx); err != nil {
		g.kill() // or Close waits for a broker that may not be there
	}
	client.Close()
	g.kill()
	g.tell(client, false, g.standing.all())
}

// Poll returns committed records that have come, at most limit of them, and waits
// for some where there are none. nil, nil means that ctx ended, or that somebody
// woke it up by ending ctx: nothing is lost by that. What the library gets over by
// itself is not reported. An error means that the group is spent: permission was
// taken away, a topic was created anew, or the group was closed.
func (g *Group) Poll(ctx context.Context, limit int) ([]*kgo.Record, error) {
	fetches := g.session.PollRecords(ctx, limit)
	for _, e := range fetches.Errors() {
		switch {
		case errors.Is(e.Err, kgo.ErrClientClosed):
			return nil, fmt.Errorf("poll group %s: %w", g.config.Name, e.Err)
		case ctx.Err() != nil && errors.Is(e.Err, ctx.Err()):
			return nil, nil //nolint:nilnil // the caller ended the wait and knows it
		case recovers(e.Err):
		case e.Topic == "":
			return nil, fmt.Errorf("poll group %s: %w", g.config.Name, classify(e.Err))
		default:
			return nil, fmt.Errorf("poll group %s: topic %s/%d: %w", g.config.Name, e.Topic, e.Partition, classify(e.Err))
		}
	}
	return fetches.Records(), nil
}

// recovers reports whether the library goes on after err by itself.
func recovers(err error) bool {
	var loss *kgo.ErrDataLoss
	if errors.As(err, &loss) {
		return true // it has gone back, and reading twice does no harm
	}
	if errors.Is(err, kerr.UnknownTopicID) {
		return false // created anew: it waits for somebody to say what that means
	}
	var session *kgo.ErrGroupSession
	return errors.As(err, &session) && outdated(err) || passes(err)
}

// Pause stops the reading of partitions: Poll returns nothing of them until Resume.
// A partition that is assigned anew is paused if GroupConfig.Paused says so, and
// only then.
func (g *Group) Pause(parts map[string][]int32) {
	if len(parts) > 0 {
		g.session.Client().PauseFetchPartitions(parts)
	}
}

// Resume ends a Pause.
func (g *Group) Resume(parts map[string][]int32) {
	if len(parts) > 0 {
		g.session.Client().ResumeFetchPartitions(parts)
	}
}

// onAssigned comes once in every generation, after its revocations.
func (g *Group) onAssigned(_ context.Context, client *kgo.Client, added map[string][]int32) {
	<-g.joined
	// The others get nothing of it before this returns: the member joins again
	// only then, and until then nobody else is given what it had.
	g.tell(client, false, g.standing.missed())
	if len(added) == 0 {
		return
	}
	g.standing.take(added)
	if g.config.Paused {
		client.PauseFetchPartitions(added)
	} else {
		client.ResumeFetchPartitions(added)
	}
	if g.config.OnAssigned != nil {
		_, generation := client.GroupMetadata()
		g.config.OnAssigned(generation, added)
	}
}

func (g *Group) onRevoked(_ context.Context, client *kgo.Client, gone map[string][]int32) {
	<-g.joined
	g.tell(client, false, g.standing.drop(gone))
}

func (g *Group) onLost(_ context.Context, client *kgo.Client, _ map[string][]int32) {
	<-g.joined
	g.tell(client, true, g.standing.all())
}

func (g *Group) tell(client *kgo.Client, lost bool, gone map[string][]int32) {
	if len(gone) > 0 && g.config.OnRevoked != nil {
		_, generation := client.GroupMetadata()
		g.config.OnRevoked(generation, lost, gone)
	}
}

// managed hears of every error that ends a member's session. Losing partitions is
// one of the things that the library tells only once between two transactions.
type managed struct{ group *Group }

var _ kgo.HookGroupManageError = managed{}

// OnGroupManageError implements kgo.HookGroupManageError.
func (m managed) OnGroupManageError(error) {
	<-m.group.joined
	m.group.standing.settle(nil)
	m.group.tell(m.group.session.Client(), true, m.group.standing.all())
}
