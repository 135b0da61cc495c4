package kafka

import (
	"context"
	"errors"
	"fmt"
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
}

// Close ends the connections. A transaction that is open stays open until a
// later Fence or TransactionTimeout ends it.
func (s *Session) Close() { s.client.Close() }

// Commit writes rows and then progress in one transaction, and asks gate last
// of all whether it may still be committed.
//
// The progress record is sent when every row is acknowledged and not before, so
// no fault can commit the one without the other: the library itself would commit
// a transaction from which a failed record is missing. ctx bounds the wait;
// when it ends, or when any answer is an error, nothing is committed by this
// call, except that the outcome of an unanswered commit is unknown.
func (s *Session) Commit(ctx context.Context, rows []*kgo.Record, progress schemas.Progress, gate func() error) error {
	value, err := progress.Encode()
	if err != nil {
		return err
	}
	checkpoint := &kgo.Record{Topic: s.stream.Progress.Name, Key: []byte(progress.Feed), Value: value}
	if err := s.client.BeginTransaction(); err != nil {
		return fmt.Errorf("begin transaction: %w", classify(err))
	}
	if err := s.produce(ctx, rows...); err != nil {
		return s.abort(ctx, err)
	}
	if err := s.produce(ctx, checkpoint); err != nil {
		return s.abort(ctx, err)
	}
	if err := gate(); err != nil {
		return s.abort(ctx, err)
	}
	if err := s.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("commit %d rows: %w", len(rows), classify(err))
	}
	return nil
}

// produce sends records and waits for the acknowledgement of each. The records
// are handed over without ctx: the library can't cancel an idempotent record
// that it has sent, so it is the wait that is bounded.
func (s *Session) produce(ctx context.Context, records ...*kgo.Record) error {
	answers := make(chan error, len(records)) // one for each record: no promise blocks
	for _, r := range records {
		s.client.Produce(context.WithoutCancel(ctx), r, func(r *kgo.Record, err error) {
			if err != nil {
				err = fmt.Errorf("produce key %q to %s: %w", r.Key, r.Topic, classify(err))
			}
			answers <- err
		})
	}
	for range records {
		select {
		case err := <-answers:
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return fmt.Errorf("wait for acknowledgements: %w", context.Cause(ctx))
		}
	}
	return nil
}

// abort ends the transaction early, so that readers need not wait for its
// timeout, and returns why. Where this epoch was fenced there is nothing left to
// end, and where the cluster does not answer it is not asked again.
func (s *Session) abort(ctx context.Context, why error) error {
	if ctx.Err() != nil || fenced(why) {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := s.client.AbortBufferedRecords(ctx); err != nil {
		return why
	}
	if err := s.client.EndTransaction(ctx, kgo.TryAbort); err != nil {
		return fmt.Errorf("%w (the transaction stays open for up to %s: %w)", why, TransactionTimeout, err)
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

// window is how many records of the progress topic are read first. The newest
// record of a stream is nearly always among them; where it is not, the window
// grows until it is the whole topic.
const window = 256

// Progress returns the newest progress of this session's stream, and false
// where there is none. others are then all the streams that do have one.
// It is final: no page of an older epoch can be committed any more.
func (s *Session) Progress(ctx context.Context) (own schemas.Progress, found bool, others []string, err error) {
	spans, err := s.stream.Cluster.spans(ctx, s.stream.Progress.Name)
	if err != nil {
		return own, false, nil, err
	}
	if len(spans) != 1 {
		return own, false, nil, fmt.Errorf("topic %s has %d partitions and must have 1", s.stream.Progress.Name, len(spans))
	}
	whole := spans[0]
	for size := int64(window); ; size *= 16 {
		part := whole
		part.start = max(whole.start, whole.end-size)
		newest, err := s.stream.newest(ctx, part)
		if err != nil {
			return own, false, nil, err
		}
		if value, ok := newest[s.stream.Feed]; ok {
			own, err := schemas.DecodeProgress(value)
			if err != nil {
				return own, false, nil, fmt.Errorf("newest progress of feed %q on %s: %w", s.stream.Feed, whole.topic, err)
			}
			return own, true, nil, nil
		}
		if part.start == whole.start {
			for feed := range newest {
				others = append(others, feed)
			}
			return own, false, others, nil
		}
	}
}

// newest returns the newest value of each key in a part of the progress topic.
func (s *Stream) newest(ctx context.Context, part span) (map[string][]byte, error) {
	values := make(map[string][]byte)
	err := s.Cluster.read(ctx, part, func(r *kgo.Record) bool {
		if r.Value == nil { // a tombstone: somebody withdrew the stream's progress
			delete(values, string(r.Key))
		} else {
			values[string(r.Key)] = r.Value
		}
		return true
	})
	return values, err
}
