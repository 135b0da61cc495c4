package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
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
	if err := c.Kafka.Check(); err != nil {
		return nil, &UsageError{Problems: []error{fmt.Errorf("KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY can't be used: %w", err)}}
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

// lookTimeout bounds what Kafka is asked for a stream: longer than an open
// transaction, which some of it has to wait for.
const lookTimeout = 90 * time.Second

// facts are what Kafka and Redis say of a stream, each for itself.
type facts struct {
	at time.Time // when they were gathered, UTC

	kafka    kafka.State
	kafkaErr error // nothing of kafka is known then

	// copied is what Redis has; its Seq is zero where that is nothing, and spoiled
	// says why it can't be read. Neither is known unless asked is set.
	copied  schemas.Progress
	spoiled error
	asked   bool
	holder  checkpoint.Holder
	// totals and open are the account's; counted says that it was asked, which
	// takes an API key.
	counted  bool
	totals   checkpoint.Totals
	open     []checkpoint.Reservation
	redisErr error // what stands above it may be missing then
}

// look gathers the facts. Redis comes first: what is copied after it was read is
// then no contradiction, but at worst a copy that is a page behind.
func (d *desk) look(ctx context.Context) facts {
	f := facts{at: time.Now().UTC(), kafkaErr: d.kafkaErr, redisErr: d.redisErr}
	if d.redisErr == nil {
		f.redisErr = d.lookRedis(ctx, &f)
	}
	if d.kafkaErr == nil {
		f.kafkaErr = d.lookKafka(ctx, &f)
	}
	return f
}

func (d *desk) lookRedis(ctx context.Context, f *facts) (err error) {
	var spoiled *checkpoint.CorruptError
	f.copied, err = d.store.Get(ctx)
	switch {
	case errors.Is(err, checkpoint.ErrNotFound):
	case errors.As(err, &spoiled):
		f.spoiled = spoiled
	case err != nil:
		return err
	}
	f.asked = true
	if f.holder, err = d.store.Peek(ctx); err != nil || d.c.Feed.Key.Empty() {
		return err
	}
	account := d.store.Account(d.c.Feed.Key)
	if f.totals, err = account.Totals(ctx, f.at, ""); err != nil {
		return err
	}
	f.open, err = account.Open(ctx, d.c.FeedName)
	f.counted = err == nil
	return err
}

func (d *desk) lookKafka(ctx context.Context, f *facts) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the brokers took more than %s", lookTimeout))
	defer cancel()
	if d.lacks(d.stream.Progress.Name) {
		return nil
	}
	if f.kafka, err = d.stream.Read(ctx); err != nil || !f.copied.Newer(f.kafka.Own) || len(d.missing) > 0 {
		return err
	}
	// Brokers answer a commit before readers see it, so that the copy may be a
	// moment ahead. What is still ahead after that moment is.
	d.settle(ctx)
	f.kafka, err = d.stream.Read(ctx)
	return err
}

// settle waits until readers see what is committed by now, or for a while where
// somebody keeps a transaction open.
func (d *desk) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, visibleTimeout)
	defer cancel()
	_ = d.stream.Visible(ctx) // what is not visible then is not there
}

// size is how many records the career-sites topic holds at the most.
func (d *desk) size(ctx context.Context) (int64, error) {
	if d.lacks(d.stream.Sites.Name) {
		return 0, nil
	}
	return d.stream.Size(ctx)
}

// stands returns the newest record that is known of the stream and who says so.
// Its Seq is zero where nobody has one.
func (f facts) stands() (at schemas.Progress, source string) {
	switch {
	case f.kafka.Found:
		return f.kafka.Own, "kafka"
	case f.copied.Seq > 0:
		return f.copied, "redis"
	}
	return schemas.Progress{}, ""
}

// agreement says whether Redis has what Kafka has. Empty means that one of them
// could not be asked.
func (f facts) agreement() string {
	own := f.kafka.Own
	switch {
	case f.kafkaErr != nil || !f.asked:
		return ""
	case f.spoiled != nil:
		return "redis corrupt: " + f.spoiled.Error()
	case f.copied.Op == own.Op && f.copied.Seq == own.Seq:
		return "agree"
	case f.copied.Seq == 0:
		return "redis empty"
	case !f.kafka.Found:
		return fmt.Sprintf("redis ahead: it has page %d of run %s (seq %d), Kafka has no checkpoint", f.copied.Pages, f.copied.RunID, f.copied.Seq)
	case f.copied.Newer(own):
		return fmt.Sprintf("redis ahead: it has page %d of run %s (fence %d, seq %d)", f.copied.Pages, f.copied.RunID, f.copied.Fence, f.copied.Seq)
	case own.Seq > f.copied.Seq:
		return fmt.Sprintf("redis behind by %d transactions", own.Seq-f.copied.Seq)
	}
	return fmt.Sprintf("redis behind: it has a record of fence %d, Kafka of fence %d", f.copied.Fence, own.Fence)
}

// errs is all that could not be asked.
func (f facts) errs() error { return errors.Join(f.kafkaErr, f.redisErr) }
