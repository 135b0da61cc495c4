package enricher

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// commitDue reports whether there is something to commit that need not wait for
// more: profiles share transactions, and positions that come with nothing else wait
// longer.
func (m *member) commitDue(now time.Time, stopping bool) bool {
	if len(m.ready) == 0 {
		return now.Sub(m.lastCommit) >= idleCommit && m.moved()
	}
	return stopping && m.inflight == 0 ||
		m.inflight == 0 ||
		len(m.ready) >= m.l.o.Batch ||
		m.inflight+m.fetched >= m.l.o.Batch ||
		now.Sub(m.ready[0].at) >= m.l.o.linger()
}

// moved reports whether any position is another than the committed one.
func (m *member) moved() bool {
	for _, p := range m.parts {
		if p.tracker != nil && p.changed {
			return true
		}
	}
	return false
}

// commit publishes what is ready, at most a batch, with the positions that follow
// from it, in one transaction.
//
// A rebalance may abort it. What was fetched for partitions that stay is then still
// ready, so nothing is asked for again; what belongs to others is dropped by lose,
// which runs before the next commit.
func (m *member) commit(ctx context.Context) error {
	batch := m.ready[:min(len(m.ready), m.l.o.Batch)]
	var records []*kgo.Record
	for _, s := range batch {
		records = append(records, s.records...)
		m.close(s, true)
	}
	positions := make(map[Place]Position)
	for at, p := range m.parts {
		if p.tracker != nil && p.changed {
			positions[at] = p.position()
		}
	}
	m.lastCommit = time.Now()
	if len(positions) == 0 {
		return nil
	}
	// It is finished even where it was told to stop meanwhile.
	bounded, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), commitTimeout, fmt.Errorf("the transaction was not over after %s", commitTimeout))
	defer cancel()
	committed, err := m.group.Commit(bounded, records, positions)
	if err != nil {
		return fmt.Errorf("commit %d records: %w", len(records), err)
	}
	m.lastCommit = time.Now()
	if !committed {
		m.l.view.aborted()
		m.l.o.Metrics.transaction(false, m.lastCommit)
		for _, s := range batch {
			m.close(s, false)
		}
		wait(context.WithoutCancel(ctx), abortPause)
		return nil
	}
	m.l.beat()
	m.ready = m.ready[len(batch):]
	m.fetched = fetchedOf(m.ready)
	for at := range positions {
		p := m.parts[at]
		p.changed = false
		m.unpause(at, p)
	}
	m.l.view.commit(m.lastCommit)
	m.l.o.Metrics.transaction(true, m.lastCommit)
	// What was committed is noted even where it was told to stop meanwhile.
	return m.after(context.WithoutCancel(ctx), batch, records)
}

// abortPause is the wait after a transaction that a rebalance aborted: it takes
// the group a moment to come to rest.
const abortPause = 100 * time.Millisecond

// close marks the records of s as done, or takes that back.
func (m *member) close(s settled, done bool) {
	for _, at := range s.marks {
		p := m.parts[at.place]
		switch {
		case p == nil || p.tracker == nil:
		case done:
			p.done(at.offset)
		default:
			p.reopen(at.offset)
		}
	}
}

func fetchedOf(ready []settled) int {
	n := 0
	for _, s := range ready {
		if s.job != nil && s.job.event.tries > 0 {
			n++
		}
	}
	return n
}

// after remembers what was committed and goes on with what waited for it.
func (m *member) after(ctx context.Context, batch []settled, records []*kgo.Record) error {
	var known []checkpoint.Known
	var later []event
	for _, s := range batch {
		if s.known != nil {
			known = append(known, *s.known)
		}
		if s.job != nil {
			delete(m.jobs, s.id)
			later = append(later, s.job.later...)
		}
		m.l.settledAs(s)
	}
	t := m.l.o.Topics
	marks := make(checkpoint.Marks)
	for _, r := range records {
		if r.Topic == t.Companies {
			mark := MarkOf(m.recall.epoch, t.Companies, t.CompaniesID, r.Partition)
			marks[mark] = max(marks[mark], r.Offset+1)
		}
	}
	if err := m.recall.add(ctx, known, marks); err != nil {
		m.l.view.fail(time.Now(), err)
		m.l.log.Warn("Redis does not take what was fetched; it learns it from the topics when it is back", zap.Error(err))
	}
	return m.decide(ctx, later)
}
