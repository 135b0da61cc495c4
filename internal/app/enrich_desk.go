package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/ratelimit"
)

// enrichDesk is what the verbs of the enricher look through that fetch nothing:
// Kafka and Redis, either of which may be away. It creates no topic and joins no
// group.
type enrichDesk struct {
	c       Enricher
	cluster *kafka.Cluster
	// missing are the topics that do not exist, companiesID is the identity of the
	// companies topic. Neither is known where kafkaErr says why.
	missing     []string
	companiesID string
	kafkaErr    error
	// store and limiter are nil where redisErr says why.
	store    *checkpoint.Redis
	limiter  *ratelimit.Shared
	redisErr error
}

// openEnrichDesk connects to both servers. What is away is noted, and no error:
// only a wrong configuration is, a *UsageError, and the end of ctx.
func openEnrichDesk(ctx context.Context, c Enricher) (*enrichDesk, error) {
	if err := usableKafka(c.Kafka); err != nil {
		return nil, err
	}
	d := &enrichDesk{c: c}
	d.store, d.redisErr = checkpoint.Open(ctx, checkpoint.Config{URL: c.RedisURL, Feed: memoryName})
	if d.redisErr == nil {
		d.limiter = ratelimit.NewShared(ratelimit.SharedOptions{Windows: c.Limits, Redis: d.store.Scripter(), Prefix: limitPrefix(c)})
	}
	if d.cluster, d.kafkaErr = kafka.Open(ctx, c.Kafka); d.kafkaErr == nil {
		d.kafkaErr = d.find(ctx)
	}
	if ctx.Err() != nil {
		d.close()
		return nil, context.Cause(ctx)
	}
	return d, nil
}

// desk looks through the connections of a process that is at work, which keeps
// them.
func (p *enricherParts) desk(c Enricher) *enrichDesk {
	return &enrichDesk{c: c, cluster: p.cluster, store: p.store, limiter: p.limits.of.Load(), companiesID: p.topics.CompaniesID}
}

func (d *enrichDesk) close() {
	if d.cluster != nil {
		d.cluster.Close()
	}
	if d.store != nil {
		_ = d.store.Close() // nothing was written that is needed
	}
}

// find describes the topics, as far as they exist. One that would stop a run is an
// error here too.
func (d *enrichDesk) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("the brokers did not describe the topics within %s", topicsTimeout))
	defer cancel()
	sites := d.c.sitesSpec()
	specs := append([]kafka.Spec{sites}, d.c.followers(partitions(ctx, d.cluster, sites))...)
	changes, err := d.cluster.Plan(ctx, specs...)
	if err != nil {
		return err
	}
	for _, change := range changes {
		if change.Kind == kafka.Create {
			d.missing = append(d.missing, change.Spec.Name)
		}
	}
	specs = slices.DeleteFunc(specs, func(s kafka.Spec) bool { return d.lacks(s.Name) })
	topics, err := d.cluster.Ensure(ctx, false, specs...)
	d.companiesID = topics[d.c.Topics.Companies].ID
	return err
}

func (d *enrichDesk) lacks(topic string) bool { return slices.Contains(d.missing, topic) }

// existing are those of topics that exist.
func (d *enrichDesk) existing(topics ...string) []string {
	return slices.DeleteFunc(topics, d.lacks)
}

// lag is how far the group is behind in those of topics that exist.
func (d *enrichDesk) lag(ctx context.Context, topics ...string) ([]kafka.PartitionLag, error) {
	topics = d.existing(topics...)
	if len(topics) == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the brokers did not say within %s how far the group is", lookTimeout))
	defer cancel()
	return d.cluster.Lag(ctx, d.c.Group, topics...)
}

// memory is what Redis knows of what was fetched.
func (d *enrichDesk) memory() *checkpoint.RedisFetched {
	return d.store.Fetched(checkpoint.FetchedOptions{NotFoundTTL: d.c.NotFoundTTL, Scope: cmp.Or(d.companiesID, d.c.Topics.Companies)})
}
