package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Committed returns how far the group has come in partitions; those without a
// commit are absent. It waits for transactions that are about to move them, so
// that the answer is final, which ctx must allow for: GroupTransactionTimeout at
// the most, if their writers have died.
func (g *Group) Committed(ctx context.Context, parts map[string][]int32) (map[Partition]Position, error) {
	return g.cluster.committed(ctx, g.config.Name, true, parts)
}

// committed asks for a group's offsets, and tries again what may pass until ctx
// ends: a coordinator that moves, and with stable, pending transactions.
func (c *Cluster) committed(ctx context.Context, group string, stable bool, parts map[string][]int32) (map[Partition]Position, error) {
	if len(parts) == 0 {
		return map[Partition]Position{}, nil
	}
	for {
		positions, err := c.committedOnce(ctx, group, stable, parts)
		if err == nil || errors.Is(err, kerr.GroupIDNotFound) { // it has committed nothing
			return positions, nil
		}
		if !passes(err) {
			return nil, fmt.Errorf("offsets of group %s: %w", group, classify(err))
		}
		if ended := pause(ctx); ended != nil {
			return nil, fmt.Errorf("offsets of group %s: %w (last answer: %w)", group, ended, err)
		}
	}
}

// committedOnce names the partitions: asked for all, a broker leaves out those
// that only a pending transaction knows.
func (c *Cluster) committedOnce(ctx context.Context, group string, stable bool, parts map[string][]int32) (map[Partition]Position, error) {
	request := kmsg.NewPtrOffsetFetchRequest()
	request.RequireStable = stable
	wanted := kmsg.NewOffsetFetchRequestGroup()
	wanted.Group = group
	for name, partitions := range parts {
		topic := kmsg.NewOffsetFetchRequestGroupTopic()
		topic.Topic, topic.Partitions = name, partitions
		wanted.Topics = append(wanted.Topics, topic)
	}
	request.Groups = append(request.Groups, wanted)
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, err
	}
	if len(response.Groups) != 1 {
		return nil, fmt.Errorf("the broker answered for %d groups where one was asked for", len(response.Groups))
	}
	answer := response.Groups[0]
	if err := errors.Join(kerr.ErrorForCode(response.ErrorCode), kerr.ErrorForCode(answer.ErrorCode)); err != nil {
		return nil, err
	}
	positions := map[Partition]Position{}
	for _, topic := range answer.Topics {
		for _, p := range topic.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("topic %s/%d: %w", topic.Topic, p.Partition, err)
			}
			if p.Offset < 0 {
				continue
			}
			position := Position{Offset: p.Offset, Epoch: p.LeaderEpoch}
			if p.Metadata != nil {
				position.Metadata = *p.Metadata
			}
			positions[Partition{topic.Topic, p.Partition}] = position
		}
	}
	return positions, nil
}

// PartitionLag is how far a group is behind in one partition.
type PartitionLag struct {
	Topic     string
	Partition int32
	// Committed is the offset that the group goes on from, -1 where it has none.
	Committed int64
	// Start and End are what the partition holds now, End is not part of it. The
	// markers that end transactions are among it: a group that has read everything
	// may be a few offsets behind.
	Start, End int64
}

// Lag returns how far a group, which need not exist, is behind in each partition
// of topics, in the order of topics and partitions. It waits for no transaction.
func (c *Cluster) Lag(ctx context.Context, group string, topics ...string) ([]PartitionLag, error) {
	var lags []PartitionLag
	parts := map[string][]int32{}
	for _, topic := range topics {
		spans, err := c.spans(ctx, topic)
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			parts[topic] = append(parts[topic], s.partition)
			lags = append(lags, PartitionLag{Topic: topic, Partition: s.partition, Committed: -1, Start: s.start, End: s.end})
		}
	}
	positions, err := c.committed(ctx, group, false, parts)
	if err != nil {
		return nil, err
	}
	for i, lag := range lags {
		if position, ok := positions[Partition{lag.Topic, lag.Partition}]; ok {
			lags[i].Committed = position.Offset
		}
	}
	return lags, nil
}

// Members returns the state of a group in Kafka's words, such as Stable, Empty or
// PreparingRebalance, and how many members it has. A group that does not exist is
// Dead.
func (c *Cluster) Members(ctx context.Context, group string) (state string, members int, err error) {
	for {
		described, err := c.admin.DescribeGroups(ctx, group)
		if err == nil {
			err = described[group].Err
		}
		switch {
		case err == nil:
			return described[group].State, len(described[group].Members), nil
		case errors.Is(err, kerr.GroupIDNotFound): // Kafka 4.0 and newer
			return "Dead", 0, nil
		case !passes(err):
			return "", 0, fmt.Errorf("members of group %s: %w", group, classify(err))
		}
		if ended := pause(ctx); ended != nil {
			return "", 0, fmt.Errorf("members of group %s: %w (last answer: %w)", group, ended, err)
		}
	}
}
