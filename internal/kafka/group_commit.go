package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Partition is a partition of a topic.
type Partition struct {
	Topic     string
	Partition int32
}

// Position is how far a group has come in a partition.
type Position struct {
	// Offset is that of the first record that is not done.
	Offset int64
	// Epoch is the leader epoch of the record before it; -1 means not known.
	Epoch int32
	// Metadata is kept beside the offset, at most 4096 bytes of it unless the
	// brokers' offset.metadata.max.bytes says otherwise.
	Metadata string
}

var errNotHeld = errors.New("a partition is no longer this member's")

// Commit publishes records and moves the group to positions, in one transaction:
// both become visible, or neither. It moves the partitions in positions and no
// others, whatever Poll has returned of them, and it may be to an offset that
// Poll has passed long ago.
//
//   - true, nil: done.
//   - false, nil: aborted, because the group is being dealt anew or has been.
//     Nothing of it is visible, and nothing ever will be. Poll then returns again
//     all that was not committed of the partitions that the member still has: the
//     caller passes over what it has in hand. What it has in hand of partitions
//     that OnRevoked told of, it throws away.
//   - an error: the group is spent, Close it and Join anew. The outcome may be
//     unknown, as when no answer came before ctx ended. Committed then tells it:
//     positions are there exactly if records are.
//
// Without records the positions are committed alone, in no transaction: that takes
// a tenth of the time, and is tied to the generation of the group as well. Without
// positions nothing is published: what ties a transaction to the generation is its
// offsets, and a member that was thrown out long ago could publish. So records
// without positions are an error; neither is no work.
func (g *Group) Commit(ctx context.Context, records []*kgo.Record, positions map[Partition]Position) (committed bool, err error) {
	if len(positions) == 0 {
		if len(records) > 0 {
			return false, fmt.Errorf("commit %d records of group %s: no position is committed with them", len(records), g.config.Name)
		}
		return true, nil
	}
	// A join takes as long as the slowest member. The library would wait for its
	// end as well, but with the transaction open and readers standing behind it.
	if err := g.standing.wait(ctx); err != nil {
		return false, fmt.Errorf("wait for group %s to be dealt: %w", g.config.Name, err)
	}
	if len(records) == 0 {
		return g.move(ctx, positions)
	}
	if err := g.session.Begin(); err != nil {
		return false, fmt.Errorf("begin transaction: %w", classify(err))
	}
	client := g.session.Client()
	if err := produce(ctx, client, records); err != nil {
		return false, abort(ctx, client, GroupTransactionTimeout, err)
	}
	if g.standing.joining() {
		return false, g.giveUp(ctx)
	}
	return g.end(ctx, records, positions)
}

// giveUp ends the transaction, if there is one, and rewinds all partitions.
func (g *Group) giveUp(ctx context.Context) error {
	if _, err := g.session.End(ctx, kgo.TryAbort); err != nil {
		return fmt.Errorf("abort a transaction of group %s: %w", g.config.Name, classify(err))
	}
	return nil
}

// end commits the offsets and then the transaction.
func (g *Group) end(ctx context.Context, records []*kgo.Record, positions map[Partition]Position) (bool, error) {
	tried := false
	committing := kgo.PreTxnCommitFnContext(ctx, func(request *kmsg.TxnOffsetCommitRequest) error {
		// The request has the generation of this moment. It proves that the member
		// is in the group, not that the partitions are still its own.
		if !g.standing.holds(positions) || g.config.Current != nil && !g.config.Current() {
			return errNotHeld
		}
		tried = true
		replace(request, positions)
		return nil
	})
	committed, err := g.session.End(committing, kgo.TryCommit)
	switch {
	case errors.Is(err, errNotHeld):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("commit %d records of group %s: %w", len(records), g.config.Name, classify(err))
	case committed || !tried:
		return committed, nil
	}
	return false, g.aborted(ctx, positions)
}

// replace puts positions in the place of the offsets that a request has, which are
// those of the last records that Poll returned. A topic that was not in it has no
// id here: the library finds it, or sends a version of the request without ids.
func replace(request *kmsg.TxnOffsetCommitRequest, positions map[Partition]Position) {
	at := map[string]int{}
	for i := range request.Topics {
		request.Topics[i].Partitions = nil
		at[request.Topics[i].Topic] = i
	}
	for p, position := range positions {
		i, ok := at[p.Topic]
		if !ok {
			topic := kmsg.NewTxnOffsetCommitRequestTopic()
			topic.Topic = p.Topic
			i = len(request.Topics)
			at[p.Topic], request.Topics = i, append(request.Topics, topic)
		}
		partition := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		partition.Partition, partition.Offset, partition.LeaderEpoch = p.Partition, position.Offset, position.Epoch
		partition.Metadata = &position.Metadata
		request.Topics[i].Partitions = append(request.Topics[i].Partitions, partition)
	}
	kept := request.Topics[:0]
	for _, topic := range request.Topics {
		if len(topic.Partitions) > 0 {
			kept = append(kept, topic)
		}
	}
	request.Topics = kept
}

// aborted makes sure that a transaction which the library calls aborted was not
// committed. It says so too where a broker answered the commit with
// UNKNOWN_SERVER_ERROR, which may come after the deed; to publish the same again
// would then be twice. Where the positions were no news the two look the same, and
// the caller has to ask anew.
func (g *Group) aborted(ctx context.Context, positions map[Partition]Position) error {
	parts := map[string][]int32{}
	for p := range positions {
		parts[p.Topic] = append(parts[p.Topic], p.Partition)
	}
	stored, err := g.Committed(ctx, parts)
	if err != nil {
		return fmt.Errorf("after an aborted transaction: %w", err)
	}
	for p, position := range positions {
		if at, ok := stored[p]; !ok || at.Offset != position.Offset || at.Metadata != position.Metadata {
			return nil
		}
	}
	return fmt.Errorf("the outcome of a transaction of group %s is unknown: what it was to commit is there", g.config.Name)
}
