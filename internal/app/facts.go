package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/schemas"
)

// lookTimeout bounds what Kafka is asked for a stream's records, which waits for
// nobody's transaction: somebody looks on.
const lookTimeout = 15 * time.Second

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
	if f.totals, err = account.Totals(ctx, f.at, f.copied.RunID); err != nil {
		return err
	}
	f.open, err = account.Open(ctx, d.c.FeedName)
	f.counted = err == nil
	return err
}

func (d *desk) lookKafka(ctx context.Context, f *facts) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the brokers did not show the progress topic within %s", lookTimeout))
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
