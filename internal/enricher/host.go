package enricher

import (
	"cmp"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/sony/gobreaker/v2"
)

// host is what is known about one host that profiles live on. The loop's own
// goroutine uses it.
//
// Its window is how many requests may be in flight to it. It begins small and
// doubles with every round of answers, as TCP's slow start does (RFC 5681, 3.1),
// and is halved where nobody answers any more. So a host that never answers holds
// two of the requests that are allowed, and one that is well all of them.
//
// Some companies of a host that is well may hang. Once one has hung for several
// times as long as answers take, a request holds its place only for as long as an
// answer takes: whoever hangs then costs the others no more than somebody who
// answers.
type host struct {
	name     string
	queue    []*job // in the order in which they came
	inflight int
	window   float64
	most     float64
	breaker  *gobreaker.TwoStepCircuitBreaker[struct{}]
	// failing are the companies that failed since the last answer and speak against
	// the host, row how many times they did.
	failing map[string]bool
	row     int
	// began is when the last request was begun.
	began time.Time
	// again says that the last request was for a company that had failed before.
	again bool
	// answered is when it last gave an answer, of whatever kind.
	answered time.Time
	// met is when it was first heard of.
	met time.Time
	// spilled is when its companies last made room for others.
	spilled time.Time
	// until is when it wants to be asked again, where it said so.
	until time.Time
	// flying are the requests under way, oldest first; late is how many of them
	// have lost their place.
	flying []*job
	late   int
	// latency is how long answers take, a moving average; zero before the first.
	// Until suspect something is known to hang.
	latency time.Duration
	suspect time.Time
}

const (
	firstWindow = 2
	// breakAfter is how many companies in a row have to fail, with no answer to anybody
	// for breakSilence, for a host to count as down: where every third company fails on
	// a host that is up, the next ten do once in 59,049 times. Of a host that gives no
	// answers at all breakLeast companies are enough that failed breakTries times. It is
	// asked again after breakPause.
	breakAfter   = 10
	breakLeast   = 2
	breakTries   = 6
	breakSilence = 2 * time.Second
	breakPause   = 5 * time.Second
	// waryPause is the time between two requests to a host of which breakAfter companies
	// failed, until it is known whether it is down.
	waryPause = 250 * time.Millisecond
	// forgotten is how long ago an answer may be to tell that a host is up as a rule.
	forgotten = 10 * time.Minute
	// narrowAfter is how many companies in a row have to fail for the window to be
	// halved: that a few of them do is nobody else's trouble.
	narrowAfter = 6
	// hangs is how many times as long as an answer a request has to be under way to
	// count as one that hangs, and hangsLeast how long at least. hangsUnknown is for
	// a host that has not answered yet, or not for a while.
	hangs        = 6
	hangsLeast   = 150 * time.Millisecond
	hangsUnknown = 2 * time.Second
	// suspicion is how long the host is looked at with suspicion after that.
	suspicion = 30 * time.Second
)

// errNoAnswer tells the breaker about a failure; what it was is told elsewhere.
var errNoAnswer = errors.New("no answer")

func newHost(name string, most int, changed func(name string, open bool)) *host {
	h := &host{name: name, window: min(firstWindow, float64(most)), most: float64(most), failing: make(map[string]bool), met: time.Now()}
	h.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, MaxRequests: 1, Timeout: breakPause,
		ReadyToTrip: func(gobreaker.Counts) bool { return h.fails(time.Now()) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			if wasOpen, open := from != gobreaker.StateClosed, to != gobreaker.StateClosed; wasOpen != open {
				changed(name, open)
			}
		},
	})
	return h
}

// down reports whether the host is left alone, but for a try now and then.
func (h *host) down() bool { return h.breaker.State() != gobreaker.StateClosed }

// fails reports whether it looks as if the host were down.
func (h *host) fails(now time.Time) bool {
	if min(now.Sub(h.answered), now.Sub(h.met)) <= breakSilence {
		return false
	}
	return len(h.failing) >= breakAfter ||
		h.strange(now) && len(h.failing) >= breakLeast && h.row >= breakTries && !slices.ContainsFunc(h.queue, fresh)
}

// strange reports whether it is not known that the host answers as a rule.
func (h *host) strange(now time.Time) bool { return now.Sub(h.answered) > forgotten }

// blames reports whether it speaks against the host that a company fails: one that
// failed before, or while others were answered, may be to blame itself.
func (h *host) blames(j *job, now time.Time) bool {
	return !h.answered.After(j.sentAt()) && (fresh(j) || h.strange(now) && j.event.attempts == 0)
}

// fresh reports whether a company was not asked for yet.
func fresh(j *job) bool { return j.event.tries == 0 }

// ails reports whether the host keeps its companies waiting, for all that is known:
// those of others need not wait for it. One that has answered is given more time than
// one that hangs from the beginning, if others is set: others do answer.
func (h *host) ails(now time.Time, others bool) bool {
	return h.down() || h.until.After(now) || others && h.strange(now) && h.silent(now)
}

// pause is how long no request may start.
func (h *host) pause(now time.Time) time.Duration {
	pause := h.until.Sub(now)
	if len(h.failing) >= breakAfter && !h.down() {
		pause = max(pause, waryPause-now.Sub(h.began))
	}
	return pause
}

// silent reports whether a request hangs and nothing was answered since it was
// sent: it is the host that hangs then, not the company. A pause that may as well be
// this process's own, whose processor others use, is none.
func (h *host) silent(now time.Time) bool {
	return slices.ContainsFunc(h.flying, func(j *job) bool {
		return j.age(now) > max(h.hanging(), hangsUnknown) && h.answered.Before(j.sentAt())
	})
}

// begin allows a request, and returns what is to be told how it ended. probe says
// that it is there to see whether the host is back.
func (h *host) begin(now time.Time) (done func(error), probe, ok bool) {
	if float64(h.inflight-h.late) >= h.window || h.pause(now) > 0 {
		return nil, false, false
	}
	probe = h.down()
	done, err := h.breaker.Allow()
	if err != nil {
		return nil, false, false
	}
	h.inflight++
	h.began = now
	return done, probe, true
}

// next is which of the queue is asked: the one that waits longest, unless those that
// failed before are to take turns with those that were not asked yet. A probe is for
// any of those that were asked least: the ones that wait longest may be just the ones
// that fail.
func (h *host) next(probe bool) int {
	next := 0
	switch {
	case probe:
		fewest := slices.MinFunc(h.queue, func(a, b *job) int { return cmp.Compare(a.event.tries, b.event.tries) }).event.tries
		var least []int
		for i, j := range h.queue {
			if j.event.tries == fewest {
				least = append(least, i)
			}
		}
		next = least[rand.IntN(len(least))] //nolint:gosec // any will do
	case h.again:
		next = max(slices.IndexFunc(h.queue, fresh), 0)
	}
	h.again = !fresh(h.queue[next])
	return next
}

// hanging is how long a request has to be under way to count as one that hangs.
func (h *host) hanging() time.Duration {
	if h.latency == 0 {
		return hangsUnknown
	}
	return max(hangs*h.latency, hangsLeast)
}

// place is how long a request holds its place: as long as it takes, unless
// something hangs here.
func (h *host) place(now time.Time) time.Duration {
	if h.suspect.After(now) && h.latency > 0 {
		return h.latency
	}
	return math.MaxInt64
}

// look finds out which requests have lost their place.
func (h *host) look(now time.Time) {
	hanging := h.hanging()
	for _, j := range h.flying {
		if j.age(now) > hanging {
			h.suspect = now.Add(suspicion)
			break
		}
	}
	h.late = 0
	for _, j := range h.flying {
		if j.age(now) > h.place(now) {
			h.late++
		}
	}
}

// end notes how a request ended, and how long it took.
func (h *host) end(j *job, answered bool, took time.Duration, now time.Time) {
	h.landed(j)
	if answered {
		h.window = min(h.window+1, h.most)
		clear(h.failing)
		h.row = 0
		h.answered = now
		if h.latency == 0 {
			h.latency = took
		}
		h.latency += (took - h.latency) / 16
		j.done(nil)
		return
	}
	if h.blames(j, now) {
		h.failing[j.event.id] = true
		h.row++
		if len(h.failing) >= narrowAfter {
			h.window = max(h.window/2, min(firstWindow, h.most))
		}
	}
	j.done(errNoAnswer)
}

func (h *host) landed(j *job) {
	h.inflight--
	if i := slices.Index(h.flying, j); i >= 0 {
		h.flying = slices.Delete(h.flying, i, i+1)
	}
}

// skipped notes that a request was not made after all.
func (h *host) skipped(j *job) {
	h.landed(j)
	if h.down() {
		j.done(errNoAnswer) // a probe that was not made tells nothing good
		return
	}
	j.done(nil)
}
