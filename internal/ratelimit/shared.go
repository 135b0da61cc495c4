package ratelimit

import (
	"cmp"
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// inFlight is for how long a request whose answer has not come counts as if it
	// could still arrive. It is more than a request may take, and so bounds for how
	// long a process that died keeps the places of its requests.
	inFlight = 35 * time.Second
	// heartbeat is the longest that a waiter sleeps. Redis drops one that it has
	// not heard of for three seconds.
	heartbeat = time.Second
	// grain and drift are by how much a window is stretched for Redis: for the
	// grain of clocks, and for two clocks of which one is fast by 100 ppm.
	grain = 2 * time.Millisecond
	drift = 10_000
)

// Report is what the headers of an answer said about the limits. The zero Report
// means that nothing is known.
type Report struct {
	// Limit is the N of one of the server's windows, and Remaining how many
	// requests that window had left after this one.
	Limit, Remaining int
	// Reset is when that window gets its next request back. Nothing depends on it:
	// it is whole seconds of another clock.
	Reset time.Time
}

// SharedOptions say what is shared, and where.
type SharedOptions struct {
	// Windows hold for all replicas together. Without any, only Until holds
	// requests back, and only those of this process.
	Windows Windows
	// Redis runs the scripts. Its timeouts bound how long a call may block.
	Redis redis.Scripter
	// Prefix is what the five keys begin with. One with a hash tag keeps them on
	// one node of a Redis Cluster.
	Prefix string
	// Owner names this replica among the others. Empty means a random name.
	Owner string
	// OnChange is told when Redis stops to answer, with the error, and when it
	// answers again, with nil. It must not block. Nil tells nobody.
	OnChange func(degraded bool, err error)
}

// Shared lets requests of several processes start one by one so that all windows
// hold for all of them together. It is safe for use by many goroutines, which it
// serves in the order in which they asked. Make one with NewShared.
type Shared struct {
	opts    SharedOptions
	windows Windows // the shortest first
	scripts scripts
	begin   time.Time // times below are counted from here, by the monotonic clock
	// turn holds one token while a caller decides when it may go, as in Limiter:
	// Redis knows one waiter of each replica, and the others queue behind it here.
	turn    chan struct{}
	queued  bool // Redis has us in its queue; owned by the holder of turn
	waiting atomic.Int64

	mu     sync.Mutex
	own    memory
	until  time.Duration // nobody here goes before
	expect time.Duration // when the first waiter may go, as far as known
	link   link
}

// link is what is known of Redis.
type link struct {
	degraded bool
	since    time.Duration // when it became degraded
	retry    time.Duration // when to ask again while degraded
	atMost   []int         // what each window may have of ours at first, see allowance
	born     string        // names the log that was there; empty before the first answer
	replicas int           // those that Redis has heard of lately, us included
	held     time.Duration // until when Redis holds everybody back
	free     []int         // places that each window had
}

// NewShared returns a limiter that has not asked Redis yet.
func NewShared(o SharedOptions) *Shared {
	if o.Owner == "" {
		o.Owner = rand.Text()
	}
	ws := slices.Clone(o.Windows)
	slices.SortStableFunc(ws, func(a, b Window) int { return cmp.Compare(a.Per, b.Per) })
	s := &Shared{opts: o, windows: ws, begin: time.Now(), turn: make(chan struct{}, 1)}
	s.scripts = newScripts(o.Redis, o.Prefix, ws)
	s.own.keep = s.longest() + inFlight
	return s
}

// Take returns when one request may start, at once: it counts from then on, until
// Done is called and for the length of each window after that. If ctx ends first
// it returns context.Cause(ctx), and nothing is counted. There is no other error:
// without Redis this process keeps to its share of the windows.
func (s *Shared) Take(ctx context.Context) (*Ticket, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	s.waiting.Add(1)
	defer s.gone(ctx)
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	defer func() { <-s.turn }()
	op := s.newOp()
	for {
		ticket, wait := s.try(ctx, op)
		if ticket != nil {
			return ticket, nil
		}
		s.expectIn(wait)
		if err := sleep(ctx, min(wait, heartbeat)); err != nil {
			return nil, err
		}
	}
}

// try returns a ticket, or after how long to try again.
func (s *Shared) try(ctx context.Context, op int64) (*Ticket, time.Duration) {
	now := s.now()
	s.mu.Lock()
	wait, ask := s.until-now, !s.link.degraded || now >= s.link.retry
	s.mu.Unlock()
	if wait > 0 {
		return nil, wait
	}
	if len(s.windows) == 0 {
		return &Ticket{}, 0
	}
	if ask {
		got, err := s.ask(ctx, op)
		switch {
		case err != nil:
			s.failed(err)
		case got.word == wordGo:
			return s.start(op, got.now), 0
		default:
			return nil, got.wait
		}
	}
	if wait := s.alone(); wait > 0 {
		return nil, wait
	}
	return s.start(op, 0), 0
}

// start remembers a request that begins. at is when Redis let it, or zero.
func (s *Shared) start(op, at int64) *Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.add(op, s.now(), at > 0)
	return &Ticket{shared: s, op: op, at: at}
}

// Until holds every replica back until t, those included that wait already. A
// time before an earlier one, or in the past, changes nothing. Where Redis does
// not answer it holds back this process alone.
func (s *Shared) Until(ctx context.Context, t time.Time) {
	left := time.Until(t)
	if left <= 0 {
		return
	}
	s.mu.Lock()
	s.until = max(s.until, s.now()+left)
	s.mu.Unlock()
	if !s.reachable() {
		return
	}
	if err := s.scripts.hold(ctx, left); err != nil && len(s.windows) > 0 {
		s.failed(err)
	}
}

// Waiting says how many callers of Take wait here, and until when the first of
// them does as far as is known; the zero time where none waits.
func (s *Shared) Waiting() (n int, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = int(s.waiting.Load())
	if n == 0 {
		return 0, time.Time{}
	}
	return n, s.begin.Add(max(s.expect, s.until))
}

// Ticket is one request that has started.
type Ticket struct {
	shared *Shared // nil where there is nothing to count
	op     int64
	at     int64 // when Redis let it start, by its clock in us; zero if it did not
	done   atomic.Bool
}

// Done says that the answer has come, with what it said, or that there will be
// none. It is called once; further calls change nothing. A ticket that is never
// done counts for 35 seconds longer.
func (t *Ticket) Done(r Report) {
	if t.shared == nil || t.done.Swap(true) {
		return
	}
	s := t.shared
	now := s.now()
	s.mu.Lock()
	reachable, born := !s.link.degraded, s.link.born
	s.own.done(t.op, now, reachable)
	s.mu.Unlock()
	if !reachable {
		return // the next one that asks Redis brings it along
	}
	if err := s.scripts.done(t.op, born, t.at, r); err != nil {
		s.mu.Lock()
		s.own.forgetTold(t.op)
		s.mu.Unlock()
		s.failed(err)
	}
}

func (s *Shared) now() time.Duration { return time.Since(s.begin) }

// newOp names the next request.
func (s *Shared) newOp() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own.ops++
	return s.own.ops
}

func (s *Shared) expectIn(wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expect = s.now() + wait
}

// longest is the length of the largest window.
func (s *Shared) longest() time.Duration {
	if len(s.windows) == 0 {
		return 0
	}
	return s.windows[len(s.windows)-1].Per
}
