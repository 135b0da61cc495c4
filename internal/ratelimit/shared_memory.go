package ratelimit

import (
	"slices"
	"time"
)

// memory is what this process started within the largest window. It is what the
// process goes by while Redis is away, and what Redis gets back when it had lost
// it. A request costs 24 bytes, so a full window of 100,000 costs 2.4 MB.
type memory struct {
	ops    int64 // the last one that was named
	keep   time.Duration
	list   []started // in the order of op
	untold int       // how many of list Redis does not know, or not as they are
}

// started is one request.
type started struct {
	op     int64
	at     time.Duration // when its answer had come, or when it started
	flying bool          // no answer yet
	told   bool
}

// add notes that op starts now.
func (m *memory) add(op int64, now time.Duration, told bool) {
	old := 0
	for old < len(m.list) && m.list[old].at+m.keep < now {
		if !m.list[old].told {
			m.untold--
		}
		old++
	}
	m.list = append(m.list[old:], started{op: op, at: now, flying: true, told: told})
	if !told {
		m.untold++
	}
}

// find returns the request op, or nil where it is forgotten.
func (m *memory) find(op int64) *started {
	i, ok := slices.BinarySearchFunc(m.list, op, func(r started, op int64) int { return int(r.op - op) })
	if !ok {
		return nil
	}
	return &m.list[i]
}

// done notes when the answer to op had come.
func (m *memory) done(op int64, at time.Duration, told bool) {
	if r := m.find(op); r != nil {
		r.at, r.flying = at, false
		m.setTold(r, told)
	}
}

// forgetTold notes that Redis may not know op as it is.
func (m *memory) forgetTold(op int64) {
	if r := m.find(op); r != nil {
		m.setTold(r, false)
	}
}

func (m *memory) setTold(r *started, told bool) {
	switch {
	case r.told && !told:
		m.untold++
	case !r.told && told:
		m.untold--
	}
	r.told = told
}

// forgetAll notes that Redis knows none of them.
func (m *memory) forgetAll() {
	for i := range m.list {
		m.list[i].told = false
	}
	m.untold = len(m.list)
}

// next returns up to n requests that Redis does not know.
func (m *memory) next(n int) []started {
	var out []started
	for i := 0; i < len(m.list) && len(out) < min(n, m.untold); i++ {
		if !m.list[i].told {
			out = append(out, m.list[i])
		}
	}
	return out
}

// tell notes that Redis knows these requests, as they were then.
func (m *memory) tell(known []started) {
	for _, k := range known {
		if r := m.find(k.op); r != nil && *r == k {
			m.setTold(r, true)
		}
	}
}

// used returns how many requests are in a window of length per, and when the
// first of them leaves it. One that is in flight is taken to arrive now.
func (m *memory) used(per, now time.Duration) (count int, first time.Duration) {
	first = per
	for _, r := range m.list {
		left := per
		if !r.flying || r.at+inFlight < now {
			left = r.at + per - now
		}
		if left > 0 {
			count, first = count+1, min(first, left)
		}
	}
	return count, first
}
