package producer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// epoch is one writer at work: it buys pages, at most one at a time for each
// scan, while it commits those that were bought before, at most one transaction
// at a time. All decisions are made by one goroutine; what takes time happens in
// others, which only report.
type epoch struct {
	*Loop
	session Session
	work    context.Context //nolint:containedctx // an epoch lives within one call of Sync
	buy     context.Context //nolint:containedctx // ends when nothing more may be bought

	orders    map[*scan]chan order // to the buyer of each scan
	groups    chan *group          // to the writer
	bought    chan outcome
	committed chan commitment
	buying    int  // requests under way
	crowded   bool // several of these were under way at once
	writing   bool // a transaction is under way

	scarce bool  // an allowance was used up while other requests held a part of it
	err    error // why nothing more is bought
	broken bool  // a transaction failed: nothing more can be committed either
}

// epoch takes over and then moves pages until the run is done.
func (l *Loop) epoch(ctx, work context.Context) error {
	session, err := l.takeOver(work, l.lease)
	if err != nil {
		return err
	}
	defer session.Close()
	// Not bounded as the take-over is: there may be a lot to read.
	if err := l.remember(work); err != nil {
		return err
	}
	buy, cancel := whileHeld(ctx, l.lease)
	defer cancel()
	e := &epoch{
		Loop: l, session: session, work: work, buy: buy,
		orders: make(map[*scan]chan order), groups: make(chan *group),
		bought: make(chan outcome), committed: make(chan commitment),
	}
	return e.run(cancel)
}

// employ starts the writer and a buyer for each scan, and returns what dismisses
// them once they have nothing under way. They last as long as the epoch: a new
// goroutine for each page would have to grow its stack each time.
func (e *epoch) employ() (dismiss func()) {
	var all sync.WaitGroup
	for _, s := range e.scans {
		orders := make(chan order)
		e.orders[s] = orders
		all.Go(func() {
			for o := range orders {
				e.bought <- o.fill(e.buy, e.work)
			}
		})
	}
	all.Go(func() {
		for g := range e.groups {
			e.committed <- e.write(g)
		}
	})
	return func() {
		for _, orders := range e.orders {
			close(orders)
		}
		close(e.groups)
		all.Wait()
	}
}

// run works until there is nothing left to do: the run is done, or an error or a
// stop ended it. It leaves no goroutine behind.
func (e *epoch) run(stopBuying context.CancelFunc) error {
	if err := e.plan(); err != nil {
		return err
	}
	defer e.employ()()
	defer e.giveBackAdvances()
	for {
		if e.buy.Err() != nil && e.err == nil {
			e.err = context.Cause(e.buy)
		}
		e.restartVoided()
		e.purchase() // first: a request takes longer than making records does
		e.publish()
		if e.buying == 0 && !e.writing {
			break
		}
		select {
		case o := <-e.bought:
			e.take(o)
		case c := <-e.committed:
			if e.written(c); e.broken {
				stopBuying() // what is on the wire is finished, and kept in hand
			}
		}
		e.see()
	}
	switch {
	case e.broken:
		return e.err
	case e.at.Phase == schemas.Done:
		return nil
	case e.err != nil && errors.Is(e.err, context.Cause(e.buy)) && !retry.IsPermanent(e.err):
		if e.lease.Alive() == nil {
			return retry.Permanent(errStopped)
		}
		return e.lease.Alive()
	}
	return e.err
}

// plan commits how the run is cut before its first page is bought, so that a
// successor finds every window.
func (e *epoch) plan() error {
	if e.at.Phase != schemas.Paging || e.at.Pages > 0 || e.at.Windows > 0 || e.at.Mode != schemas.Backfill || e.opts.Windows < 2 || e.at.Cursor != "" {
		return nil
	}
	windows := e.opts.cut(e.at)
	next := e.next()
	next.Windows = len(windows)
	ctx, cancel := e.commitContext()
	defer cancel()
	records := []schemas.Progress{next}
	byNumber := make(map[int]schemas.Progress, len(windows))
	for _, w := range windows {
		w.Fence, w.Seq, w.Op, w.CommittedAt = next.Fence, next.Seq, next.Op, next.CommittedAt
		records = append(records, w)
		byNumber[w.Window] = w
	}
	if err := e.session.Commit(ctx, nil, records, e.lease.Alive); err != nil {
		return fmt.Errorf("commit the windows of run %s: %w", next.RunID, err)
	}
	e.logger.Info("the backfill is cut into windows of discovered_at; companies without one are in none of them",
		zap.String("run_id", next.RunID), zap.Int("windows", len(windows)), zap.Time("first_cut", windows[0].DiscoveredBefore), zap.Time("last_cut", windows[len(windows)-1].DiscoveredAfter))
	e.at = next
	e.copy(e.checkpoints.Put(e.work, next))
	return e.adopt(byNumber, true)
}

// purchase begins every request that may be made now.
func (e *epoch) purchase() {
	for _, s := range e.scans {
		if e.err != nil {
			return
		}
		if !e.mayBuy(s) {
			continue
		}
		// Invariant 6: without the lease another instance may be buying this page.
		if err := e.lease.Alive(); err != nil {
			e.err = err
			return
		}
		o := e.order(s, e.mayReserveEarly())
		s.buying = true
		e.crowded = e.buying > 0
		e.buying++
		e.orders[s] <- o // its buyer is free: nothing of this scan is under way
	}
}

// mayBuy reports whether a page of s may be bought now. Invariant 3: at most one
// page, and Options.Prefetch more, of each scan are at risk at a time.
func (e *epoch) mayBuy(s *scan) bool {
	switch {
	case s.buying || s.ended || s.voided != nil || e.at.Phase != schemas.Paging:
		return false
	case (e.money.inDoubt() || e.scarce) && !e.quiet():
		// What became of lost money, or what is left of an allowance, shows with one
		// page that is bought while nothing else is.
		return false
	}
	return s.waiting <= e.opts.Prefetch
}

// ours are the reservations of pages in hand, and of those that come next.
func (e *epoch) ours() []string {
	ids := e.advances()
	for _, p := range e.held {
		ids = append(ids, p.id)
	}
	return ids
}

// quiet reports whether nothing is under way and nothing waits.
func (e *epoch) quiet() bool { return e.buying == 0 && !e.writing && len(e.held) == 0 }

// take takes note of what came of a request.
func (e *epoch) take(o outcome) {
	var paused *PausedError
	s := o.scan
	s.buying = false
	e.buying--
	e.money.noticed(o)
	s.advance = o.next
	e.result.UnknownTries += int64(o.unknown)
	switch {
	case o.err == nil:
		s.unknown, o.purchase.unknown = 0, s.unknown+o.unknown
		e.scarce = e.scarce && !o.full
		e.bring(o.purchase)
	case errors.Is(o.err, feed.ErrInvalidCursor):
		s.voided = o.err
	case o.again && s.unknown+o.unknown < maxUnknown:
		s.unknown += o.unknown
	case errors.As(o.err, &paused) && !e.quiet():
		e.scarce = true // others may give back what they do not need
		e.giveBackAdvances()
	case e.err == nil:
		e.err = e.judge(s, o)
	}
}

// maxUnknown is how many tries for one page may end with an unknown outcome,
// each of which may have been billed.
const maxUnknown = 3

// judge says what a request that brought no page means for the epoch.
func (e *epoch) judge(s *scan, o outcome) error {
	var paused *PausedError
	var refused *feed.PageError
	var unknown *feed.UnknownOutcomeError
	var tries *retry.Error
	switch {
	case e.buy.Err() != nil && errors.Is(o.err, context.Cause(e.buy)):
		return context.Cause(e.buy) // told to stop, or the lease is lost
	case errors.As(o.err, &paused):
		if paused.Balance != feed.Unknown {
			e.result.Balance, e.balanceAt = paused.Balance, time.Now().UTC()
			e.opts.Metrics.holds(paused.Balance)
		}
		return retry.Permanent(paused)
	case errors.As(o.err, &unknown):
		o.err = &feed.UnknownOutcomeError{Tries: s.unknown + o.unknown, Err: unknown.Err}
	case errors.As(o.err, &refused):
		e.result.Dropped += max(refused.Credits, 0)
		o.err = fmt.Errorf("%w; nothing of it is published, %d credits were deducted for it, and the next start asks for it again: tell the vendor if it stays so", o.err, max(refused.Credits, 0))
	case o.passing:
		return o.err
	case errors.As(o.err, &tries) && tries.Reason == retry.ReasonTries:
		return retry.Permanent(&AwayError{Page: e.describe(s), Err: o.err})
	}
	return retry.Permanent(fmt.Errorf("%s: %w", e.describe(s), o.err))
}

// bring adds a page to those that wait to be committed.
func (e *epoch) bring(p *purchase) {
	s := p.scan
	if e.at.Pages == 0 {
		e.at.RunStartedAt = earlier(e.at.RunStartedAt, p.page) // Invariant 7: before its first page is committed
	}
	p.page.Rows = e.opts.Topics.vet(p.page.Rows)
	e.held = append(e.held, p)
	// Money that was lost among several requests shows with the next page that is
	// bought alone: it may have been taken behind all that came.
	e.money.bought(e.work, e.at, p, e.ours(), e.buying == 0 && (!e.crowded || !e.money.inDoubt()))
	s.tail, s.ended = p.page.Next, !p.page.HasMore
	s.waiting++
	e.result.Balance, e.balanceAt = p.page.Balance, time.Now().UTC()
	if e.timed {
		return
	}
	// The page is paid for and safe to publish; nothing more is.
	ahead := skew(p.page, time.Now())
	if e.skewed = ahead.Abs() > maxSkew; e.skewed && e.err == nil {
		e.err = retry.Permanent(&ClockError{Ahead: ahead})
	}
}

// restartVoided begins the scans again whose cursor is void. It waits for the
// pages that came before it, with which the cursor is dropped, and for the
// transaction under way, whose records were made before.
func (e *epoch) restartVoided() {
	for _, s := range e.scans {
		if s.voided != nil && s.waiting == 0 && !e.writing && e.err == nil {
			e.err = e.restart(s)
		}
	}
}

// restart drops a cursor that the feed no longer knows, and begins the scan
// again with the same filters and the same lower bound: once a run, because the
// pages before the cursor are bought again. Rows among them that have not
// changed are not published again.
func (e *epoch) restart(s *scan) error {
	at := e.record(s)
	if at.Cursor == "" || at.Restarts > 0 {
		return retry.Permanent(&VoidedError{RunID: at.RunID, Credits: at.Credits, Watermark: at.Watermark, Err: s.voided})
	}
	e.logger.Warn("the feed voided the cursor: the scan begins again, and what it had bought is bought again",
		zap.String("run_id", at.RunID), zap.Int("window", at.Window), zap.Int64("pages", at.Pages),
		zap.String("cost", feed.Price(at.Credits)), zap.Time("cursor_issued_at", at.CursorIssuedAt), zap.Error(s.voided))
	e.beginAgain(s)
	return e.remember(e.work)
}
