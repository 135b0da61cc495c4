package enricher

import (
	"slices"
	"sync"
	"time"
)

// View is what a replica is doing.
type View struct {
	// Joined says that the group has taken this replica in; one that has no slots
	// stands by.
	Joined bool `json:"joined"`
	// Slots are the partitions that it works on, of Total.
	Slots []int32 `json:"slots"`
	Total int32   `json:"slots_total"`
	// InFlight are the requests under way, Waiting those of them that wait for the
	// request limits, Queued the companies that wait for a request, Held the
	// records that are not due yet, the next one at NextDue (zero: none is held).
	InFlight int       `json:"in_flight"`
	Waiting  int       `json:"waiting_for_limits"`
	Queued   int       `json:"queued"`
	Held     int       `json:"held"`
	NextDue  time.Time `json:"next_due,omitzero"`
	// Down are the hosts that do not answer and are left alone.
	Down []string `json:"hosts_down,omitempty"`
	// Counts are the records that came to each outcome, DeadLetters how many of
	// them for which reason, since the process began.
	Counts      map[Outcome]int64 `json:"counts"`
	DeadLetters map[string]int64  `json:"dead_letters,omitempty"`
	// Commits and Aborts count transactions. LastCommit is zero before the first.
	Commits    int64     `json:"commits"`
	Aborts     int64     `json:"aborts"`
	LastCommit time.Time `json:"last_commit,omitzero"`
	// Blind says that the memory in Redis is away or behind.
	Blind bool `json:"memory_away"`
	// Errors are the newest ones, the last one last.
	Errors []Failure `json:"last_errors,omitempty"`
}

// Failure is something that went wrong and was tried again.
type Failure struct {
	At    time.Time `json:"at"`
	Error string    `json:"error"`
}

// failuresMost is how many failures a view has.
const failuresMost = 5

// view is the View that is kept up to date.
type view struct {
	mu sync.Mutex
	v  View
}

// View returns what the loop is doing.
func (l *Loop) View() View {
	l.view.mu.Lock()
	defer l.view.mu.Unlock()
	v := l.view.v
	v.Slots, v.Down, v.Errors = slices.Clone(v.Slots), slices.Clone(v.Down), slices.Clone(v.Errors)
	v.Counts, v.DeadLetters = cloned(v.Counts), cloned(v.DeadLetters)
	v.Total, v.Waiting = l.o.Topics.Slots, int(l.waiting.Load())
	return v
}

func cloned[K comparable](m map[K]int64) map[K]int64 {
	out := make(map[K]int64, len(m))
	for k, n := range m {
		out[k] = n
	}
	return out
}

func (v *view) change(do func(*View)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do(&v.v)
}

func (v *view) own(slots []int32) { v.change(func(v *View) { v.Slots, v.Joined = slots, true }) }

func (v *view) left() { v.change(func(v *View) { v.Slots, v.Joined = nil, false }) }

func (v *view) aborted() { v.change(func(v *View) { v.Aborts++ }) }

func (v *view) commit(at time.Time) { v.change(func(v *View) { v.Commits++; v.LastCommit = at }) }

func (v *view) commits() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.v.Commits
}

func (v *view) fail(at time.Time, err error) {
	v.change(func(v *View) {
		v.Errors = append(v.Errors, Failure{at.UTC(), err.Error()})
		v.Errors = v.Errors[max(len(v.Errors)-failuresMost, 0):]
	})
}

// count counts records that came to an outcome.
func (l *Loop) count(what Outcome, n int64) {
	l.view.change(func(v *View) {
		if v.Counts == nil {
			v.Counts = make(map[Outcome]int64)
		}
		v.Counts[what] += n
	})
	l.o.Metrics.outcome(what, n)
}

// settledAs counts what was committed.
func (l *Loop) settledAs(s settled) {
	l.count(s.what, int64(len(s.marks)))
	if s.what != OutcomeDeadLetter {
		return
	}
	reason := reasonOf(s.records)
	l.view.change(func(v *View) {
		if v.DeadLetters == nil {
			v.DeadLetters = make(map[string]int64)
		}
		v.DeadLetters[reason]++
	})
	l.o.Metrics.deadLetter(reason)
}

// show brings the view up to date with what is in hand.
func (m *member) show(now time.Time) {
	if now.Sub(m.shown) < showEvery {
		return
	}
	m.shown = now
	held, next := 0, time.Time{}
	for _, p := range m.parts {
		held += len(p.held)
		if len(p.due) > 0 && (next.IsZero() || p.due[0].Before(next)) {
			next = p.due[0]
		}
	}
	queued := len(m.delayed)
	var down []string
	for name, h := range m.hosts {
		queued += len(h.queue)
		if h.down() {
			down = append(down, name)
		}
	}
	slices.Sort(down)
	m.l.view.change(func(v *View) {
		v.InFlight, v.Queued, v.Held, v.NextDue, v.Down, v.Blind = m.inflight, queued, held, next, down, m.recall.behind
	})
	m.l.oldest.Store(m.oldest())
	m.l.o.Metrics.gauges(m.inflight, queued, held, len(down), m.recall.behind)
}

// oldest is since when the oldest request is under way, or the oldest outcome
// waits for its transaction, by the loop's clock; zero where there is none.
func (m *member) oldest() int64 {
	var at time.Time
	older := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, h := range m.hosts {
		for _, j := range h.flying {
			if j.sent.Load() != 0 {
				older(j.sentAt())
			}
		}
	}
	if m.pending != nil && len(m.pending.batch) > 0 {
		older(m.pending.batch[0].at)
	} else if len(m.ready) > 0 {
		older(m.ready[0].at)
	}
	if at.IsZero() {
		return 0
	}
	return max(int64(at.Sub(m.l.made)), 1)
}

// showEvery is how often the view is brought up to date.
const showEvery = 50 * time.Millisecond
