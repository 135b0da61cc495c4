package enricher

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/company"
)

// mark is a record that is in hand.
type mark struct {
	place  Place
	offset int64
}

// job is one company that is to be fetched. There is one for a company at a time:
// what comes meanwhile joins it or, once its request is under way, waits for it.
type job struct {
	event event  // all its events as one
	marks []mark // of all its events
	later []event
	slot  int32

	host  *host
	url   string
	known checkpoint.Known // what it was fetched as last, if it was

	// under says that its request is under way or done, notBefore that it waits
	// for another try.
	under     bool
	notBefore time.Time
	// spent is how long it was tried in place, failures how often without success.
	spent    time.Duration
	failures int

	// done is the host's, while a request is under way; probe says that this asks
	// whether a host is back.
	done  func(error)
	probe bool
	// born is when its request was begun, sent how many nanoseconds later it was
	// sent; zero while it waits for the request limits. The request's own goroutine
	// sets that.
	born time.Time
	sent atomic.Int64
	// cancel ends the request; gone says that its partition moved, so that nobody
	// waits for it, cut that it kept others waiting, mute that it was cut because its
	// host answers nobody.
	cancel          context.CancelFunc
	gone, cut, mute bool
	// retrying says that it is counted among those that wait for another try, slowed
	// how often it was answered with too many requests.
	retrying bool
	slowed   int
}

// tier is the retry topic of its attempts.
func (j *job) tier() int { return max(j.event.attempts, 1) }

// cutOff ends a request that keeps others waiting.
func (j *job) cutOff() {
	j.cut = true
	j.cancel()
}

// age is how long the request has been under way.
func (j *job) age(now time.Time) time.Duration {
	sent := j.sent.Load()
	if sent == 0 {
		return 0
	}
	return now.Sub(j.born) - time.Duration(sent)
}

// sentAt is when the request was sent.
func (j *job) sentAt() time.Time { return j.born.Add(time.Duration(j.sent.Load())) }

// fetched is what came of a request.
type fetched struct {
	job    *job
	answer company.Answer
	err    error
	// begun says that it was sent, took how long it was under way.
	begun bool
	at    time.Time
	took  time.Duration
}

// settled is work that is done and waits for its transaction: records to publish,
// what is known then, and the records that are answered by it.
type settled struct {
	id      string
	slot    int32
	marks   []mark
	records []*kgo.Record
	known   *checkpoint.Known
	// job is the one that this came of; nil where there was nothing to fetch.
	job  *job
	what Outcome
	at   time.Time
}

// Outcome is the closed list of what becomes of a record.
type Outcome string

// The outcomes.
const (
	OutcomeProfile     Outcome = "profile"      // published
	OutcomeUnchanged   Outcome = "not_modified" // the profile that is published is the newest
	OutcomeDeadLetter  Outcome = "dead_letter"
	OutcomeRetry       Outcome = "retry"        // put off
	OutcomeForwarded   Outcome = "forwarded"    // to the slot of its company
	OutcomeNotSelected Outcome = "not_selected" // ENRICH_SELECT does not want it
	OutcomeKnown       Outcome = "known"        // fetched already
)

// Outcomes returns all of them.
func Outcomes() []Outcome {
	return []Outcome{OutcomeProfile, OutcomeUnchanged, OutcomeDeadLetter, OutcomeRetry, OutcomeForwarded, OutcomeNotSelected, OutcomeKnown}
}

// home reports whether the request limits are about a host.
func (l *Loop) home(host string) bool { return l.o.Home == "" || l.o.Home == host }

// fetch is one request, on a goroutine of its own. start ends the wait for the
// limits, ctx the request.
func (l *Loop) fetch(start, ctx context.Context, j *job) fetched {
	out := fetched{job: j}
	l.waiting.Add(1)
	done, err := l.limiter.Take(start)
	l.waiting.Add(-1)
	if err != nil {
		out.err = err
		return out
	}
	if ctx.Err() != nil {
		done(noReport)
		out.err = context.Cause(ctx)
		return out
	}
	began := time.Now()
	j.sent.Store(max(int64(began.Sub(j.born)), 1))
	answer, err := l.fetcher.Get(ctx, j.event.id, j.url, j.known.ETag)
	out.took, out.at = time.Since(began), time.Now()
	out.answer, out.err, out.begun = answer, err, true
	if l.home(company.Host(j.url)) {
		done(reportOf(answer, err))
	} else {
		done(noReport)
	}
	l.o.Metrics.request(answer, err, out.took)
	return out
}
