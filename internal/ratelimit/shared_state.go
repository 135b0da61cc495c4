package ratelimit

import (
	"context"
	"time"
)

// State is how the shared windows stand, for people.
type State struct {
	// Windows are the configured ones, the shortest first.
	Windows []Usage
	// Held is until when every replica is held back; zero means that none is.
	Held time.Time
	// Replicas have asked Redis within ten minutes, and Waiting is how many of them
	// have somebody who waits.
	Replicas, Waiting int
	// Degraded means that this process goes by its share, because Redis did not
	// answer.
	Degraded bool
}

// Usage is how full one window is.
type Usage struct {
	Window Window
	// Used is how many requests of ours it has, those in flight included.
	Used int
	// Others is how many of its requests the server says are not ours.
	Others int
	// Limit is how many it may have: Window.N, or fewer where the server's answers say so.
	Limit int
}

// State asks Redis how things are. It changes nothing, and does not make this
// process one of the replicas. If Redis does not answer, the error says why, and
// what is known is what this process itself has done.
func (s *Shared) State(ctx context.Context) (State, error) {
	st := s.local()
	n, err := s.scripts.state(ctx)
	if err != nil {
		st.Degraded = true
		return st, err
	}
	if at := time.Now().Add(us(n[0])); n[0] > 0 && at.After(st.Held) {
		st.Held = at
	}
	st.Replicas, st.Waiting = int(n[1]), int(n[2])
	for i := range st.Windows {
		f := n[3+3*i:]
		st.Windows[i].Used, st.Windows[i].Others, st.Windows[i].Limit = int(f[0]), int(f[1]), int(f[2])
	}
	return st, nil
}

// local is what this process knows by itself.
func (s *Shared) local() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	st := State{Replicas: s.link.replicas, Degraded: s.link.degraded}
	if held := max(s.until, s.link.held); held > now {
		st.Held = s.begin.Add(held)
	}
	for _, w := range s.windows {
		count, _ := s.own.used(w.Per, now)
		st.Windows = append(st.Windows, Usage{Window: w, Used: count, Limit: w.N})
	}
	return st
}
