package app

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

// Sync makes one run: it wires the parts and lets the loop work. It returns what
// was done beside an error too, as far as it came.
func Sync(ctx context.Context, c Producer, log *zap.Logger) (producer.Result, error) {
	return oneRun(ctx, c, Process{Log: log})
}

// oneRun is Sync for a process, which shows how it goes.
func oneRun(ctx context.Context, c Producer, p Process) (producer.Result, error) {
	warnings(c.Feed.Key, c.Feed.Insecure, p.Log)
	s := sights{program: "producer", pacer: newPacer(c.Limits)}
	if err := s.trace(ctx, p); err != nil {
		return producer.Result{}, &UsageError{Problems: []error{err}}
	}
	defer s.close(ctx)
	parts, err := assemble(ctx, c, p.Log, s)
	if err != nil {
		return producer.Result{}, err
	}
	defer parts.close(ctx)
	began := time.Now()
	report := newReporter(p.Out, p.Log, func() Tick { return parts.tick(s.pacer) })
	report.Start()
	result, err := parts.loop.Sync(ctx)
	report.Stop()
	parts.loop.Release(ctx)
	parts.visible(ctx, result)
	summarise(p.Log, result, time.Since(began), err)
	return result, err
}

// parts are what a run is made of.
type parts struct {
	client  *feed.Client
	store   *checkpoint.Redis
	cluster *kafka.Cluster
	stream  *kafka.Stream
	loop    *producer.Loop
	log     *zap.Logger
}

// assemble connects to everything and wires the loop. What is wrong with the
// configuration comes back as a *UsageError.
func assemble(ctx context.Context, c Producer, log *zap.Logger, s sights) (*parts, error) {
	client, err := feedClient(c, log, s)
	if err != nil {
		return nil, &UsageError{Problems: []error{err}}
	}
	p := &parts{log: log, client: client}
	return p, p.wire(ctx, c, s, client)
}

// wire connects to Redis and Kafka and makes the loop, which buys from pager: nil
// for one that only writes its state. After an error nothing is left open.
func (p *parts) wire(ctx context.Context, c Producer, s sights, pager producer.Pager) (err error) {
	defer func() {
		if err != nil {
			p.close(ctx)
		}
	}()
	if err := p.connect(ctx, c, s); err != nil {
		return err
	}
	if err := p.openStream(ctx, c); err != nil {
		return err
	}
	options := loopOptions(c, p.stream)
	if pager != nil {
		if options.Topics.Format, err = c.format(ctx); err != nil {
			return err
		}
	}
	options.Metrics = s.metrics
	store := checkpoints{Redis: p.store, ttl: c.LeaseTTL, log: p.log}
	p.loop, err = producer.New(options, pager, journal{p.stream}, store, p.store.Account(c.Feed.Key), p.log)
	return err
}

// connect reaches Redis and Kafka.
func (p *parts) connect(ctx context.Context, c Producer, s sights) (err error) {
	p.store, p.cluster, err = connect(ctx, c.RedisURL, c.FeedName, c.Kafka, p.log, s)
	return err
}

// connect reaches the servers that both programs need. What it did reach it
// returns beside an error too. name is what the keys in Redis are named after.
func connect(ctx context.Context, redisURL secret.String, name string, k kafka.Config, log *zap.Logger, s sights) (store *checkpoint.Redis, cluster *kafka.Cluster, err error) {
	if err := usableKafka(k); err != nil {
		return nil, nil, err
	}
	// A Redis that is just loading its data is waited for.
	err = retry.Do(ctx, retry.Policy{Base: 200 * time.Millisecond, Cap: time.Second, Tries: 4}, func(ctx context.Context) (err error) {
		store, err = checkpoint.Open(ctx, checkpoint.Config{URL: redisURL, Feed: name, Logger: log.Named("redis")})
		if err != nil && !checkpoint.IsDown(err) {
			return retry.Permanent(err)
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	k.Log, k.Hooks = log, s.hooks
	cluster, err = kafka.Open(ctx, k)
	return store, cluster, err
}

// close gives up the connections.
func (p *parts) close(ctx context.Context) {
	if p.loop != nil {
		p.loop.Release(ctx)
	}
	if p.cluster != nil {
		p.cluster.Close()
	}
	if p.store != nil {
		_ = p.store.Close() // the state is written by then, a socket that will not close loses nothing
	}
	if p.client != nil {
		p.client.Close()
	}
}

// visible waits until readers see what a run has committed: who starts this
// program and then a reader expects to find everything.
func (p *parts) visible(ctx context.Context, r producer.Result) {
	if r.Pages == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), visibleTimeout)
	defer cancel()
	if late := p.stream.Visible(ctx); late != nil {
		p.log.Warn("committed, and not visible to readers yet", zap.Error(late))
	}
}

// drainFeed is how long a request that is under way at a stop may still take. It
// is shorter than the loop's own limit, to leave time for the commit.
const drainFeed = 30 * time.Second

func feedClient(c Producer, log *zap.Logger, s sights) (*feed.Client, error) {
	c.Feed.DrainTimeout = drainFeed
	// Each try that may be billed gets a reservation of its own: the loop tries
	// again, not the client.
	c.Feed.UnknownTries = 1
	c.Feed.Observe = func(a feed.Attempt) {
		s.metrics.Attempt(a)
		s.pulse.beat()
		if a.Outcome == feed.OutcomePage {
			return
		}
		log.Warn("no page from the feed", zap.String("outcome", string(a.Outcome)), zap.Int("status", a.Status), zap.Duration("took", a.Took.Round(time.Millisecond)), zap.Error(a.Err))
	}
	c.Feed.Parallel, c.Feed.Wrap = max(c.Windows, 1)+1, s.wrap()
	if s.pacer != nil {
		c.Feed.Limiter = s.pacer
	}
	return feed.New(c.Feed)
}

// visibleTimeout bounds the wait for the brokers to show what they committed.
const visibleTimeout = 5 * time.Second

// topicsTimeout bounds creating and checking the topics.
const topicsTimeout = 30 * time.Second

// specs are what the program needs its topics to be: career sites, progress, dead
// letters.
func (c Producer) specs() (sites, progress, letters kafka.Spec) {
	replication := int16(c.Topics.Replication)                                                                                                                       //nolint:gosec // at most 100
	sites = kafka.Spec{Name: c.Topics.CareerSites, Setting: "CAREER_SITES_TOPIC", Partitions: int32(c.Topics.Partitions), Replication: replication, Compacted: true} //nolint:gosec // at most 10,000
	progress = kafka.Spec{Name: c.Topics.Progress, Setting: "PROGRESS_TOPIC", Partitions: 1, Replication: replication, Compacted: true, Single: true}
	letters = kafka.Spec{Name: c.Topics.DeadLetters, Setting: "DEAD_LETTERS_TOPIC", Partitions: 1, Replication: replication}
	return sites, progress, letters
}

// openStream creates and checks the topics of the stream.
func (p *parts) openStream(ctx context.Context, c Producer) error {
	ctx, cancel := context.WithTimeoutCause(ctx, topicsTimeout, fmt.Errorf("the brokers did not describe the topics within %s", topicsTimeout))
	defer cancel()
	sites, progress, letters := c.specs()
	topics, err := p.cluster.Ensure(ctx, c.Topics.Create, sites, progress, letters)
	if err != nil {
		return err
	}
	for _, topic := range topics {
		if topic.Created {
			p.log.Info("topic created", zap.String("topic", topic.Name), zap.Int32("partitions", topic.Partitions), zap.Strings("settings_the_broker_lacks", topic.Ignored))
		}
	}
	p.stream = &kafka.Stream{Cluster: p.cluster, Feed: c.FeedName, Sites: topics[sites.Name], Progress: topics[progress.Name], DeadLetters: topics[letters.Name]}
	return nil
}

func loopOptions(c Producer, stream *kafka.Stream) producer.Options {
	return producer.Options{
		Feed: c.FeedName, Filters: c.Filters, BatchSize: c.BatchSize, Overlap: c.Overlap,
		Prefetch: c.Prefetch, Windows: c.Windows, Budget: c.Budget.options(),
		Topics: producer.Topics{
			Sites: stream.Sites.Name, SitesID: stream.Sites.ID, DeadLetters: stream.DeadLetters.Name,
			MaxRow: stream.MaxRow(), MaxDeadLetter: stream.MaxDeadLetter(),
			Source: c.Feed.BaseURL + "/api/career-sites/feed",
		},
	}
}

// summarise logs what a run came to, once.
func summarise(log *zap.Logger, r producer.Result, took time.Duration, err error) {
	fields := []zap.Field{
		zap.String("run_id", r.Progress.RunID), zap.String("mode", string(r.Progress.Mode)),
		zap.Int64("pages", r.Pages), zap.Int64("rows", r.Rows), zap.Int64("dead_letters", r.DeadLetters),
		zap.Int64("unchanged", r.Unchanged), zap.Int64("credits", r.Credits), zap.Duration("took", took.Round(time.Millisecond)),
	}
	if r.Balance != feed.Unknown {
		fields = append(fields, zap.Int64("balance", r.Balance))
	}
	if r.UnknownTries > 0 {
		fields = append(fields, zap.Int64("tries_that_may_have_been_billed", r.UnknownTries))
	}
	if waste := r.Progress.Waste.Total(); waste > 0 {
		fields = append(fields, zap.Any("waste_credits_since_the_beginning", r.Progress.Waste))
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
