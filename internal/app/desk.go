package app

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
)

// desk is what the verbs look through that buy nothing: Kafka and Redis, either of
// which may be away. It changes nothing on them, and creates no topic.
type desk struct {
	c       Producer
	cluster *kafka.Cluster
	// stream is nil where kafkaErr says why. missing are the topics that do not
	// exist; nothing of them is asked for.
	stream   *kafka.Stream
	missing  []string
	kafkaErr error
	// store is nil where redisErr says why.
	store    *checkpoint.Redis
	redisErr error
}

// openDesk connects to both servers. What is away is noted, and no error: only a
// wrong configuration is, a *UsageError, and the end of ctx.
func openDesk(ctx context.Context, c Producer) (*desk, error) {
	if err := usableKafka(c.Kafka); err != nil {
		return nil, err
	}
	d := &desk{c: c}
	d.store, d.redisErr = checkpoint.Open(ctx, checkpoint.Config{URL: c.RedisURL, Feed: c.FeedName})
	if d.cluster, d.kafkaErr = kafka.Open(ctx, c.Kafka); d.kafkaErr == nil {
		d.kafkaErr = d.find(ctx)
	}
	if ctx.Err() != nil {
		d.close()
		return nil, context.Cause(ctx)
	}
	return d, nil
}

// deskOf looks through the connections of a process that is at work, which keeps
// them.
func deskOf(p *parts, c Producer) *desk {
	return &desk{c: c, cluster: p.cluster, stream: p.stream, store: p.store}
}

func (d *desk) close() {
	if d.cluster != nil {
		d.cluster.Close()
	}
	if d.store != nil {
		_ = d.store.Close() // nothing was written
	}
}

// find describes the topics of the stream, as far as they exist. A topic that
// would stop a sync is an error here too.
func (d *desk) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("the brokers did not describe the topics within %s", topicsTimeout))
	defer cancel()
	sites, progress, letters := d.c.specs()
	changes, err := d.cluster.Plan(ctx, sites, progress, letters)
	if err != nil {
		return err
	}
	specs := []kafka.Spec{sites, progress, letters}
	for _, change := range changes {
		if change.Kind == kafka.Create {
			d.missing = append(d.missing, change.Spec.Name)
		}
	}
	if d.c.Topics.Create {
		specs = slices.DeleteFunc(specs, func(s kafka.Spec) bool { return d.lacks(s.Name) })
	}
	topics, err := d.cluster.Ensure(ctx, false, specs...)
	if err != nil {
		return err
	}
	found := func(s kafka.Spec) kafka.Topic {
		if topic, ok := topics[s.Name]; ok {
			return topic
		}
		return kafka.Topic{Spec: s}
	}
	d.stream = &kafka.Stream{Cluster: d.cluster, Feed: d.c.FeedName, Sites: found(sites), Progress: found(progress), DeadLetters: found(letters)}
	return nil
}

func (d *desk) lacks(topic string) bool { return slices.Contains(d.missing, topic) }

// rowsTimeout bounds what Kafka is asked for a stream's rows: longer than an open
// transaction, which some of it has to wait for.
const rowsTimeout = 90 * time.Second

// size is how many records the career-sites topic holds at the most.
func (d *desk) size(ctx context.Context) (int64, error) {
	if d.lacks(d.stream.Sites.Name) {
		return 0, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, rowsTimeout, fmt.Errorf("the brokers did not measure the topic within %s", rowsTimeout))
	defer cancel()
	return d.stream.Size(ctx)
}

// newest is the newest row of the stream on the career-sites topic.
func (d *desk) newest(ctx context.Context) (producer.Published, error) {
	if d.lacks(d.stream.Sites.Name) {
		return producer.Published{}, nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, rowsTimeout, fmt.Errorf("the brokers did not show the newest row within %s", rowsTimeout))
	defer cancel()
	return journal{d.stream}.Newest(ctx)
}
