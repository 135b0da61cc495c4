package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// Sync makes one run: it wires the parts and lets the loop work. It returns what
// was done beside an error too, as far as it came.
func Sync(ctx context.Context, c Producer, log *zap.Logger) (producer.Result, error) {
	return oneRun(ctx, c, Process{Log: log})
}

// oneRun is Sync for a process, which shows how it goes.
func oneRun(ctx context.Context, c Producer, p Process) (producer.Result, error) {
	warnings(c, p.Log)
	s := sights{pacer: newPacer(c.Limits)}
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
func assemble(ctx context.Context, c Producer, log *zap.Logger, s sights) (_ *parts, err error) {
	p := &parts{log: log}
	defer func() {
		if err != nil {
			p.close(ctx)
		}
	}()
	if p.client, err = feedClient(c, log, s); err != nil {
		return nil, &UsageError{Problems: []error{err}}
	}
	if err := p.connect(ctx, c, s); err != nil {
		return nil, err
	}
	if err := p.openStream(ctx, c); err != nil {
		return nil, err
	}
	options := loopOptions(c, p.stream)
	options.Metrics = s.metrics
	account := p.store.Account(c.Feed.Key)
	p.loop, err = producer.New(options, p.client, journal{p.stream}, checkpoints{Redis: p.store, ttl: c.LeaseTTL, log: log}, account, log)
	return p, err
}

// connect reaches Redis and Kafka.
func (p *parts) connect(ctx context.Context, c Producer, s sights) (err error) {
	if err := c.Kafka.Check(); err != nil {
		return &UsageError{Problems: []error{fmt.Errorf("KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY can't be used: %w", err)}}
	}
	p.store, err = checkpoint.Open(ctx, checkpoint.Config{URL: c.RedisURL, Feed: c.FeedName, Logger: p.log.Named("redis")})
	if err != nil {
		return err
	}
	c.Kafka.Log, c.Kafka.Hooks = p.log, s.hooks
	p.cluster, err = kafka.Open(ctx, c.Kafka)
	return err
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

func keyLooksRight(c Producer) bool { return feed.KeyLooksRight(c.Feed.Key) }

// visibleTimeout bounds the wait for the brokers to show what they committed.
const visibleTimeout = 5 * time.Second

// topicsTimeout bounds creating and checking the topics.
const topicsTimeout = 30 * time.Second

// specs are what the program needs its topics to be: career sites, progress, dead
// letters.
func (c Producer) specs() (sites, progress, letters kafka.Spec) {
	replication := int16(c.Topics.Replication)                                                                                        //nolint:gosec // at most 100
	sites = kafka.Spec{Name: c.Topics.CareerSites, Partitions: int32(c.Topics.Partitions), Replication: replication, Compacted: true} //nolint:gosec // at most 10,000
	progress = kafka.Spec{Name: c.Topics.Progress, Partitions: 1, Replication: replication, Compacted: true, Single: true}
	letters = kafka.Spec{Name: c.Topics.DeadLetters, Partitions: 1, Replication: replication}
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

// options are the budget as the loop wants to see it. The zero Budget sets no
// limit.
func (b Budget) options() producer.Budget {
	if b == (Budget{}) {
		return producer.Budget{}
	}
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
