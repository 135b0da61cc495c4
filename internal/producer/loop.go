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

// Loop syncs one feed. It is used by one goroutine; View may be called by any.
type Loop struct {
	opts        Options
	pager       Pager
	log         Log
	checkpoints Checkpoints
	logger      *zap.Logger

	lease Lease // held from one Sync to the next; nil if it is not

	// at is the stream's record that the next transaction follows. Its Seq and Op
	// are those of the newest committed one; a run that was begun, or a cursor
	// that was dropped, stands here before the page that commits it.
	at    schemas.Progress
	scans []*scan
	fence uint64      // what this epoch writes into its records
	begun bool        // this call of Sync knows which run it is about
	held  []*purchase // bought, and not known to be committed, in the order of publication
	sent  *group      // what a transaction was begun with whose outcome is open

	money money
	known *known // versions that the topic has; nil while nobody needs them

	timed    bool // the clock was compared with the feed's
	skewed   bool // and is too far from it
	copyLate bool // the copy in Redis is behind, and that was logged
	result   Result
	// balanceAt is when the feed told the balance in result.
	balanceAt time.Time
	view      view
	onCommit  func() // called after each transaction; nil most of the time
}

// New returns a Loop. A nil logger says nothing.
func New(opts Options, pager Pager, log Log, checkpoints Checkpoints, account Account, logger *zap.Logger) (*Loop, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if logger == nil {
		logger = zap.NewNop()
	}
	l := &Loop{opts: opts, pager: pager, log: log, checkpoints: checkpoints, logger: logger}
	l.money = newMoney(opts, account, logger)
	return l, nil
}

// Sync finishes the run that the newest checkpoint is in the middle of, or
// makes a new one: a backfill if there was none yet, otherwise what changed
// since the watermark. It takes the lease unless it is still held.
//
// When ctx ends it finishes the pages in hand, within Options.Drain, and returns
// with Result.Stopped set. The errors that callers tell apart are *RefusedError,
// *PausedError, *ClockError, *VoidedError, those of the lease and those of the
// Pager.
func (l *Loop) Sync(ctx context.Context) (Result, error) {
	result, err := l.run(ctx)
	l.giveUp(ctx)
	result.Dropped = l.result.Dropped
	return result, err
}

// run is Sync for whoever calls it again: pages in hand stay there, and the next
// call finds out whether they are still the next ones.
func (l *Loop) run(ctx context.Context) (Result, error) {
	l.result, l.begun = Result{Balance: feed.Unknown}, len(l.held) > 0
	work, cancel := drain(ctx, l.opts.Drain)
	defer cancel()

	err := l.acquire(ctx)
	for done := false; err == nil && !done; {
		done, err = l.lead(ctx, work)
	}
	if errors.Is(err, errStopped) || ctx.Err() != nil && len(l.held) == 0 && errors.Is(err, context.Cause(ctx)) {
		l.result.Stopped, err = true, nil
	}
	l.money.settle(work)
	l.result.Progress = l.at
	l.see()
	return l.result, err
}

// giveUp drops the pages in hand, if there are any.
func (l *Loop) giveUp(ctx context.Context) {
	if len(l.held) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	l.drop(ctx, "pages that were bought here could not be published: they are bought again")
}

// Release gives the lease back, so that another instance need not wait for it
// to run out, and with it what is in hand.
func (l *Loop) Release(ctx context.Context) {
	l.giveUp(ctx)
	if l.lease == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := l.lease.Release(ctx); err != nil {
		l.logger.Warn("lease not released, it runs out by itself", zap.Error(err))
	}
	l.lease = nil
}

const releaseTimeout = 5 * time.Second

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
// begins anew.
func (l *Loop) lead(ctx, work context.Context) (done bool, _ error) {
	before, said := l.result.Pages, ""
	err := retry.Do(work, l.opts.Retry, func(context.Context) error {
		if ctx.Err() != nil && len(l.held) == 0 {
			return retry.Permanent(errStopped)
		}
		err := l.lease.Alive()
		if err == nil {
			err = l.epoch(ctx, work)
		}
		if err == nil {
			done = true
			return nil
		}
		if retry.IsPermanent(err) {
			return err
		}
		if ctx.Err() != nil && len(l.held) == 0 {
			return retry.Permanent(errStopped)
		}
		// Said once for each reason: it is tried again for minutes.
		if reason := err.Error(); reason != said {
			said = reason
			l.logger.Warn("starting over from what is committed, and again until it works or is given up", zap.Error(err))
		}
		if l.lease.Alive() != nil {
			if failed := l.regain(work); failed != nil {
				return failed
			}
		}
		if l.result.Pages > before {
			return nil
		}
		return err
	})
	return done, err
}

// acquire makes sure of the lease. A Redis that is away for a moment, as one that
// is just loading its data, is waited for.
func (l *Loop) acquire(ctx context.Context) error {
	if l.lease != nil && l.lease.Alive() == nil {
		return nil
	}
	policy := retry.Policy{Base: 200 * time.Millisecond, Cap: 2 * time.Second, Tries: 5}
	return retry.Do(ctx, policy, func(ctx context.Context) error { return lasting(l.regain(ctx)) })
}

// regain takes the lease, anew if it was lost. Whoever else has it by now goes
// on with the run, so that is final.
func (l *Loop) regain(ctx context.Context) error {
	if l.lease != nil {
		if err := l.lease.Release(ctx); err != nil {
			l.logger.Debug("lost lease", zap.Error(err))
		}
	}
	lease, err := l.checkpoints.Hold(ctx, l.at.Fence)
	var busy *checkpoint.BusyError
	if errors.As(err, &busy) {
		return retry.Permanent(err)
	}
	if err == nil {
		l.lease = lease
	}
	return err
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
