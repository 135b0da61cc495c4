package enricher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// member is one membership of the group: everything that is in hand. One
// goroutine owns all of it but the inbox; requests and the preparation of slots
// run on others and report there.
type member struct {
	l       *Loop
	group   Group
	inbox   inbox
	running sync.WaitGroup
	landing sync.WaitGroup // the transaction under way
	recall  *recall

	parts map[Place]*part
	jobs  map[string]*job
	hosts map[string]*host
	// delayed are the jobs that wait for another try in place.
	delayed []*job
	// limbo are events of which it can't be known whether they are answered, until
	// limboUntil.
	limbo      []event
	limboUntil time.Time
	// unknown is since when it has not been known what is answered; zero while it is.
	unknown time.Time
	// retrying are the jobs that failed and wait for another try in place.
	retrying int
	// turns are taken by the slots that are prepared.
	turns chan struct{}
	ready []settled
	// pending is the transaction under way, nil for none; before commitAfter there is
	// no other one.
	pending     *transaction
	commitAfter time.Time
	// inflight are the requests under way, fetched those whose outcome is ready or
	// being committed. Together they are what a crash repeats.
	inflight, fetched int

	// work ends the requests, start the wait for their turn, last the transaction
	// under way.
	work, start, last  context.Context //nolint:containedctx // they live as long as the membership, which is no longer than a call of run
	kill, hold, giveUp context.CancelFunc
	lastCommit         time.Time
	lastRemember       time.Time
	turn               int // whose queue is looked at first
	shown              time.Time
	drainDeadline      time.Time // zero until it is told to stop
}

// part is a partition that this member has.
type part struct {
	*tracker               // nil until it is prepared
	early    []*kgo.Record // came before that
	held     []event       // not due yet, in order
	due      []time.Time   // of held
	paused   bool
	cancel   context.CancelFunc // of the preparation
}

func newMember(l *Loop) *member {
	m := &member{
		l: l, recall: newRecall(l.memory, l.o.NotFoundTTL), parts: make(map[Place]*part), jobs: make(map[string]*job), hosts: make(map[string]*host),
		lastCommit: time.Now(), turns: make(chan struct{}, preparedAtOnce),
	}
	m.work, m.kill = context.WithCancel(context.Background())
	m.start, m.hold = context.WithCancel(m.work)
	m.last, m.giveUp = context.WithCancel(context.Background()) //nolint:gosec // Loop.member calls it
	return m
}

// assigned is called by the group.
func (m *member) assigned(parts []Place) {
	m.inbox.put(func() { m.inbox.changes = append(m.inbox.changes, change{parts, true}) })
}

// revoked is called by the group. Whether they are lost already makes no
// difference: nothing of them is committed any more.
func (m *member) revoked(parts []Place, _ bool) {
	m.inbox.put(func() {
		m.inbox.changes = append(m.inbox.changes, change{parts, false})
		m.inbox.losses++
	})
}

// run works until ctx ends and everything in flight has ended with it.
func (m *member) run(ctx context.Context) error {
	for {
		now := time.Now()
		m.l.tick()
		if err := m.collect(ctx, now); err != nil {
			return err
		}
		if ctx.Err() != nil && m.drained(now) {
			return m.finale(ctx)
		}
		if ctx.Err() == nil {
			if err := m.duties(ctx, now); err != nil {
				return err
			}
			m.begin(now)
		}
		if m.commitDue(now, ctx.Err() != nil) {
			m.commit()
		}
		m.show(now)
		if err := m.poll(ctx, now); err != nil {
			return err
		}
	}
}

// finale commits all that is there to commit.
func (m *member) finale(ctx context.Context) error {
	bounded, cancel := context.WithDeadline(context.WithoutCancel(ctx), m.drainDeadline.Add(closeTimeout))
	defer cancel()
	for m.pending != nil || len(m.ready) > 0 || m.moved() {
		if bounded.Err() != nil {
			return errors.New("no transaction came through before the end")
		}
		if now := time.Now(); m.pending == nil && !now.Before(m.commitAfter) {
			m.commit()
		}
		m.idle(bounded, time.Until(m.commitAfter))
		if err := m.collect(ctx, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// idle waits for something to come in; while no transaction is under way not longer
// than d.
func (m *member) idle(ctx context.Context, d time.Duration) {
	waiting, cancel := context.WithCancel(ctx)
	if m.pending == nil {
		waiting, cancel = context.WithTimeout(ctx, d)
	}
	defer cancel()
	if m.inbox.listen(cancel) {
		<-waiting.Done()
	}
}

// end gives up what is under way, but for a transaction, which has an end of its own.
func (m *member) end() {
	m.kill()
	for _, p := range m.parts {
		if p.cancel != nil {
			p.cancel()
		}
	}
}

// drained reports whether there is nothing left to wait for after a stop.
func (m *member) drained(now time.Time) bool {
	if m.drainDeadline.IsZero() {
		m.drainDeadline = now.Add(m.l.o.Drain)
		m.hold()
	}
	return m.inflight == 0 || !now.Before(m.drainDeadline)
}

// collect takes in what others reported.
func (m *member) collect(ctx context.Context, now time.Time) error {
	news := m.inbox.take()
	for _, c := range news.changes {
		if c.gained {
			m.gain(ctx, c.parts)
		} else {
			m.lose(c.parts)
		}
	}
	if news.landed {
		// What was committed is taken in even where it was told to stop meanwhile.
		if err := m.land(context.WithoutCancel(ctx)); err != nil {
			return err
		}
	}
	for _, r := range news.readied {
		if err := m.open(ctx, r); err != nil {
			return err
		}
	}
	for _, f := range news.fetched {
		if err := m.finish(f, now); err != nil {
			return err
		}
	}
	return nil
}

// gain prepares partitions that were assigned.
func (m *member) gain(ctx context.Context, parts []Place) {
	if len(parts) == 0 {
		m.l.view.own(m.slots()) // it stands by, or nothing came to what it has
		return
	}
	slots := make(map[int32]map[Place]*part)
	for _, at := range parts {
		slot := m.l.slotOf(at)
		if slots[slot] == nil {
			slots[slot] = make(map[Place]*part)
		}
		p := &part{paused: true}
		m.parts[at], slots[slot][at] = p, p
	}
	m.l.beat()
	for _, parts := range slots {
		m.prepare(ctx, parts)
	}
}

// prepare prepares the partitions of one slot: that another slot moves on must not
// keep this one from its work.
func (m *member) prepare(ctx context.Context, parts map[Place]*part) {
	preparing, cancel := context.WithCancel(ctx)
	for _, p := range parts {
		p.cancel = cancel
	}
	m.l.preparing.Add(1)
	m.running.Go(func() {
		defer cancel()
		defer m.l.preparing.Add(-1)
		var r readied
		select {
		case m.turns <- struct{}{}:
			r = m.l.prepare(preparing, m.group, parts)
			<-m.turns
		case <-preparing.Done():
			r = readied{parts: parts, ended: true}
		}
		m.inbox.put(func() { m.inbox.readied = append(m.inbox.readied, r) })
	})
}

// preparedAtOnce is how many slots are prepared at the same time.
const preparedAtOnce = 4

// open begins to work on partitions that are prepared.
func (m *member) open(ctx context.Context, r readied) error {
	var opened []Place
	for at, p := range r.parts {
		if m.parts[at] != p || r.ended {
			continue // it moved on meanwhile, or all ends
		}
		if r.err != nil {
			return r.err
		}
		p.tracker = newTracker(r.positions[at])
		p.paused, p.cancel = false, nil
		opened = append(opened, at)
	}
	if len(opened) == 0 {
		return nil
	}
	switch {
	case r.blind != nil:
		m.recall.behind = true
		m.l.log.Warn("what was fetched before is not known for now: a company may be fetched again", zap.Error(r.blind))
	case m.recall.epoch != 0 && m.recall.epoch != r.epoch:
		m.recall.behind = true // it is another one than the other slots were prepared with
	default:
		m.recall.epoch = r.epoch
	}
	m.l.view.own(m.slots())
	m.group.Resume(opened)
	for _, at := range opened {
		early := m.parts[at].early
		m.parts[at].early = nil
		if err := m.intake(ctx, early); err != nil {
			return err
		}
	}
	return nil
}

// lose drops everything about partitions that moved: their new owner does it.
func (m *member) lose(parts []Place) {
	slots := make(map[int32]bool)
	for _, at := range parts {
		if p := m.parts[at]; p != nil && p.cancel != nil {
			p.cancel()
		}
		delete(m.parts, at)
		slots[m.l.slotOf(at)] = true
	}
	for _, j := range m.jobs {
		if slots[j.slot] {
			m.drop(j)
		}
	}
	m.ready = slices.DeleteFunc(m.ready, func(s settled) bool { return slots[s.slot] })
	m.fetched = fetchedOf(m.ready)
	if m.pending != nil {
		m.fetched += fetchedOf(m.pending.batch)
	}
	m.limbo = slices.DeleteFunc(m.limbo, func(e event) bool { return slots[m.l.slotOf(e.place)] })
	m.l.view.own(m.slots())
}

// drop forgets a job. Its request, if it is under way, ends for itself.
func (m *member) drop(j *job) {
	j.gone = true
	if j.cancel != nil {
		j.cancel()
	}
	m.unqueue(j)
	m.tryNoMore(j)
	delete(m.jobs, j.event.id)
}

func (m *member) slots() []int32 {
	var slots []int32
	for at, p := range m.parts {
		if p.tracker != nil && at.Topic == m.l.o.Topics.Sites {
			slots = append(slots, at.Partition)
		}
	}
	slices.Sort(slots)
	return slots
}

// poll waits for records, or until something else is to be done.
func (m *member) poll(ctx context.Context, now time.Time) error {
	timeout := min(max(m.nextDue(now).Sub(now), time.Millisecond), time.Second)
	if ctx.Err() != nil {
		timeout = max(timeout, 20*time.Millisecond) // what is due then is nobody's any more
	}
	waiting, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	if !m.inbox.listen(cancel) {
		return nil
	}
	stopping := ctx.Err() != nil
	if !stopping {
		defer context.AfterFunc(ctx, cancel)()
	}
	if stopping || m.pending != nil || !m.hasRoom(now) {
		<-waiting.Done()
		return nil
	}
	records, err := m.group.Poll(waiting, pollMost)
	if err != nil {
		return fmt.Errorf("poll: %w", err)
	}
	if len(records) > 0 {
		m.l.beat()
	}
	return m.intake(ctx, records)
}

// hasRoom reports whether more records may be taken in. Where the room is full of
// companies of a host that ails, they make room for others.
func (m *member) hasRoom(now time.Time) bool {
	if len(m.limbo) > 0 {
		return false
	}
	// Not for a few records at a time: each poll is a question to Redis as well.
	if len(m.jobs)+len(m.ready) < m.l.o.handMost()/2 {
		return true
	}
	return m.spill(now)
}

// nextDue is when something is to be done although nothing comes in.
func (m *member) nextDue(now time.Time) time.Time {
	next := now.Add(time.Second)
	sooner := func(at time.Time) {
		if at.Before(next) {
			next = at
		}
	}
	for _, p := range m.parts {
		if len(p.due) > 0 {
			sooner(p.due[0])
		}
	}
	for _, j := range m.delayed {
		sooner(j.notBefore)
	}
	for _, h := range m.hosts {
		if pause := h.pause(now); pause > 0 {
			sooner(now.Add(pause))
		}
		if len(h.queue) > 0 && slices.ContainsFunc(h.flying, func(j *job) bool { return j.sent.Load() != 0 }) {
			// Somebody waits: a place is free when a request has hung for too long.
			sooner(now.Add(min(max(h.latency/2, 5*time.Millisecond), h.hanging()/4)))
		}
	}
	if len(m.ready) > 0 && m.pending == nil {
		due := m.ready[0].at.Add(m.l.o.linger())
		if due.Before(m.commitAfter) {
			due = m.commitAfter
		}
		sooner(due)
	}
	if len(m.limbo) > 0 {
		sooner(m.limboUntil)
	}
	return next
}

// duties are what time brings: records that are due, and a memory that is to be
// caught up with.
func (m *member) duties(ctx context.Context, now time.Time) error {
	if m.recall.behind && now.Sub(m.lastRemember) > catchUpPause {
		m.lastRemember = now
		if err := m.catchUp(ctx); err != nil {
			m.l.view.fail(now, err)
		}
	}
	if len(m.limbo) > 0 && !m.limboUntil.After(now) {
		events := m.limbo
		m.limbo = nil
		if err := m.decide(ctx, events); err != nil {
			return err
		}
	}
	for at, p := range m.parts {
		n := 0
		for n < len(p.due) && !p.due[n].After(now) {
			n++
		}
		if n == 0 {
			continue
		}
		events := p.held[:n:n]
		p.held, p.due = p.held[n:], p.due[n:]
		if err := m.decide(ctx, events); err != nil {
			return err
		}
		m.unpause(at, p)
	}
	return nil
}

// catchUpPause is how often a memory that is away is asked whether it is back.
const catchUpPause = 2 * time.Second

// catchUp reads what the memory lacks from the topics, for all slots.
func (m *member) catchUp(ctx context.Context) error {
	slots := m.slots()
	if len(slots) == 0 {
		return nil
	}
	epoch, err := m.l.warm(ctx, slots)
	if err != nil {
		return fmt.Errorf("catch up with what was fetched: %w", err)
	}
	if err := m.recall.tell(ctx); err != nil {
		return fmt.Errorf("tell what was fetched: %w", err)
	}
	m.recall.epoch, m.recall.behind, m.recall.told = epoch, false, nil
	m.l.log.Info("what was fetched before is known again")
	return nil
}
