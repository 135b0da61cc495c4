package producer

import (
	"context"
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/schemas"
)

// group is what one transaction writes: pages that waited together, and the
// records that name exactly these pages.
type group struct {
	pages   []*purchase
	rows    []*kgo.Record
	next    schemas.Progress           // the stream's record
	windows map[*scan]schemas.Progress // those of the windows that the pages are of
	fresh   []published                // versions that are in the topic once this is committed

	wasted   schemas.Waste      // what of money.pending next includes
	resolved []schemas.Purchase // and what that is made of
}

// commitment is how a transaction ended.
type commitment struct {
	err  error // its outcome is unknown
	copy error // of the copy to Redis, where the transaction succeeded
}

const (
	// maxGroup bounds how many pages share a transaction: it stays short, and its
	// records within what a broker takes at once.
	maxGroup = 16
	// breath is how long the brokers are left alone between the answer to one
	// commit and the records of the next. They write the markers of the first
	// after they have answered; what arrives meanwhile is held back in steps of
	// 20 ms. Where a page is bought in between, that is pause enough.
	breath = 2 * time.Millisecond
)

// publish begins a transaction with the pages that wait, unless one is under way.
func (e *epoch) publish() {
	if e.writing || e.broken || len(e.held) == 0 {
		return
	}
	e.sent = e.group(e.held[:min(len(e.held), maxGroup)])
	e.writing = true
	e.groups <- e.sent // the writer is free: nothing is being written
}

// write writes a group and copies its checkpoint to Redis.
func (e *epoch) write(g *group) (c commitment) {
	if c.err = e.commit(g); c.err != nil {
		return c
	}
	answered := time.Now()
	c.copy = e.checkpoints.Put(e.work, g.next)
	if e.opts.Prefetch > 0 || len(e.scans) > 1 {
		rest(e.work, breath-time.Since(answered))
	}
	return c
}

// rest waits for d, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// commit writes a group. Invariant 1: rows and records in one transaction.
func (e *epoch) commit(g *group) error {
	ctx, cancel := e.commitContext()
	defer cancel()
	records := make([]schemas.Progress, 0, 1+len(g.windows))
	for _, w := range g.windows {
		records = append(records, w)
	}
	// The stream's record last: it is the one that take-overs judge by.
	if err := e.session.Commit(ctx, g.rows, append(records, g.next), e.lease.Alive); err != nil {
		return fmt.Errorf("commit page %d of run %s: %w", g.next.Pages, g.next.RunID, err)
	}
	return nil
}

func (e *epoch) commitContext() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(e.work, e.opts.Commit, fmt.Errorf("no answer from the brokers within %s", e.opts.Commit))
}

// written takes note of how a transaction ended. Invariant 4: after an error its
// pages stay in hand, and the next epoch finds out whether it was committed.
func (e *epoch) written(c commitment) {
	e.writing = false
	if c.err != nil {
		e.err, e.broken = c.err, true
		return
	}
	e.confirm(e.sent)
	e.copy(c.copy)
}

// next is the stream's record of the transaction that follows l.at.
func (l *Loop) next() schemas.Progress {
	next := l.at
	next.Fence, next.Reset = l.fence, ""
	next.Seq++
	next.Op = ulid.Make().String()
	next.CommittedAt = time.Now().UTC()
	return next
}

// group makes the records of pages, which follow what is committed. They are
// made anew for each attempt, since sending a record changes it.
func (l *Loop) group(pages []*purchase) *group {
	g := &group{pages: pages, next: l.next(), windows: make(map[*scan]schemas.Progress)}
	overlay := l.known.overlay()
	for _, p := range pages {
		own, cut := &g.next, p.scan.window != nil
		if cut {
			w, ok := g.windows[p.scan]
			if !ok {
				w = *p.scan.window
			}
			w.Fence, w.Seq, w.Op, w.CommittedAt = g.next.Fence, g.next.Seq, g.next.Op, g.next.CommittedAt
			w.RunStartedAt = g.next.RunStartedAt
			own = &w
		}
		rows, same := overlay.changed(p, g.next.RunID)
		t := tally(p, rows, same)
		t.add(&g.next)
		if cut {
			t.add(own)
		}
		move(own, p.page, g.next.CommittedAt)
		if cut {
			g.windows[p.scan] = *own
		}
		same.waste(&g.next, p)
		g.rows = append(g.rows, l.opts.Topics.records(rows, g.next)...)
	}
	g.fresh = overlay.fresh
	if len(g.windows) > 0 && l.allDone(g) {
		g.next.Phase = schemas.Done
	}
	if g.next.Phase == schemas.Done {
		finish(&g.next)
	}
	l.money.enter(g, l.held[len(pages):])
	return g
}

// allDone reports whether every window is done once g is committed.
func (l *Loop) allDone(g *group) bool {
	for _, s := range l.scans {
		at := *l.record(s)
		if w, ok := g.windows[s]; ok {
			at = w
		}
		if at.Phase != schemas.Done {
			return false
		}
	}
	return true
}

// confirm takes note that a group is in the topic.
func (l *Loop) confirm(g *group) {
	before := l.at
	l.at = g.next
	for s, w := range g.windows {
		*s.window = w
	}
	for _, p := range g.pages {
		p.scan.waiting--
	}
	l.held, l.sent = l.held[len(g.pages):], nil
	if len(l.held) == 0 {
		l.held = nil // or the pages before would stay in memory with it
	}
	l.timed = !l.skewed
	l.known.add(g.fresh, g.next.Op)
	l.money.confirm(g)
	l.result.Pages += int64(len(g.pages))
	l.result.Rows += g.next.Rows - before.Rows
	l.result.DeadLetters += g.next.DeadLetters - before.DeadLetters
	l.result.Unchanged += g.next.Unchanged - before.Unchanged
	l.result.Credits += g.next.Credits - before.Credits
	l.opts.Metrics.committed(before, g)
	if l.onCommit != nil {
		l.onCommit()
	}
}

// copy takes note of how the copy to Redis went. It may fail: the progress topic
// has the truth, and the next take-over repairs the copy.
func (l *Loop) copy(err error) {
	if err != nil && !l.copyLate {
		l.logger.Warn("the copy of the checkpoint in Redis is behind; the progress topic is not", zap.Error(err))
	}
	l.copyLate = err != nil
}
