package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// move commits positions without a transaction. A transaction of offsets alone that
// follows closely on another would be refused with CONCURRENT_TRANSACTIONS, and the
// library aborts it then; where there are records it waits. The broker puts the two
// kinds of commit in order (KAFKA-5247): the later one counts.
func (g *Group) move(ctx context.Context, positions map[Partition]Position) (bool, error) {
	offsets := map[string]map[int32]kgo.EpochOffset{}
	for p, position := range positions {
		if offsets[p.Topic] == nil {
			offsets[p.Topic] = map[int32]kgo.EpochOffset{}
		}
		offsets[p.Topic][p.Partition] = kgo.EpochOffset{Epoch: position.Epoch, Offset: position.Offset}
	}
	committing := kgo.PreCommitFnContext(ctx, func(request *kmsg.OffsetCommitRequest) error {
		if !g.standing.holds(positions) || g.config.Current != nil && !g.config.Current() {
			return errNotHeld
		}
		for _, topic := range request.Topics {
			for i, p := range topic.Partitions {
				metadata := positions[Partition{topic.Topic, p.Partition}].Metadata
				topic.Partitions[i].Metadata = &metadata
			}
		}
		return nil
	})
	var failed error
	g.session.Client().CommitOffsetsSync(committing, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		failed = errors.Join(err, offsetErrors(response))
	})
	switch {
	case failed == nil:
		return true, nil
	case errors.Is(failed, errNotHeld) || outdated(failed):
		return false, g.giveUp(ctx)
	case ctx.Err() != nil:
		return false, fmt.Errorf("move group %s: %w", g.config.Name, context.Cause(ctx))
	}
	return false, fmt.Errorf("move group %s: %w", g.config.Name, classify(failed))
}

// offsetErrors are what a broker said to the partitions of a request; nil is none.
func offsetErrors(response *kmsg.OffsetCommitResponse) (err error) {
	if response == nil {
		return nil
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			err = errors.Join(err, kerr.ErrorForCode(p.ErrorCode))
		}
	}
	return err
}

// outdated reports whether the group has been dealt anew since, without this
// member or with it.
func outdated(err error) bool {
	return errors.Is(err, kerr.IllegalGeneration) || errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.RebalanceInProgress)
}
