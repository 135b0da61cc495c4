package app

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/schemas"
)

// Sync makes one run: it wires the parts and lets the loop work. It returns what
// was done beside an error too, as far as it came.
func Sync(ctx context.Context, c Producer, log *zap.Logger) (producer.Result, error) {
	warnings(c, log)
	if err := c.Kafka.Check(); err != nil {
		return producer.Result{}, &UsageError{Problems: []error{fmt.Errorf("KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY can't be used: %w", err)}}
	}
	client, err := feedClient(c, log)
	if err != nil {
		return producer.Result{}, &UsageError{Problems: []error{err}}
	}
	defer client.Close()
	store, err := checkpoint.Open(ctx, checkpoint.Config{URL: c.RedisURL, Feed: c.FeedName, Logger: log.Named("redis")})
	if err != nil {
		return producer.Result{}, err
	}
	defer func() { _ = store.Close() }() // the state is written by then, a socket that will not close loses nothing
	c.Kafka.Log = log
	cluster, err := kafka.Open(ctx, c.Kafka)
	if err != nil {
		return producer.Result{}, err
	}
	defer cluster.Close()
	stream, err := openStream(ctx, c, cluster, log)
	if err != nil {
		return producer.Result{}, err
	}
	loop, err := producer.New(loopOptions(c, stream), client, journal{stream}, checkpoints{Redis: store, ttl: c.LeaseTTL, log: log}, log)
	if err != nil {
		return producer.Result{}, err
	}
	began := time.Now()
	result, err := loop.Sync(ctx)
	if result.Pages > 0 {
		// Who starts this program and then a reader expects to find everything.
		visible, cancel := context.WithTimeout(context.WithoutCancel(ctx), visibleTimeout)
		if late := stream.Visible(visible); late != nil {
			log.Warn("committed, and not visible to readers yet", zap.Error(late))
		}
		cancel()
	}
	summarise(log, result, time.Since(began), err)
	return result, err
}

// drainFeed is how long a request that is under way at a stop may still take. It
// is shorter than the loop's own limit, to leave time for the commit.
const drainFeed = 30 * time.Second

func feedClient(c Producer, log *zap.Logger) (*feed.Client, error) {
	c.Feed.DrainTimeout = drainFeed
	c.Feed.Observe = func(a feed.Attempt) {
		if a.Outcome == feed.OutcomePage {
			return
		}
		log.Warn("no page from the feed", zap.String("outcome", string(a.Outcome)), zap.Int("status", a.Status), zap.Duration("took", a.Took.Round(time.Millisecond)), zap.Error(a.Err))
	}
	if len(c.Limits) > 0 {
		c.Feed.Limiter = ratelimit.New(c.Limits)
	}
	return feed.New(c.Feed)
}

func keyLooksRight(c Producer) bool { return feed.KeyLooksRight(c.Feed.Key) }

// visibleTimeout bounds the wait for the brokers to show what they committed.
const visibleTimeout = 5 * time.Second

// topicsTimeout bounds creating and checking the topics.
const topicsTimeout = 30 * time.Second

// openStream creates and checks the topics of the stream.
func openStream(ctx context.Context, c Producer, cluster *kafka.Cluster, log *zap.Logger) (*kafka.Stream, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("the brokers did not describe the topics within %s", topicsTimeout))
	defer cancel()
	replication := int16(c.Topics.Replication)                                                                                         //nolint:gosec // at most 100
	sites := kafka.Spec{Name: c.Topics.CareerSites, Partitions: int32(c.Topics.Partitions), Replication: replication, Compacted: true} //nolint:gosec // at most 10,000
	progress := kafka.Spec{Name: c.Topics.Progress, Partitions: 1, Replication: replication, Compacted: true, Single: true}
	letters := kafka.Spec{Name: c.Topics.DeadLetters, Partitions: 1, Replication: replication}
	topics, err := cluster.Ensure(ctx, c.Topics.Create, sites, progress, letters)
	if err != nil {
		return nil, err
	}
	for _, topic := range topics {
		if topic.Created {
			log.Info("topic created", zap.String("topic", topic.Name), zap.Int32("partitions", topic.Partitions), zap.Strings("settings_the_broker_lacks", topic.Ignored))
		}
	}
	return &kafka.Stream{Cluster: cluster, Feed: c.FeedName, Sites: topics[sites.Name], Progress: topics[progress.Name], DeadLetters: topics[letters.Name]}, nil
}

func loopOptions(c Producer, stream *kafka.Stream) producer.Options {
	return producer.Options{
		Feed: c.FeedName, Filters: c.Filters, BatchSize: c.BatchSize, Overlap: c.Overlap,
		Topics: producer.Topics{
			Sites: stream.Sites.Name, SitesID: stream.Sites.ID, DeadLetters: stream.DeadLetters.Name,
			MaxRow: stream.MaxRow(), MaxDeadLetter: stream.MaxDeadLetter(),
			Source: c.Feed.BaseURL + "/api/career-sites/feed",
		},
	}
}

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
	lease, err := checkpoint.Hold(ctx, c.Redis, checkpoint.HoldOptions{
		TTL: c.ttl, Floor: floor, Wait: c.ttl + c.ttl/4,
		OnRenewError: func(err error) { c.log.Warn("lease not renewed, trying again", zap.Error(err)) },
	})
	if err != nil {
		return nil, err
	}
	return lease, nil
}

// summarise logs what a run came to, once.
func summarise(log *zap.Logger, r producer.Result, took time.Duration, err error) {
	fields := []zap.Field{
		zap.String("run_id", r.Progress.RunID), zap.String("mode", string(r.Progress.Mode)),
		zap.Int64("pages", r.Pages), zap.Int64("rows", r.Rows), zap.Int64("dead_letters", r.DeadLetters),
		zap.Int64("credits", r.Credits), zap.Duration("took", took.Round(time.Millisecond)),
	}
	if r.Balance != feed.Unknown {
		fields = append(fields, zap.Int64("balance", r.Balance))
	}
	if r.UnknownTries > 0 {
		fields = append(fields, zap.Int64("tries_that_may_have_been_billed", r.UnknownTries))
	}
	if r.Dropped > 0 {
		fields = append(fields, zap.Int64("credits_of_pages_not_published", r.Dropped))
	}
	switch {
	case err != nil && r.Pages+r.Dropped+r.UnknownTries == 0:
	case err != nil:
		log.Info("ended early, everything so far is kept", fields...)
	case r.Stopped:
		log.Info("stopped, the next run goes on from here", fields...)
	case r.Progress.Phase == schemas.Done:
		// As text: on a console times are times of day.
		log.Info("in sync", append(fields, zap.String("watermark", r.Progress.Watermark.Format(time.RFC3339)))...)
	}
}

// paused reports whether err is the wallet's.
func paused(err error) bool {
	var payment *feed.PaymentError
	return errors.As(err, &payment)
}
