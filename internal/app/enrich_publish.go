package app

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
)

// publisher publishes requests, a batch at a time.
type publisher struct {
	cluster *kafka.Cluster
	topic   string
	batch   []*kgo.Record
	// published are those that the brokers have.
	published int
}

// publishMost is how many requests a batch has at the most, publishTimeout how
// long the brokers may take over it.
const (
	publishMost    = 1000
	publishTimeout = 30 * time.Second
)

// newPublisher brings the topics about.
func newPublisher(ctx context.Context, c Enricher, cluster *kafka.Cluster) (*publisher, error) {
	if _, err := c.ensure(ctx, cluster, zap.NewNop()); err != nil {
		return nil, err
	}
	return &publisher{cluster: cluster, topic: c.Topics.Requests}, nil
}

// add takes a request in and says that it was made now.
func (p *publisher) add(ctx context.Context, r schemas.CompanyRequest) error {
	r.RequestedAt = time.Now().UTC()
	value, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("request for company %q: %w", r.ID, err)
	}
	p.batch = append(p.batch, &kgo.Record{
		Topic: p.topic, Key: []byte(r.ID), Value: value,
		Headers: []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentTypeJSON)}},
	})
	if len(p.batch) < publishMost {
		return nil
	}
	return p.flush(ctx)
}

// flush publishes what was taken in.
func (p *publisher) flush(ctx context.Context) error {
	if len(p.batch) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, publishTimeout, fmt.Errorf("the brokers did not take them within %s: check that they are up, then ask again", publishTimeout))
	defer cancel()
	if err := p.cluster.Publish(ctx, p.batch...); err != nil {
		return err
	}
	p.published += len(p.batch)
	p.batch = p.batch[:0]
	return nil
}
