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

// takeOver begins an epoch. The order of its lines is the proof.
func (l *Loop) takeOver(ctx context.Context, lease Lease) (_ Session, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.opts.TakeOver, fmt.Errorf("take-over not finished within %s", l.opts.TakeOver))
	defer cancel()
	session, err := l.fenceIn(ctx, lease)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			session.Close()
		}
	}()
	newest, redisLost, err := l.inspect(ctx, session, lease)
	if err != nil {
		return nil, err
	}
	l.fence = max(lease.Token(), newest.Fence+1)
	l.settle(ctx, newest)
	return session, l.resume(ctx, session, newest, redisLost)
}

// inspect reads what is committed, refuses it or repairs the copy of it.
func (l *Loop) inspect(ctx context.Context, session Session, lease Lease) (newest schemas.Progress, redisLost bool, _ error) {
	// The copy is read before its original, so that it can only be older.
	copied, err := l.copied(ctx)
	if err != nil {
		return newest, false, err
	}
	// Invariant 3: read after the fence, so that it is final.
	newest, found, others, err := session.Progress(ctx)
	if err != nil {
		return newest, false, err
	}
	if err := l.guard(ctx, copied, newest, found, others); err != nil {
		// What stands there may be the work of an instance that took over between
		// these reads: that is no contradiction.
		if lost := lease.Confirm(ctx); lost != nil {
			return newest, false, lost
		}
		return newest, false, err
	}
	if found {
		err = l.checkpoints.Repair(ctx, lease.Owner(), lease.Token(), newest)
	}
	return newest, found && copied.Seq == 0, err
}

// Survey takes the lease, unless it is held, and returns the newest committed
// checkpoint as a take-over finds it, with the errors of one: a service wants to
// know where it stands before it is time for a run.
func (l *Loop) Survey(ctx context.Context) (schemas.Progress, error) {
	if err := l.acquire(ctx); err != nil {
		return schemas.Progress{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, l.opts.TakeOver, fmt.Errorf("take-over not finished within %s", l.opts.TakeOver))
	defer cancel()
	session, err := l.fenceIn(ctx, l.lease)
	if err != nil {
		return schemas.Progress{}, err
	}
	defer session.Close()
	l.begun = false
	newest, _, err := l.inspect(ctx, session, l.lease)
	l.opts.Metrics.stand(newest)
	return newest, err
}

// fenceIn begins an epoch for the holder of lease.
func (l *Loop) fenceIn(ctx context.Context, lease Lease) (Session, error) {
	// Fencing is open to everybody, the last one wins: without the lease it
	// would throw out the instance that has it.
	if err := lease.Confirm(ctx); err != nil {
		return nil, err
	}
	session, err := l.log.Fence(ctx)
	if err != nil {
		return nil, err
	}
	// The lease may have run out while the fence was on its way. Going on would
	// mean two instances that fence each other, at a page each time.
	if err := lease.Confirm(ctx); err != nil {
		session.Close()
		return nil, err
	}
	return session, nil
}

// copied is what Redis holds: its zero value means nothing, spoiled that it is
// something that nobody can read.
type copied struct {
	schemas.Progress
	spoiled error
}

func (l *Loop) copied(ctx context.Context) (copied, error) {
	progress, err := l.checkpoints.Get(ctx)
	var corrupt *checkpoint.CorruptError
	switch {
	case errors.Is(err, checkpoint.ErrNotFound):
		return copied{}, nil
	case errors.As(err, &corrupt):
		return copied{spoiled: corrupt}, nil
	}
	return copied{Progress: progress}, err
}

// settle finds out what became of the pages in hand (invariant 4).
func (l *Loop) settle(ctx context.Context, newest schemas.Progress) {
	g := l.sent
	l.sent = nil
	switch {
	case len(l.held) == 0:
	case g != nil && newest.Op == g.next.Op:
		l.logger.Info("the page was committed, only the answer was lost", zap.String("run_id", newest.RunID), zap.Int64("page", newest.Pages))
		l.confirm(g)
		l.copy(l.checkpoints.Put(ctx, newest))
	case newest.Op == l.at.Op:
		// Nobody has moved on: they are still the next ones, and they are paid for.
	default:
		// Another instance has moved on and bought the pages itself. Publishing them
		// now could put an older version after a newer one (invariant 5).
		l.drop(ctx, "pages that were bought here are dropped: another instance has moved on")
	}
}

// drop gives up the pages in hand and says what that costs.
func (l *Loop) drop(ctx context.Context, why string) {
	lost := int64(0)
	for _, p := range l.held {
		lost += p.cost
		l.money.lost(p)
		if err := l.money.account.Lose(ctx, p.id, reasonFenced, p.cost); err != nil {
			l.logger.Debug("lost page not noted in Redis; the wallet shows it", zap.Error(err))
		}
	}
	l.logger.Warn(why, zap.String("run_id", l.at.RunID), zap.Int("pages", len(l.held)), zap.Int64("credits_wasted", lost))
	l.result.Dropped += lost
	l.held, l.sent = nil, nil
	for _, s := range l.scans {
		s.seen = feed.Scan{} // the cursors of these pages come again
	}
}

// resume goes on from the newest checkpoint: in the middle of its run, or with a
// new one. What stands in l.at and is not committed yet is kept as long as it
// follows that very checkpoint (invariant 7: a run's start stays what it was).
func (l *Loop) resume(ctx context.Context, session Session, newest schemas.Progress, redisLost bool) error {
	moved := newest.Op != l.at.Op
	if moved || !l.begun {
		fresh := !l.begun || newest.RunID != l.at.RunID || newest.Restarts != l.at.Restarts
		l.at = newest
		var windows map[int]schemas.Progress
		if newest.Windows > 0 && newest.Phase == schemas.Paging {
			var err error
			if windows, err = session.Windows(ctx, newest.Windows); err != nil {
				return err
			}
		}
		if l.at.Phase != schemas.Paging && !l.begun {
			run, err := l.opts.begin(l.at, time.Now())
			if err != nil {
				return retry.Permanent(err)
			}
			l.at, fresh = run, true
		}
		if l.at.Phase == schemas.Paging {
			if err := l.adopt(windows, fresh); err != nil {
				return err
			}
		}
	}
	l.rewind()
	l.expire() // of an incremental run, which has one scan
	l.begun = true
	l.opts.Metrics.stand(newest)
	return l.money.recover(ctx, newest, l.held, moved, redisLost)
}

// maxCursorAge is how old a cursor may be and still be worth a try in a run that
// has a lower bound to go back to.
const maxCursorAge = 7 * 24 * time.Hour

// expire drops the cursor of an incremental run that is too old to be plausible:
// the scan begins again at the run's lower bound, which loses nothing. A
// backfill's cursor is tried whatever its age: to drop it is a purchase.
func (l *Loop) expire() {
	at := &l.at
	if at.Mode != schemas.Incremental || at.Cursor == "" || len(l.held) > 0 || time.Since(at.CursorIssuedAt) < maxCursorAge {
		return
	}
	l.logger.Warn("the cursor is too old: the scan begins again where the run began, and what it had bought is bought again",
		zap.String("run_id", at.RunID), zap.Time("cursor_issued_at", at.CursorIssuedAt), zap.String("cost", feed.Price(at.Credits)))
	l.beginAgain(l.scans[0])
}
