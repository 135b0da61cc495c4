package retry

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v4"
)

// The defaults of Policy.
const (
	DefaultBase  = 500 * time.Millisecond
	DefaultCap   = 30 * time.Second
	DefaultTries = 10
	// factor is by how much the interval grows from one failure to the next.
	factor = 2
)

// Policy says how often and after which waits an operation is tried. The zero
// value is the default policy.
type Policy struct {
	// Base is the upper end of the first wait; zero means DefaultBase. Each
	// further failure doubles it, up to Cap (zero means DefaultCap). The wait
	// itself is random between zero and that: clients that failed together do
	// not come back together.
	Base time.Duration
	Cap  time.Duration
	// Tries is how often the operation runs at most, the first time included;
	// zero means DefaultTries.
	Tries int
}

// WithDefaults returns p with its zero fields filled in.
func (p Policy) WithDefaults() Policy {
	p.Base = cmp.Or(p.Base, DefaultBase)
	p.Cap = cmp.Or(p.Cap, DefaultCap)
	p.Tries = cmp.Or(p.Tries, DefaultTries)
	return p
}

// Do runs op until it returns nil, and returns nil then. Otherwise it returns
// an *Error: op returned Permanent, p.Tries are used up, ctx ended, or ctx has a
// deadline before the next try would begin (then nothing is gained by waiting).
// op is not begun once ctx has ended, not even for the first time.
func Do(ctx context.Context, p Policy, op func(ctx context.Context) error) error {
	p = p.WithDefaults()
	s := &schedule{ctx: ctx, tries: p.Tries, interval: jittered(p)}
	err := backoff.Retry(func() error {
		if ctx.Err() != nil {
			return backoff.Permanent(context.Cause(ctx))
		}
		return s.record(op(ctx))
	}, backoff.WithContext(s, ctx))
	if err == nil {
		return nil
	}
	return s.failure()
}

// jittered is the library's exponential backoff, set to full jitter: it picks a
// value around an interval, plus or minus a share of it, so half the interval
// with a share of one is uniform between zero and the whole.
func jittered(p Policy) backoff.BackOff {
	return backoff.NewExponentialBackOff(
		backoff.WithInitialInterval(p.Base/2),
		backoff.WithMaxInterval(p.Cap/2),
		backoff.WithMultiplier(factor),
		backoff.WithRandomizationFactor(1),
		backoff.WithMaxElapsedTime(0), // tries and the context are the bounds
	)
}

// schedule decides what follows a failure: it is the library's BackOff and
// remembers what the library forgets, the last error and why it stopped. One
// goroutine uses it, the one in Do.
type schedule struct {
	ctx      context.Context //nolint:containedctx // lives no longer than the call of Do that it serves
	tries    int
	interval backoff.BackOff

	done int   // tries so far
	last error // of the last try
	told bool  // whether the last try's error said how long to wait
	wait time.Duration
	why  Reason // empty while the decision is open
}

// record takes note of how a try ended. A mark counts wherever it is in the
// chain: what a nested Do gave up as permanent is permanent here, too.
func (s *schedule) record(err error) error {
	s.done++
	s.last, s.told, s.wait = err, false, 0
	var after *afterError
	if errors.As(err, &after) {
		s.told, s.wait = after.wait > 0, after.wait
	}
	var permanent *permanentError
	if errors.As(err, &permanent) {
		s.why = ReasonPermanent
		return backoff.Permanent(err)
	}
	return err
}

// Reset implements backoff.BackOff.
func (s *schedule) Reset() { s.interval.Reset() }

// NextBackOff implements backoff.BackOff: the wait before the next try, or
// backoff.Stop.
func (s *schedule) NextBackOff() time.Duration {
	if s.done >= s.tries {
		s.why = ReasonTries
		return backoff.Stop
	}
	// A told wait replaces the interval instead of growing it: the server knows
	// its own load, and after it has recovered our next guess starts small.
	wait := s.wait
	if !s.told {
		wait = s.interval.NextBackOff()
	}
	if deadline, ok := s.ctx.Deadline(); ok && time.Until(deadline) <= wait {
		s.why = ReasonDeadline
		return backoff.Stop
	}
	return wait
}

func (s *schedule) failure() *Error {
	e := &Error{Tries: s.done, Reason: s.why, Err: s.last}
	if e.Reason == "" {
		e.Reason = ReasonContext
	}
	if s.ctx.Err() != nil {
		e.Cause = context.Cause(s.ctx)
	}
	return e
}
