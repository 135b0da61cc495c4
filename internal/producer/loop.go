package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// Loop syncs one feed. It is used by one goroutine.
type Loop struct {
	opts        Options
	pager       Pager
	log         Log
	checkpoints Checkpoints
	logger      *zap.Logger

	// at is the checkpoint that the next page follows. Its Seq and Op are those
	// of the newest committed one; a run that was begun, or a cursor that was
	// dropped, stands here before the page that commits it.
	at    schemas.Progress
	fence uint64    // what this epoch writes into its checkpoints
	begun bool      // this call of Sync knows which run it is about
	scan  feed.Scan // the cursors that this process has sent in the run
	held  *purchase // bought, and not known to be committed; nil most of the time

	timed    bool // the clock was compared with the feed's
	copyLate bool // the copy in Redis is behind, and that was logged
	result   Result
}

// purchase is a page that was paid for, with the checkpoint to commit it with.
type purchase struct {
	page feed.Page
	// after is Op of the checkpoint that the page follows: while that is still
	// the newest one, the page is the next one.
	after string
	next  schemas.Progress
}

// New returns a Loop. A nil logger says nothing.
func New(opts Options, pager Pager, log Log, checkpoints Checkpoints, logger *zap.Logger) (*Loop, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if logger == nil {
		logger = zap.NewNop()
	}
	return &Loop{opts: opts, pager: pager, log: log, checkpoints: checkpoints, logger: logger}, nil
}

// Sync finishes the run that the newest checkpoint is in the middle of, or
// makes a new one: a backfill if there was none yet, otherwise what changed
// since the watermark.
//
// When ctx ends it finishes the page in hand, within Options.Drain, and returns
// with Result.Stopped set. The errors that callers tell apart are *RefusedError,
// *ClockError, *VoidedError, those of the lease and those of the Pager.
func (l *Loop) Sync(ctx context.Context) (Result, error) {
	l.result, l.begun = Result{Balance: feed.Unknown}, false
	work, cancel := drain(ctx, l.opts.Drain)
	defer cancel()

	lease, err := l.checkpoints.Hold(ctx, l.at.Fence)
	for done := false; err == nil && !done; {
		done, lease, err = l.lead(ctx, work, lease)
	}
	if lease != nil {
		if failed := lease.Release(work); failed != nil {
			l.logger.Warn("lease not released, it runs out by itself", zap.Error(failed))
		}
	}
	if errors.Is(err, errStopped) || ctx.Err() != nil && l.held == nil && errors.Is(err, context.Cause(ctx)) {
		l.result.Stopped, err = true, nil
	}
	if l.held != nil {
		l.drop("a page that was bought here could not be published: it is bought again")
	}
	l.result.Progress = l.at
	return l.result, err
}

// drain returns a context for work that has to be finished although ctx ended,
// and that ends d later.
func drain(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(d, func() { cancel(fmt.Errorf("not finished %s after the stop", d)) })
		context.AfterFunc(work, func() { timer.Stop() })
	})
	return work, func() { unhook(); cancel(context.Canceled) }
}

// lead runs epochs, each after a pause where the one before failed in a way
// that may pass, until the run is done or a page was committed: patience then
// begins anew. It returns the lease that it ends with, nil if there is none.
func (l *Loop) lead(ctx, work context.Context, lease Lease) (done bool, _ Lease, _ error) {
	before := l.result.Pages
	err := retry.Do(work, l.opts.Retry, func(context.Context) error {
		if ctx.Err() != nil && l.held == nil {
			return retry.Permanent(errStopped)
		}
		err := lease.Alive()
		if err == nil {
			err = l.epoch(ctx, work, lease)
		}
		if err == nil {
			done = true
			return nil
		}
		if retry.IsPermanent(err) {
			return err
		}
		if ctx.Err() != nil && l.held == nil {
			return retry.Permanent(errStopped)
		}
		l.logger.Warn("take-over needed", zap.Error(err))
		if lease.Alive() != nil {
			held, failed := l.regain(work, lease)
			if failed != nil {
				return failed
			}
			lease = held
		}
		if l.result.Pages > before {
			return nil
		}
		return err
	})
	return done, lease, err
}

// regain takes the lease anew after it was lost. Whoever else has it by now
// goes on with the run, so that is final.
func (l *Loop) regain(ctx context.Context, lost Lease) (Lease, error) {
	if err := lost.Release(ctx); err != nil {
		l.logger.Debug("lost lease", zap.Error(err))
	}
	lease, err := l.checkpoints.Hold(ctx, l.at.Fence)
	var busy *checkpoint.BusyError
	if errors.As(err, &busy) {
		return nil, retry.Permanent(err)
	}
	return lease, err
}

// epoch takes over and then moves page after page until the run is done.
func (l *Loop) epoch(ctx, work context.Context, lease Lease) error {
	session, err := l.takeOver(work, lease)
	if err != nil {
		return err
	}
	defer session.Close()
	buy, cancel := whileHeld(ctx, lease)
	defer cancel()
	for l.at.Phase == schemas.Paging {
		if ctx.Err() != nil {
			return retry.Permanent(errStopped)
		}
		if err := l.step(buy, work, session, lease); err != nil {
			return err
		}
	}
	return nil
}

// whileHeld returns a context that ends with the lease.
func whileHeld(ctx context.Context, lease Lease) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-lease.Lost():
			cancel(lease.Alive())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}
