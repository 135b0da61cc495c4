package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// Session is one epoch of a stream's transactional id. It is used by one
// goroutine, and it is spent after the first error of Commit.
type Session struct {
	stream *Stream
	client *kgo.Client
	// tail is what was read of the progress topic last; nil where nothing was, or
	// where this session has written to it since.
	tail *tail
}

// Close ends the connections. A transaction that is open stays open until a
// later Fence or TransactionTimeout ends it.
func (s *Session) Close() { s.client.Close() }

// Commit writes rows and then progress in one transaction, and asks gate last
// of all whether it may still be committed.
//
// The progress records are sent when every row is acknowledged and not before,
// so no fault can commit the one without the other: the library itself would
// commit a transaction from which a failed record is missing. ctx bounds the
// wait; when it ends, or when any answer is an error, nothing is committed by
// this call, except that the outcome of an unanswered commit is unknown.
func (s *Session) Commit(ctx context.Context, rows []*kgo.Record, progress []schemas.Progress, gate func() error) error {
	checkpoints := make([]*kgo.Record, len(progress))
	for i, p := range progress {
		value, err := p.Encode()
		if err != nil {
			return err
		}
		checkpoints[i] = &kgo.Record{Topic: s.stream.Progress.Name, Key: []byte(p.Key()), Value: value}
	}
	s.tail = nil
	if err := s.client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin transaction: %w", classify(err))
	}
	if err := produce(ctx, s.client, rows); err != nil {
		return abort(ctx, s.client, TransactionTimeout, err)
	}
	if err := produce(ctx, s.client, checkpoints); err != nil {
		return abort(ctx, s.client, TransactionTimeout, err)
	}
	if err := gate(); err != nil {
		return abort(ctx, s.client, TransactionTimeout, err)
	}
	if err := s.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit %d rows: %w", len(rows), classify(err))
	}
	return nil
}

// produce sends records and waits for the acknowledgement of each. The records
// are handed over without ctx: the library can't cancel an idempotent record
// that it has sent, so it is the wait that is bounded.
func produce(ctx context.Context, client *kgo.Client, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	a := answers{outcome: make(chan error, 1)}
	a.left.Store(int64(len(records)))
	unbounded := context.WithoutCancel(ctx)
	promise := a.promise // one for all: this runs for every row
	for _, r := range records {
		client.Produce(unbounded, r, promise)
	}
	select {
	case err := <-a.outcome:
		return err
	case <-ctx.Done():
		return fmt.Errorf("wait for acknowledgements: %w", context.Cause(ctx))
	}
}

// answers gathers what the brokers say to a number of records.
type answers struct {
	left atomic.Int64
	// outcome holds the first error, or nil once all are acknowledged. Promises
	// write it and never block: what comes after the first word has no reader.
	outcome chan error
}

// promise sends an error before it counts, so whoever counts to zero comes
// after every error.
func (a *answers) promise(r *kgo.Record, err error) {
	if err != nil {
		a.say(fmt.Errorf("produce key %q to %s: %w", r.Key, r.Topic, classify(err)))
	}
	if a.left.Add(-1) == 0 {
		a.say(nil)
	}
}

func (a *answers) say(err error) {
	select {
	case a.outcome <- err:
	default:
	}
}

// abort ends the transaction early, so that readers need not wait for its
// timeout, and returns why. Where this epoch was fenced there is nothing left to
// end, and where the cluster does not answer it is not asked again.
func abort(ctx context.Context, client *kgo.Client, timeout time.Duration, why error) error {
	if ctx.Err() != nil || fenced(why) {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := client.AbortBufferedRecords(ctx); err != nil {
		return why
	}
	if err := client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return fmt.Errorf("%w (the transaction stays open for up to %s: %w)", why, timeout, err)
	}
	return why
}

// fenced reports whether err says that another instance has taken over.
func fenced(err error) bool {
	for _, e := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidTxnState, kerr.OperationNotAttempted, kerr.InvalidProducerIDMapping} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// Progress returns the newest progress of this session's stream, and false
// where there is none. others are then all the streams that do have one, in
// alphabetical order. It is final: no page of an older epoch can be committed
// any more.
func (s *Session) Progress(ctx context.Context) (own schemas.Progress, found bool, others []string, err error) {
	if s.tail, err = s.stream.tail(ctx); err != nil {
		return own, false, nil, err
	}
	return s.tail.progress(ctx)
}

// Windows returns the newest committed records of the stream's windows 1 to n,
// of whichever run they are; a window that has none is absent. It reads what
// Progress has read just before no second time.
func (s *Session) Windows(ctx context.Context, n int) (map[int]schemas.Progress, error) {
	if s.tail == nil {
		t, err := s.stream.tail(ctx)
		if err != nil {
			return nil, err
		}
		s.tail = t
	}
	return s.tail.windows(ctx, n)
}
