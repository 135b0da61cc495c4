package producer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// Doing is what a Service is busy with.
type Doing string

// What a Service may be doing.
const (
	Starting Doing = "starting"
	Standby  Doing = "standby"  // another instance holds the lease
	Syncing  Doing = "syncing"  // a run is under way
	Waiting  Doing = "waiting"  // for the next run
	Paused   Doing = "paused"   // by the wallet or a budget
	Retrying Doing = "retrying" // something that a run needs was away
)

// State is what a Service is doing and why.
type State struct {
	Doing Doing `json:"doing"`
	// Since is when it began to.
	Since time.Time `json:"since"`
	// Reason says why it is paused, retrying or standing by, Wants what it waits
	// for; both in words.
	Reason string `json:"reason,omitempty"`
	Wants  string `json:"wants,omitempty"`
	// Next is when it does something again by itself; zero means now, or that it
	// can't be told.
	Next time.Time `json:"next,omitzero"`
}

// ServiceOptions say how a Service goes about it.
type ServiceOptions struct {
	// Interval is how long after the start of one run the next one begins, give or
	// take a twentieth: replicas of many streams then do not ask at once.
	Interval time.Duration
	// Probe is how often a pause is tried.
	Probe time.Duration
	// OnRun is called after each run with what it did; nil means nobody is told.
	OnRun func(Result, error)
}

// Service runs a Loop for ever: the backfill first, then a run in every
// interval. It keeps the lease in between; while another instance has it, it
// stands by and takes over when that one is gone.
type Service struct {
	loop   *Loop
	opts   ServiceOptions
	logger *zap.Logger

	at       schemas.Progress // where the stream stands, as the lease was taken or the last run left it
	surveyed Lease            // the lease under which that was found out

	mu    sync.Mutex
	state State
}

// NewService returns a Service of loop. A nil logger says nothing.
func NewService(loop *Loop, opts ServiceOptions, logger *zap.Logger) *Service {
	if logger == nil {
		logger = zap.NewNop()
	}
	if opts.OnRun == nil {
		opts.OnRun = func(Result, error) {}
	}
	s := &Service{loop: loop, opts: opts, logger: logger, state: State{Doing: Starting, Since: time.Now().UTC()}}
	loop.onCommit = func() { // a pause is over when something was bought, long before the run is
		if s.State().Doing != Syncing {
			s.enter(State{Doing: Syncing})
		}
	}
	return s
}

// State returns what the service is doing. It may be called by any goroutine.
func (s *Service) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// enter notes what the service does from now on, and says so when that changed.
func (s *Service) enter(next State) {
	s.mu.Lock()
	before := s.state
	next.Since = time.Now().UTC()
	if before.Doing == next.Doing {
		next.Since = before.Since
	}
	s.state = next
	s.mu.Unlock()
	s.loop.opts.Metrics.doing(next.Doing, s.loop.lease != nil && s.loop.lease.Alive() == nil)
	switch {
	case before.Doing == next.Doing && before.Reason == next.Reason:
	case next.Doing == Standby:
		s.logger.Info("standing by", zap.String("reason", next.Reason))
	case next.Doing == Paused:
		s.logger.Warn("paused", zap.String("reason", next.Reason), zap.String("waits_for", next.Wants), zap.Time("tries_again", next.Next))
	case next.Doing == Retrying:
		s.logger.Error("a run failed and is tried again", zap.String("reason", next.Reason), zap.Time("next", next.Next))
	case next.Doing == Waiting:
		s.logger.Info("waiting for the next run", zap.Time("next", next.Next))
	case next.Doing == Syncing && before.Doing != Waiting && before.Doing != Starting:
		s.logger.Info("going on", zap.String("after", string(before.Doing)))
	}
}

// Run works until ctx ends, and returns nil then, or until an error that no
// waiting cures: *RefusedError, *ClockError, *VoidedError, what the feed says
// about key and request, what the brokers forbid.
func (s *Service) Run(ctx context.Context) error {
	defer s.loop.Release(ctx)
	failures := 0
	for ctx.Err() == nil {
		if err := s.lead(ctx); err != nil {
			return unlessStopped(ctx, err)
		}
		if ctx.Err() != nil || !s.due(ctx) {
			continue // stopped, or the lease is lost
		}
		if s.State().Doing != Paused {
			s.enter(State{Doing: Syncing})
		}
		result, err := s.loop.run(ctx)
		s.at = result.Progress
		s.opts.OnRun(result, err)
		if err != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
			return unlessStopped(ctx, err)
		}
		var paused *PausedError
		var busy *checkpoint.BusyError
		switch {
		case err == nil:
			failures = 0
		case errors.As(err, &busy):
		case ctx.Err() != nil && !errors.As(err, &paused):
			return err // told to stop, and could not bring what was in hand to its end
		case errors.As(err, &paused):
			s.pause(ctx, paused)
		case passes(err):
			failures++
			s.rest(ctx, err, failures)
		default:
			return err
		}
	}
	s.logger.Info("stopped", zap.String("while", string(s.State().Doing)))
	return nil
}

// unlessStopped returns err, or nil where ctx has ended: a stop is no failure.
func unlessStopped(ctx context.Context, err error) error {
	select {
	case <-ctx.Done():
		return nil
	default:
		return err
	}
}

// lead returns when this instance holds the lease and knows where the stream
// stands.
func (s *Service) lead(ctx context.Context) error {
	for failures := 0; ; {
		err := s.loop.acquire(ctx)
		if err == nil && s.surveyed != s.loop.lease && len(s.loop.held) == 0 {
			if s.at, err = s.loop.Survey(ctx); err == nil {
				s.surveyed = s.loop.lease
			}
		}
		var busy *checkpoint.BusyError
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &busy):
			s.enter(State{Doing: Standby, Reason: "lease held by " + busy.Owner})
		case passes(err):
			failures++
			s.rest(ctx, err, failures)
		default:
			return err
		}
	}
}

// due waits until the next run is due, and reports whether it is: the wait ends
// early with ctx or with the lease.
func (s *Service) due(ctx context.Context) bool {
	if doing := s.State().Doing; doing == Paused || doing == Retrying {
		return true
	}
	at := s.at
	next := at.RunStartedAt.Add(s.opts.Interval + spread(s.opts.Interval/10))
	if at.Seq == 0 || at.Phase == schemas.Paging || at.Reset != "" || !next.After(time.Now()) {
		return true
	}
	s.enter(State{Doing: Waiting, Next: next.UTC().Truncate(time.Second)})
	return s.wait(ctx, time.Until(next))
}

// spread returns a duration around zero, in a range as wide as d.
func spread(d time.Duration) time.Duration {
	return rand.N(d+1) - d/2 //nolint:gosec // nobody gains by guessing it
}

// wait reports whether d went by while the lease was held.
func (s *Service) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-s.loop.lease.Lost():
		return false
	case <-timer.C:
		return true
	}
}

// pause waits until it is worth another try: after an interval, or when the
// allowance begins anew.
func (s *Service) pause(ctx context.Context, why *PausedError) {
	next := time.Now().Add(s.opts.Probe)
	if !why.Until.IsZero() && why.Until.Before(next) {
		next = why.Until
	}
	s.enter(State{Doing: Paused, Reason: why.Paused(), Wants: why.Wants(), Next: next.UTC().Truncate(time.Second)})
	s.wait(ctx, time.Until(next))
}

// The waits after a failed run grow from the first to the last of these.
const firstRest, longestRest = 5 * time.Second, 5 * time.Minute

// rest waits before another try of what failed.
func (s *Service) rest(ctx context.Context, err error, failures int) {
	d := longestRest
	if failures < 7 {
		d = min(firstRest<<(failures-1), longestRest)
	}
	var unknown *feed.UnknownOutcomeError
	if errors.As(err, &unknown) {
		d = longestRest // each further try may be billed
	}
	d += spread(d / 4)
	s.enter(State{Doing: Retrying, Reason: err.Error(), Next: time.Now().Add(d).UTC().Truncate(time.Second)})
	rest(ctx, d)
}

// passes reports whether waiting may cure err.
func passes(err error) bool {
	var away *AwayError
	var unknown *feed.UnknownOutcomeError
	var status *feed.StatusError
	var refused *feed.PageError
	var tries *retry.Error
	switch {
	case errors.As(err, &away), errors.As(err, &unknown):
		return true
	case errors.As(err, &status), errors.As(err, &refused):
		return false
	case errors.As(err, &tries):
		return tries.Reason != retry.ReasonPermanent
	}
	return !retry.IsPermanent(err)
}
