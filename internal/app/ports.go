package app

import (
	"context"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// journal is a kafka.Stream as the loop wants to see it.
type journal struct{ stream *kafka.Stream }

var _ producer.Log = journal{}

// Fence implements producer.Log.
func (j journal) Fence(ctx context.Context) (producer.Session, error) {
	session, err := j.stream.Fence(ctx)
	if err != nil {
		return nil, err // not session: a nil *kafka.Session is no nil producer.Session
	}
	return session, nil
}

// Foreign implements producer.Log.
func (j journal) Foreign(ctx context.Context, known []string) (string, error) {
	streams := make(map[string]bool, len(known))
	for _, name := range known {
		streams[name] = true
	}
	record, err := j.stream.Foreign(ctx, streams)
	if err != nil || record == nil {
		return "", err
	}
	return record.Topic + "/" + strconv.Itoa(int(record.Partition)) + " at offset " + strconv.FormatInt(record.Offset, 10), nil
}

// Newest implements producer.Log.
func (j journal) Newest(ctx context.Context) (producer.Published, error) {
	record, err := j.stream.Newest(ctx)
	if err != nil || record == nil {
		return producer.Published{}, err
	}
	return published(record), nil
}

// Recent implements producer.Log.
func (j journal) Recent(ctx context.Context, since time.Time, each func(producer.Published) bool) error {
	return j.stream.Recent(ctx, since, func(r *kgo.Record) bool { return each(published(r)) })
}

// Size implements producer.Log.
func (j journal) Size(ctx context.Context) (int64, error) { return j.stream.Size(ctx) }

// published is a record of the career-sites topic as the loop wants to see it.
// Headers that can't be read are as good as none.
func published(r *kgo.Record) producer.Published {
	p := producer.Published{ID: string(r.Key), Value: r.Value}
	for _, h := range r.Headers {
		switch h.Key {
		case schemas.HeaderRunID:
			p.RunID = string(h.Value)
		case schemas.HeaderPage:
			p.Page, _ = strconv.ParseInt(string(h.Value), 10, 64)
		case schemas.HeaderTime:
			p.UpdatedAt, _ = time.Parse(time.RFC3339Nano, string(h.Value))
		}
	}
	return p
}

// options are the budget as the loop wants to see it.
func (b Budget) options() producer.Budget {
	b = b.limits()
	bound := func(credits int64) *int64 {
		if credits < 0 {
			return nil
		}
		return &credits
	}
	return producer.Budget{
		PerRow: b.PerRow, PerRun: bound(b.PerRun), PerDay: bound(b.PerDay), PerMonth: bound(b.PerMonth),
		MinBalance: max(b.MinBalance, 0), WarnBalance: bound(b.WarnBalance),
	}
}

// checkpoints is the store in Redis with the lease that this program keeps on it.
type checkpoints struct {
	*checkpoint.Redis
	ttl time.Duration
	log *zap.Logger
}

var _ producer.Checkpoints = checkpoints{}

// Hold implements producer.Checkpoints. It waits a little more than one TTL: a
// holder that died is out by then, so one that is still there is alive.
func (c checkpoints) Hold(ctx context.Context, floor uint64) (producer.Lease, error) {
	said := "" // one goroutine renews
	lease, err := checkpoint.Hold(ctx, c.Redis, checkpoint.HoldOptions{
		TTL: c.ttl, Floor: floor, Wait: c.ttl + c.ttl/4,
		OnRenewError: func(err error) {
			if reason := err.Error(); reason != said {
				said = reason
				c.log.Warn("lease not renewed, trying again until it has to be given up", zap.Error(err))
			}
		},
	})
	if err != nil {
		return nil, err
	}
	return lease, nil
}
