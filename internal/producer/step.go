package producer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// step moves one page from the feed to the topic. buy ends when no further page
// may be bought, work when the page in hand has to be finished.
func (l *Loop) step(buy, work context.Context, session Session, lease Lease) error {
	// Invariant 6: without the lease another instance may be buying this page.
	if err := lease.Alive(); err != nil {
		return err
	}
	page, err := l.page(buy)
	if errors.Is(err, feed.ErrInvalidCursor) {
		return l.restart(err)
	}
	if err != nil {
		return err
	}
	ahead := l.compareClocks(page)
	page.Rows = l.opts.Topics.vet(page.Rows)
	l.held = &purchase{page: page, after: l.at.Op, next: advance(l.at, page, l.fence, time.Now())}
	if err := l.publish(work, session, lease); err != nil {
		return err // the next page tells the time again
	}
	l.timed = true
	if ahead.Abs() > maxSkew {
		return retry.Permanent(&ClockError{Ahead: ahead})
	}
	return nil
}

// page buys the page after l.at. Whatever the feed answers but a good page is
// final here: the Pager has tried all that trying again can cure.
func (l *Loop) page(ctx context.Context) (feed.Page, error) {
	query := feed.Query{
		Filters: l.opts.Filters, UpdatedAfter: l.at.UpdatedAfter, Cursor: feed.Cursor(l.at.Cursor),
		BatchSize: l.opts.BatchSize, ScanBatchSize: l.at.BatchSize,
	}
	page, err := l.pager.Page(ctx, query)
	if err == nil {
		err = l.scan.Judge(query, page)
	}
	l.result.UnknownTries += int64(page.UnknownTries + feed.UnknownTries(err))
	var refused *feed.PageError
	if errors.As(err, &refused) {
		l.result.Dropped += max(refused.Credits, 0)
		err = fmt.Errorf("%w; nothing of it is published, %d credits were deducted for it, and the next start asks for it again: tell the vendor if it stays so", err, max(refused.Credits, 0))
	}
	switch {
	case err == nil:
		return page, nil
	case errors.Is(err, feed.ErrInvalidCursor):
		return page, err
	case ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return page, context.Cause(ctx) // told to stop, or the lease is lost
	}
	return page, retry.Permanent(fmt.Errorf("page %d of run %s, after cursor %s: %w", l.at.Pages+1, l.at.RunID, query.Cursor, err))
}

// restart drops a cursor that the feed no longer knows, and begins the scan
// again with the same filters and the same lower bound: once a run, because the
// pages before the cursor are bought again.
func (l *Loop) restart(err error) error {
	if l.at.Cursor == "" || l.at.Restarts > 0 {
		return retry.Permanent(&VoidedError{RunID: l.at.RunID, Credits: l.at.Credits, Err: err})
	}
	l.logger.Warn("the feed voided the cursor: the scan begins again",
		zap.String("run_id", l.at.RunID), zap.Int64("pages", l.at.Pages), zap.Int64("credits_spent", l.at.Credits), zap.Error(err))
	l.scan = feed.Scan{}
	l.at.Cursor, l.at.CursorIssuedAt = "", time.Time{}
	l.at.BatchSize = l.opts.BatchSize
	l.at.Restarts++
	return nil
}

// compareClocks sets the start of a run that has just begun to the earlier of
// the two clocks, and returns how far this one is ahead, once a process.
func (l *Loop) compareClocks(page feed.Page) (ahead time.Duration) {
	if l.at.Pages == 0 {
		l.at.RunStartedAt = earlier(l.at.RunStartedAt, page) // Invariant 7: before its first page is committed
	}
	if !l.timed {
		ahead = skew(page, time.Now())
	}
	return ahead
}

// publish commits the page in hand. Invariant 1: rows and checkpoint in one
// transaction. Invariant 4: after an error the page stays in hand, and the next
// epoch finds out whether it was committed.
func (l *Loop) publish(work context.Context, session Session, lease Lease) error {
	ctx, cancel := context.WithTimeoutCause(work, l.opts.Commit, fmt.Errorf("no answer from the brokers within %s", l.opts.Commit))
	defer cancel()
	l.held.next.Fence = l.fence
	if err := session.Commit(ctx, l.opts.Topics.records(l.held.page.Rows, l.held.next), l.held.next, lease.Alive); err != nil {
		return fmt.Errorf("commit page %d of run %s: %w", l.held.next.Pages, l.held.next.RunID, err)
	}
	l.committed(work, l.held.next)
	return nil
}

// committed takes note that the page in hand is in the topic, and copies its
// checkpoint to Redis. It is called between the commit's answer and the next
// purchase, which also gives the brokers the moment that they need to write the
// transaction's markers.
func (l *Loop) committed(ctx context.Context, next schemas.Progress) {
	before, page := l.at, l.held.page
	l.at, l.held = next, nil
	l.result.Pages++
	l.result.Balance = page.Balance
	l.result.Rows += next.Rows - before.Rows
	l.result.DeadLetters += next.DeadLetters - before.DeadLetters
	l.result.Credits += next.Credits - before.Credits
	l.copy(ctx, next)
}

// copy brings Redis up to date. It may fail: the progress topic has the truth,
// and the next take-over repairs the copy.
func (l *Loop) copy(ctx context.Context, p schemas.Progress) {
	err := l.checkpoints.Put(ctx, p)
	if err != nil && !l.copyLate {
		l.logger.Warn("the copy of the checkpoint in Redis is behind; the progress topic is not", zap.Error(err))
	}
	l.copyLate = err != nil
}
