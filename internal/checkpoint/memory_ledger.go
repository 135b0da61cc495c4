package checkpoint

import (
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// The rules in this file are those of scripts/budget.lua, told again in Go.

// counterNames are those of run, day and month.
func counterNames(run, day string) [3]string {
	return [3]string{"run:" + run, "day:" + day, "month:" + day[:len("2006-01")]}
}

// count sets what feed spent by the counter name.
func (s *accountState) count(name, feed string, credits int64) {
	if s.counters[name] == nil {
		s.counters[name] = map[string]int64{}
	}
	s.counters[name][feed] = credits
}

// sum is what all feeds together spent by the counter name.
func (s *accountState) sum(name string) int64 {
	var sum int64
	for _, credits := range s.counters[name] {
		sum += credits
	}
	return sum
}

// reserved is what counts as spent on today, of all and of one run.
func (s *accountState) reserved(today, feed, run string) (all, ofRun int64) {
	for _, r := range s.open {
		if r.Day < today {
			continue
		}
		all += r.Credits
		if r.Feed == feed && r.Run == run {
			ofRun += r.Credits
		}
	}
	return all, ofRun
}

// reserve keeps a grant of some rows.
func (s *accountState) reserve(ask Ask, g Grant, credits int64) {
	if g.Rows == 0 {
		return
	}
	r := Reservation{ID: ask.ID, Feed: ask.Feed, Run: ask.Run, Credits: credits, Day: day(ask.At)}
	s.open[ask.ID] = &entry{dated: dated{r, ask.At.UnixMilli()}, rows: g.Rows, tight: g.Tight, settled: s.settled}
}

// drop forgets what nobody settled for too long.
func (s *accountState) drop(now time.Time) {
	for id, r := range s.open {
		if r.at < now.Add(-keepOpen).UnixMilli() {
			delete(s.open, id)
		}
	}
}

// settle closes reservations and notes the balance that was reported with the
// last of them.
func (s *accountState) settle(at time.Time, reported int64, purchases []schemas.Purchase) {
	var cost, others int64 // others: settled since the first of these was reserved
	closed := false
	for _, p := range purchases {
		r := s.open[p.ID]
		if r == nil {
			continue
		}
		for _, name := range counterNames(r.Run, r.Day) {
			s.count(name, r.Feed, s.counters[name][r.Feed]+p.Credits)
		}
		delete(s.open, p.ID)
		cost, others, closed = cost+p.Credits, max(others, s.settled-r.settled), true
	}
	s.settled += cost
	if reported < 0 {
		if s.balance != nil {
			*s.balance = max(*s.balance-cost, 0)
		}
		return
	}
	now := reported
	if s.balance != nil && len(purchases) > 0 {
		now = min(max(*s.balance-cost, 0), reported)
		if closed {
			now = max(now, reported-others)
		}
	}
	s.balance, s.balanceAt = &now, time.UnixMilli(at.UnixMilli()).UTC()
}
