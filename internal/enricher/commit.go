package enricher

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// transaction is what is being committed, on a goroutine of its own: requests go on
// meanwhile.
type transaction struct {
	batch     []settled
	records   []*kgo.Record
	positions map[Place]Position
	// parts are the partitions of positions as they were when it began: one that
	// went and came back is another one.
	parts map[Place]*part
	note  note

	// How it ended, for the member's goroutine to read once it is told of it.
	committed bool
	err       error
}

// commitDue reports whether there is something to commit that need not wait for
// more: profiles share transactions, and positions that come with nothing else wait
// longer.
func (m *member) commitDue(now time.Time, stopping bool) bool {
	if m.pending != nil || now.Before(m.commitAfter) {
		return false
	}
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

// commit begins to publish what is ready, at most a batch, with the positions that
// follow from it, in one transaction. land takes in how it ended.
func (m *member) commit() {
	m.lastCommit = time.Now()
	n := min(len(m.ready), m.l.o.Batch)
	t := &transaction{batch: m.ready[:n:n], positions: make(map[Place]Position), parts: make(map[Place]*part)}
	for _, s := range t.batch {
		t.records = append(t.records, s.records...)
		m.close(s)
	}
	m.ready = m.ready[n:]
	for at, p := range m.parts {
		if p.tracker != nil && p.changed {
			t.positions[at], t.parts[at] = p.position(), p
			p.changed = false
		}
	}
	if len(t.positions) == 0 {
		return
	}
	t.note = m.recall.note(t.batch)
	m.pending = t
	m.inbox.stamp()
	m.landing.Go(func() {
		m.l.transact(m.last, m.group, t)
		m.inbox.put(func() { m.inbox.landed = true })
	})
}

// transact runs a transaction, and tells the memory of it.
func (l *Loop) transact(ctx context.Context, group Group, t *transaction) {
	bounded, cancel := context.WithTimeoutCause(ctx, commitTimeout, fmt.Errorf("the transaction was not over after %s", commitTimeout))
	defer cancel()
	t.committed, t.err = group.Commit(bounded, t.records, t.positions)
	if t.err != nil {
		t.err = fmt.Errorf("commit %d records: %w", len(t.records), t.err)
		return
	}
	if t.committed {
		t.note.tell(ctx, l.memory, l.o.Topics, t.records)
	}
}

// land takes in how a transaction ended.
//
// A rebalance may abort it. What was fetched for partitions that stay is then ready
// again, so nothing is asked for twice; what belongs to others is dropped. Where it
// went through, what partitions that went had in it is done all the same.
func (m *member) land(ctx context.Context) error {
	t, now := m.pending, time.Now()
	m.pending, m.lastCommit = nil, now
	if t.err != nil {
		return t.err
	}
	m.l.o.Metrics.transaction(t.committed, now)
	if !t.committed {
		m.l.view.aborted()
		m.takeBack(t)
		m.commitAfter = now.Add(abortPause)
		return nil
	}
	m.l.beat()
	m.fetched = fetchedOf(m.ready)
	m.l.view.commit(now)
	if err := m.recall.noted(t.note); err != nil {
		m.l.view.fail(now, err)
		m.l.log.Warn("Redis does not take what was fetched; it learns it from the topics when it is back", zap.Error(err))
	}
	var later []event
	for _, s := range t.batch {
		m.l.settledAs(s)
		if s.job != nil && !s.job.gone {
			delete(m.jobs, s.id)
			later = append(later, s.job.later...)
		}
	}
	for at, p := range t.parts {
		if m.parts[at] == p {
			m.unpause(at, p)
		}
	}
	return m.decide(ctx, later)
}

// takeBack makes ready again what a transaction did not publish.
func (m *member) takeBack(t *transaction) {
	for at, p := range t.parts {
		p.changed = p.changed || m.parts[at] == p
	}
	batch := slices.DeleteFunc(t.batch, func(s settled) bool {
		at := s.marks[0].place // they are all of one slot
		return m.parts[at] != t.parts[at]
	})
	for _, s := range batch {
		for _, at := range s.marks {
			m.parts[at.place].reopen(at.offset)
		}
	}
	m.ready = append(batch, m.ready...)
	m.fetched = fetchedOf(m.ready)
}

// abortPause is the wait after a transaction that a rebalance aborted: it takes
// the group a moment to come to rest.
const abortPause = 100 * time.Millisecond

// close marks the records of s as done.
func (m *member) close(s settled) {
	for _, at := range s.marks {
		if p := m.parts[at.place]; p != nil && p.tracker != nil {
			p.done(at.offset)
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
