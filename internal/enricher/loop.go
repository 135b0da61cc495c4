package enricher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/ratelimit"
)

// Loop is one replica of the enricher.
type Loop struct {
	o        Options
	broker   Broker
	fetcher  Fetcher
	memory   Memory
	limiter  Limiter
	selector Selector
	log      *zap.Logger

	view view
	// For the watchdog, in nanoseconds since made: when something moved, when the
	// goroutine that everything goes through did, and since when the oldest thing is
	// in hand, zero for none. Then how many slots are being prepared.
	made             time.Time
	progress, ticked atomic.Int64
	oldest           atomic.Int64
	preparing        atomic.Int64
	// waiting are the requests that wait for the request limits.
	waiting atomic.Int64
}

// New returns a loop that has done nothing yet.
func New(o Options, broker Broker, fetcher Fetcher, memory Memory, limiter Limiter, selector Selector, log *zap.Logger) *Loop {
	return &Loop{made: time.Now(), o: o.withDefaults(), broker: broker, fetcher: fetcher, memory: memory, limiter: limiter, selector: selector, log: log}
}

// rejoins is how often in a row a membership is begun again that ended with an
// error before it committed anything.
const rejoins = 20

// Run works until ctx ends, which is no error: requests in flight then have
// Options.Drain to end, and what they brought is committed. It returns a
// *StalledError where nothing moved for Options.Stall although there was work, and
// an error where no further try can help.
func (l *Loop) Run(ctx context.Context) error {
	l.beat()
	ended := make(chan error, 1)
	watched, stop := context.WithCancel(ctx)
	defer stop()
	go func() { ended <- l.work(ctx) }()
	stalled := make(chan error, 1)
	go func() { stalled <- l.watch(watched) }()
	select {
	case err := <-ended:
		stop()
		return cmp.Or(err, <-stalled)
	case err := <-stalled:
		if err != nil {
			return err // the work hangs somewhere: nobody waits for it any more
		}
		return <-ended
	}
}

// work joins the group, and again where a membership ended with an error.
func (l *Loop) work(ctx context.Context) error {
	for failures := 1; ; failures++ {
		before := l.view.commits()
		err := l.member(ctx)
		switch {
		case ctx.Err() != nil:
			if err != nil {
				l.log.Warn("stopped, and what was in hand is not committed: it is fetched again", zap.Error(err))
			}
			return nil
		case err == nil || fatal(err):
			return err
		case l.view.commits() > before:
			failures = 1
		case failures > rejoins:
			return fmt.Errorf("%w (joined the group %d times in vain)", err, failures)
		}
		l.log.Warn("left the group, joining again", zap.Error(err))
		l.view.fail(time.Now(), err)
		l.beat()
		wait(ctx, rejoinPause(failures))
	}
}

// rejoinPause grows with the failures, up to 15 s, with full jitter.
func rejoinPause(failures int) time.Duration {
	most := min(250*time.Millisecond<<min(failures, 10), 15*time.Second)
	return rand.N(most) //nolint:gosec // jitter is no secret
}

// FatalError is what no further try can mend.
type FatalError struct{ Err error }

// Error implements error.
func (e *FatalError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *FatalError) Unwrap() error { return e.Err }

func fatal(err error) bool {
	var f *FatalError
	return errors.As(err, &f)
}

// member is one membership of the group.
func (l *Loop) member(ctx context.Context) error {
	m := newMember(l)
	group, err := l.broker.Join(ctx, m.assigned, m.revoked, m.inbox.current)
	if err != nil {
		return fmt.Errorf("join the group: %w", err)
	}
	m.group = group
	err = m.run(ctx)
	if fatal(err) {
		// What was fetched before need not be fetched again.
		m.drainDeadline = time.Now().Add(l.o.Drain)
		if late := m.finale(context.WithoutCancel(ctx)); late != nil {
			l.log.Debug("not committed at the end", zap.Error(late))
		}
	}
	m.end()
	l.view.left()
	l.oldest.Store(0)
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	context.AfterFunc(closing, m.giveUp)
	m.landing.Wait()
	group.Close(closing)
	m.running.Wait()
	return err
}

// closeTimeout bounds leaving the group.
const closeTimeout = 10 * time.Second

// inbox is what other goroutines tell a membership.
type inbox struct {
	mu sync.Mutex
	news
	woken    bool
	wakePoll context.CancelFunc
	// losses counts the revocations that came, seen those that were taken in, and
	// stamped what seen was when the transaction under way began.
	losses, seen, stamped int
}

// news is what came in.
type news struct {
	changes []change
	fetched []fetched
	readied []readied
	landed  bool // the transaction under way has ended
}

// change is a partition that came or went.
type change struct {
	parts  []Place
	gained bool
}

// put adds something and wakes the membership.
func (b *inbox) put(add func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	add()
	b.woken = true
	if b.wakePoll != nil {
		b.wakePoll()
	}
}

// stamp begins a transaction: it is about the partitions that are left after all
// that was taken in.
func (b *inbox) stamp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stamped = b.seen
}

// current reports whether the transaction under way is still about partitions that
// all stayed. One that went and came back meanwhile is another one.
func (b *inbox) current() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.losses == b.stamped
}

// listen lets a wait be woken by whatever comes in; false means that something
// came in already.
func (b *inbox) listen(wake context.CancelFunc) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.woken {
		return false
	}
	b.wakePoll = wake
	return true
}

// take empties the box.
func (b *inbox) take() news {
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.news
	b.news, b.woken, b.wakePoll, b.seen = news{}, false, nil, b.losses
	return taken
}

var noReport ratelimit.Report

// reportOf is what the answer said about the limits.
func reportOf(a company.Answer, err error) ratelimit.Report {
	limits := a.Limits
	if err != nil {
		limits = company.LimitsOf(err)
	}
	if !limits.Known {
		return noReport
	}
	return ratelimit.Report{Limit: limits.Limit, Remaining: limits.Remaining, Reset: limits.Reset}
}

// hostChanged says that a host went down or is back.
func (l *Loop) hostChanged(name string, down bool) {
	if down {
		l.log.Warn("a host does not answer: its companies wait until it does", zap.String("host", name))
		return
	}
	l.log.Info("a host answers again", zap.String("host", name))
}
