package app

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/ratelimit"
)

// broker is a kafka.Cluster as the enrichment loop wants to see it.
type broker struct {
	cluster *kafka.Cluster
	group   kafka.GroupConfig
	sites   siteReader
}

var _ enricher.Broker = broker{}

// Join implements enricher.Broker.
func (b broker) Join(ctx context.Context, assigned func([]enricher.Place), revoked func([]enricher.Place, bool), current func() bool) (enricher.Group, error) {
	config := b.group
	config.OnAssigned = func(_ int32, parts map[string][]int32) { assigned(placesOf(parts)) }
	config.OnRevoked = func(_ int32, lost bool, parts map[string][]int32) { revoked(placesOf(parts), lost) }
	config.Current = current
	group, err := b.cluster.Join(ctx, config)
	if err != nil {
		return nil, err // not group: a nil *kafka.Group is no nil enricher.Group
	}
	return member{group, b.group.Lead.Name, b.sites}, nil
}

// Tail implements enricher.Broker.
func (b broker) Tail(ctx context.Context, at enricher.Place, from int64, each func(*kgo.Record) error) (int64, error) {
	return b.cluster.Tail(ctx, at.Topic, at.Partition, from, each)
}

// Slot implements enricher.Broker.
func (broker) Slot(key []byte, n int32) int32 { return kafka.Slot(key, n) }

// member is a kafka.Group as the enrichment loop wants to see it.
type member struct {
	*kafka.Group

	sitesTopic string
	sites      siteReader
}

// Poll implements enricher.Group. The loop sees career sites as JSON, whichever format
// they are in.
func (m member) Poll(ctx context.Context, most int) ([]*kgo.Record, error) {
	records, err := m.Group.Poll(ctx, most)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if r.Topic == m.sitesTopic {
			// ctx is the wait for records, which may end at any moment.
			if r.Value, err = m.sites.json(context.WithoutCancel(ctx), r); err != nil {
				return nil, err
			}
		}
	}
	return records, nil
}

// Commit implements enricher.Group.
func (m member) Commit(ctx context.Context, records []*kgo.Record, positions map[enricher.Place]enricher.Position) (bool, error) {
	at := make(map[kafka.Partition]kafka.Position, len(positions))
	for place, p := range positions {
		at[kafka.Partition(place)] = kafka.Position(p)
	}
	return m.Group.Commit(ctx, records, at)
}

// Committed implements enricher.Group.
func (m member) Committed(ctx context.Context, parts []enricher.Place) (map[enricher.Place]enricher.Position, error) {
	found, err := m.Group.Committed(ctx, partsOf(parts))
	if err != nil {
		return nil, err
	}
	at := make(map[enricher.Place]enricher.Position, len(found))
	for partition, p := range found {
		at[enricher.Place(partition)] = enricher.Position(p)
	}
	return at, nil
}

// Pause implements enricher.Group.
func (m member) Pause(parts []enricher.Place) { m.Group.Pause(partsOf(parts)) }

// Resume implements enricher.Group.
func (m member) Resume(parts []enricher.Place) { m.Group.Resume(partsOf(parts)) }

func placesOf(parts map[string][]int32) []enricher.Place {
	var places []enricher.Place
	for topic, partitions := range parts {
		for _, p := range partitions {
			places = append(places, enricher.Place{Topic: topic, Partition: p})
		}
	}
	return places
}

func partsOf(places []enricher.Place) map[string][]int32 {
	parts := make(map[string][]int32)
	for _, at := range places {
		parts[at.Topic] = append(parts[at.Topic], at.Partition)
	}
	return parts
}

// limits are the shared request limits of the API key in use, as the loop wants to
// see them.
type limits struct {
	of atomic.Pointer[ratelimit.Shared]
}

var _ enricher.Limiter = (*limits)(nil)

// Take implements enricher.Limiter. Whoever waits when the key changes goes by the
// limits of the old one.
func (l *limits) Take(ctx context.Context) (func(ratelimit.Report), error) {
	ticket, err := l.of.Load().Take(ctx)
	if err != nil {
		return nil, err
	}
	return ticket.Done, nil
}

// Until implements enricher.Limiter.
func (l *limits) Until(ctx context.Context, t time.Time) { l.of.Load().Until(ctx, t) }
