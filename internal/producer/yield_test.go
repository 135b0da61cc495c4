package producer_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// The ports of a process, each call between two yield points.

// pager is the feed.
type pager struct {
	next producer.Pager
	p    *process
}

func (g pager) Page(ctx context.Context, q feed.Query) (feed.Page, error) {
	g.p.yield("page")
	page, err := g.next.Page(ctx, q)
	g.p.yield(fmt.Sprintf("page bought: %d rows, %v", len(page.Rows), err))
	return page, err
}

// log is the stream.
type log struct{ p *process }

func (l log) Fence(ctx context.Context) (producer.Session, error) {
	w := l.p.world
	l.p.yield("fence")
	s, err := w.mutant.fence(ctx, l.p)
	w.mu.Lock()
	l.p.fenced = true
	w.mu.Unlock()
	if err != nil {
		l.p.yield("fence failed: " + err.Error())
		return nil, err
	}
	own := &session{Session: s, p: l.p}
	w.mu.Lock()
	l.p.sessions = append(l.p.sessions, own)
	w.closers = append(w.closers, own.Close)
	w.mu.Unlock()
	l.p.yield("fenced")
	return own, nil
}

func (l log) Foreign(ctx context.Context, known []string) (string, error) {
	return journal{l.p.stream}.Foreign(ctx, known)
}

func (l log) Newest(ctx context.Context) (producer.Published, error) {
	return journal{l.p.stream}.Newest(ctx)
}

func (l log) Recent(ctx context.Context, since time.Time, each func(producer.Published) bool) error {
	l.p.yield("recent")
	err := journal{l.p.stream}.Recent(ctx, since, each)
	l.p.yield(fmt.Sprintf("recent read: %v", err))
	return err
}

func (l log) Size(ctx context.Context) (int64, error) { return l.p.stream.Size(ctx) }

// session is one epoch.
type session struct {
	producer.Session
	p    *process
	once sync.Once
}

func (s *session) Progress(ctx context.Context) (schemas.Progress, bool, []string, error) {
	s.p.yield("progress")
	own, found, others, err := s.Session.Progress(ctx)
	s.p.yield(fmt.Sprintf("progress read: fence %d, seq %d, %v", own.Fence, own.Seq, err))
	return own, found, others, err
}

func (s *session) Commit(ctx context.Context, rows []*kgo.Record, records []schemas.Progress, gate func() error) error {
	next := records[len(records)-1]
	s.p.yield(fmt.Sprintf("commit of seq %d", next.Seq))
	err := s.Session.Commit(ctx, rows, records, func() error {
		s.p.yield("gate")
		err := gate()
		s.p.yield(fmt.Sprintf("gate passed: %v", err))
		return err
	})
	s.p.yield(fmt.Sprintf("committed seq %d: %v", next.Seq, err))
	return err
}

func (s *session) Windows(ctx context.Context, n int) (map[int]schemas.Progress, error) {
	s.p.yield("windows")
	return s.Session.Windows(ctx, n)
}

func (s *session) Close() { s.once.Do(s.Session.Close) }

// store is Redis.
type store struct{ p *process }

func (s store) Hold(ctx context.Context, floor uint64) (producer.Lease, error) {
	w := s.p.world
	s.p.yield("hold")
	w.mu.Lock()
	s.p.holds++
	owner := fmt.Sprintf("%s.%d", s.p.name, s.p.holds)
	w.mu.Unlock()
	held, err := checkpoint.Hold(ctx, leaser{w.store, s.p}, checkpoint.HoldOptions{TTL: leaseTTL, Floor: floor, Wait: leaseTTL + leaseTTL/4, Owner: owner})
	if err != nil {
		s.p.yield("not held: " + err.Error())
		return nil, err
	}
	l := &lease{Lease: held, p: s.p, lost: make(chan struct{}), done: make(chan struct{})}
	go l.watch()
	w.mu.Lock()
	s.p.wakes = time.Time{}
	w.closers = append(w.closers, l.end)
	w.mu.Unlock()
	s.p.yield(fmt.Sprintf("held, token %d", held.Token()))
	return l, nil
}

func (s store) Get(ctx context.Context) (schemas.Progress, error) {
	s.p.yield("get")
	p, err := s.p.world.copies.get(ctx, s.p.world)
	s.p.yield(fmt.Sprintf("got: fence %d, seq %d, %v", p.Fence, p.Seq, err))
	return p, err
}

func (s store) Put(ctx context.Context, next schemas.Progress) error {
	s.p.yield(fmt.Sprintf("put of seq %d", next.Seq))
	err := s.p.world.copies.change(s.p.world, func() error { return s.p.world.mutant.put(ctx, s.p.world, next) })
	s.p.yield(fmt.Sprintf("put seq %d: %v", next.Seq, err))
	return err
}

func (s store) Repair(ctx context.Context, owner string, token uint64, next schemas.Progress) error {
	s.p.yield("repair")
	err := s.p.world.copies.change(s.p.world, func() error { return s.p.world.mutant.repair(ctx, s.p.world, owner, token, next) })
	s.p.yield(fmt.Sprintf("repaired: %v", err))
	return err
}

// leaser is the store as the renewals see it: they stop with the process.
type leaser struct {
	*checkpoint.Memory
	p *process
}

func (l leaser) Renew(ctx context.Context, owner string, token uint64, ttl time.Duration) error {
	if l.p.silent() {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return l.Memory.Renew(ctx, owner, token, ttl)
}

// lease is what the process believes to hold.
type lease struct {
	*checkpoint.Lease
	p    *process
	once sync.Once
	lost chan struct{}
	done chan struct{}
}

// watch passes the loss on, as late as a clock that stood still does.
func (l *lease) watch() {
	select {
	case <-l.Lease.Lost():
	case <-l.done:
		return
	}
	for {
		late := time.Until(l.p.clockLies())
		if late <= 0 {
			break
		}
		select {
		case <-time.After(late):
		case <-l.done:
			return
		}
	}
	close(l.lost)
}

// clockLies is until when the process's clock tells it that it holds the lease.
func (p *process) clockLies() time.Time {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.wakes
}

func (l *lease) Lost() <-chan struct{} { return l.lost }

func (l *lease) Alive() error {
	if time.Now().Before(l.p.clockLies()) {
		return nil
	}
	return l.Lease.Alive()
}

func (l *lease) Confirm(ctx context.Context) error {
	l.p.yield("confirm")
	w := l.p.world
	w.mu.Lock()
	again := l.p.fenced
	l.p.fenced = false
	w.mu.Unlock()
	err := w.mutant.confirm(again, func() error { return l.Lease.Confirm(ctx) })
	if err != nil { // the server said so: the clock is not asked any more
		w.mu.Lock()
		l.p.wakes = time.Time{}
		w.mu.Unlock()
	}
	l.p.yield(fmt.Sprintf("confirmed: %v", err))
	return err
}

func (l *lease) Release(ctx context.Context) error {
	l.p.yield("release")
	l.once.Do(func() { close(l.done) })
	err := l.Lease.Release(ctx)
	l.p.yield(fmt.Sprintf("released: %v", err))
	return err
}

// end is Release for a process that is gone.
func (l *lease) end() {
	l.once.Do(func() { close(l.done) })
	_ = l.Lease.Release(context.Background())
}
