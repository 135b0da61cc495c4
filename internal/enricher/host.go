package enricher

import (
	"errors"
	"time"

	"github.com/sony/gobreaker/v2"
)

// host is what is known about one host that profiles live on. The loop's own
// goroutine uses it.
//
// Its window is how many requests may be in flight to it. It begins small and
// doubles with every round of answers, as TCP's slow start does (RFC 5681, 3.1),
// and is halved by a failure. So a host that never answers holds two of the
// requests that are allowed, and one that is well all of them.
type host struct {
	name     string
	queue    []*job // in the order in which they came
	inflight int
	window   float64
	most     float64
	breaker  *gobreaker.TwoStepCircuitBreaker[struct{}]
	// failing are the companies that failed since the last answer: one that fails
	// again and again is no host that is down.
	failing map[string]bool
	// answered is when it last gave an answer, of whatever kind.
	answered time.Time
	// until is when it wants to be asked again, where it said so.
	until time.Time
}

const (
	firstWindow = 2
	// breakAfter is how many companies in a row have to fail for a host to count
	// as down. It is asked again after breakPause.
	breakAfter = 5
	breakPause = 10 * time.Second
)

// errNoAnswer tells the breaker about a failure; what it was is told elsewhere.
var errNoAnswer = errors.New("no answer")

func newHost(name string, most int, changed func(name string, open bool)) *host {
	h := &host{name: name, window: min(firstWindow, float64(most)), most: float64(most), failing: make(map[string]bool)}
	h.breaker = gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
		Name: name, MaxRequests: 1, Timeout: breakPause,
		ReadyToTrip: func(gobreaker.Counts) bool { return len(h.failing) >= breakAfter },
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

// ails reports whether the host keeps its companies waiting although requests to
// it may start: others need not wait for it.
func (h *host) ails(now time.Time) bool {
	return h.down() || h.until.After(now) || len(h.failing) > 0 && now.Sub(h.answered) > breakPause
}

// begin allows a request, and returns what is to be told how it ended. probe says
// that it is there to see whether the host is back.
func (h *host) begin() (done func(error), probe, ok bool) {
	if float64(h.inflight) >= h.window {
		return nil, false, false
	}
	probe = h.down()
	done, err := h.breaker.Allow()
	if err != nil {
		return nil, false, false
	}
	h.inflight++
	return done, probe, true
}

// end notes how a request ended.
func (h *host) end(id string, done func(error), answered bool, now time.Time) {
	h.inflight--
	if answered {
		h.window = min(h.window+1, h.most)
		clear(h.failing)
		h.answered = now
		done(nil)
		return
	}
	h.window = max(h.window/2, 1)
	h.failing[id] = true
	done(errNoAnswer)
}

// skipped notes that a request was not made after all.
func (h *host) skipped(done func(error)) {
	h.inflight--
	if h.down() {
		done(errNoAnswer) // a probe that was not made tells nothing good
		return
	}
	done(nil)
}
