package ratelimit

import (
	"context"
	"time"
)

const (
	// retryAfter is for how long Redis is left alone after it did not answer.
	retryAfter = time.Second
	// chunk is how many requests Redis is told of at once: a script of that size
	// keeps it for about a millisecond.
	chunk = 500
	// grace is for how long the first replica that has Redis back lets all of them
	// wait, so that the log has the requests of all before it decides. It is as in
	// take.lua, and longer than the others need to notice.
	grace = 2500 * time.Millisecond
	// replays is how often one call may find that the log was lost.
	replays = 3
)

// ask lets Redis decide about the request op. It may start when
// the reply says so, and otherwise asks again after its wait. The caller holds the
// turn.
func (s *Shared) ask(ctx context.Context, op int64) (reply, error) {
	for range replays {
		if err := s.recall(ctx); err != nil {
			return reply{}, err
		}
		s.mu.Lock()
		q := question{owner: s.opts.Owner, op: op, born: s.link.born}
		if s.link.degraded && s.link.replicas > 1 {
			q.grace = grace
		}
		s.mu.Unlock()
		got, err := s.scripts.take(ctx, q)
		if err != nil {
			return reply{}, err
		}
		s.answered(got)
		if got.word != wordReplay {
			s.queued = got.word == wordWait
			return got, nil
		}
	}
	return reply{word: wordWait, wait: heartbeat}, nil // it loses its log as fast as it gets it back
}

// recall tells Redis what it does not know of this process.
func (s *Shared) recall(ctx context.Context) error {
	for {
		s.mu.Lock()
		untold, now := s.own.next(chunk), s.now()
		s.mu.Unlock()
		if len(untold) == 0 {
			return nil
		}
		if err := s.scripts.recall(ctx, untold, now); err != nil {
			return err
		}
		s.mu.Lock()
		s.own.tell(untold)
		s.mu.Unlock()
	}
}

// answered notes what Redis said.
func (s *Shared) answered(got reply) {
	s.mu.Lock()
	if s.link.born != "" && s.link.born != got.born {
		s.own.forgetAll()
	}
	back := s.link.degraded
	s.link = link{born: got.born, replicas: got.replicas, held: s.now() + got.held, free: got.free}
	s.mu.Unlock()
	if back && s.opts.OnChange != nil {
		s.opts.OnChange(false, nil)
	}
}

// failed notes that Redis did not answer.
func (s *Shared) failed(err error) {
	s.mu.Lock()
	now := s.now()
	first := !s.link.degraded
	s.link.retry = now + retryAfter
	if first {
		s.link.degraded, s.link.since, s.link.atMost = true, now, s.allowance(now)
	}
	s.mu.Unlock()
	if first && s.opts.OnChange != nil {
		s.opts.OnChange(true, err)
	}
}

func (s *Shared) reachable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.link.degraded
}

// allowance returns how many requests of this replica each window may have for
// its first length after Redis went away. The windows may be full of what other
// replicas sent: those that had less than their share until then may not make up
// for it at once, but divide what was free when Redis answered for the last time.
func (s *Shared) allowance(now time.Duration) []int {
	out := make([]int, len(s.link.free))
	for i, free := range s.link.free {
		used, _ := s.own.used(stretched(s.windows[i].Per), now)
		out[i] = used + free/s.link.replicas
	}
	return out
}

// alone returns how long to wait for a place in this replica's share of the
// windows, which is what it goes by while Redis is away. The replicas are those
// that Redis had heard of when it answered for the last time, and each has one
// request at least.
func (s *Shared) alone() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	wait := s.link.held - now
	for i, w := range s.windows {
		// Here each replica goes by a clock of its own, hence the larger margin.
		per := w.Per + margin(w.Per)
		share := max(w.N/max(s.link.replicas, 1), 1)
		if i < len(s.link.atMost) && now < s.link.since+per {
			share = min(share, s.link.atMost[i])
		}
		if count, first := s.own.used(per, now); count >= share {
			wait = max(wait, first)
		}
	}
	return max(wait, 0)
}

// gone ends the wait of one caller. The last one takes this replica out of the
// queue, if it is still there: those who wait keep the place of one who gave up.
func (s *Shared) gone(ctx context.Context) {
	if s.waiting.Add(-1) > 0 {
		return
	}
	select {
	case s.turn <- struct{}{}:
	default:
		return // somebody came meanwhile
	}
	defer func() { <-s.turn }()
	if !s.queued || !s.reachable() {
		return
	}
	s.queued = false
	if err := s.scripts.leave(ctx, s.opts.Owner); err != nil {
		s.failed(err)
	}
}
