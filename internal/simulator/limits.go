package simulator

import (
	"slices"
	"time"
)

// Limits is the most requests in any minute, hour and day. Zero in one field
// means no limit on that window; the zero struct means the default of the option
// it is given to.
type Limits struct {
	Minute, Hour, Day int
	Off               bool // no limits at all, and no X-RateLimit headers
}

// NoLimits switches a limit off.
func NoLimits() Limits { return Limits{Off: true} }

func (l Limits) or(other Limits) Limits {
	if l == (Limits{}) {
		return other
	}
	return l
}

// The groups that requests are counted in, as X-RateLimit-Group names them.
const (
	groupFeed    = "feed"
	groupGeneral = "general"
)

// window is one of the three rolling windows.
type window struct {
	length time.Duration
	limit  int
	head   int // index of the oldest request inside the window
}

// rolling counts one caller's requests. It is exact: a request at t counts until
// t + length, not until some boundary on the clock. The caller holds the lock.
type rolling struct {
	windows []window
	at      []int64 // unix nanoseconds of the requests let through, in order
}

func newRolling(l Limits) *rolling {
	r := &rolling{}
	for _, w := range []window{{length: time.Minute, limit: l.Minute}, {length: time.Hour, limit: l.Hour}, {length: 24 * time.Hour, limit: l.Day}} {
		if w.limit > 0 && !l.Off {
			r.windows = append(r.windows, w)
		}
	}
	return r
}

// standing is what the X-RateLimit headers say: about the window with the fewest
// requests left, since the tightest one rules.
type standing struct {
	counted          bool // false: limits are off
	group            string
	limit, remaining int
	reset            time.Time     // when that window gets its next request back
	wait             time.Duration // above 0: refused, and how long until it would pass
}

// take lets a request through and counts it, or refuses it.
func (r *rolling) take(now time.Time) standing {
	t := now.UnixNano()
	if n := len(r.at); n > 0 {
		t = max(t, r.at[n-1]) // a clock that goes back must not unsort the requests
	}
	var wait int64
	for i := range r.windows {
		w := &r.windows[i]
		for w.head < len(r.at) && r.at[w.head]+int64(w.length) <= t {
			w.head++
		}
		if len(r.at)-w.head >= w.limit {
			wait = max(wait, r.at[len(r.at)-w.limit]+int64(w.length)-t)
		}
	}
	if wait == 0 && len(r.windows) > 0 {
		r.at = append(r.at, t)
	}
	out := r.standing(t)
	out.wait = time.Duration(wait)
	r.trim()
	return out
}

func (r *rolling) standing(t int64) standing {
	out := standing{counted: len(r.windows) > 0}
	for i, w := range r.windows {
		left := max(w.limit-(len(r.at)-w.head), 0)
		if i > 0 && left >= out.remaining {
			continue
		}
		oldest := t
		if w.head < len(r.at) {
			oldest = r.at[w.head]
		}
		out.limit, out.remaining = w.limit, left
		out.reset = time.Unix(0, oldest).Add(w.length)
	}
	return out
}

// trim forgets requests that are outside every window, at most half of the time.
func (r *rolling) trim() {
	least := len(r.at)
	for _, w := range r.windows {
		least = min(least, w.head)
	}
	if least < 1024 || least < len(r.at)/2 {
		return
	}
	r.at = slices.Delete(r.at, 0, least)
	for i := range r.windows {
		r.windows[i].head -= least
	}
}
