package enricher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

// enqueue makes a job of an event, or lets it join the one that there is for its
// company.
func (m *member) enqueue(e event, k checkpoint.Known) {
	here := mark{e.place, e.offset}
	now := time.Now()
	j := m.jobs[e.id]
	switch {
	case j == nil:
		j = &job{event: e, marks: []mark{here}, slot: m.l.slotOf(e.place), known: k}
		m.jobs[e.id] = j
	case j.under:
		j.later = append(j.later, e)
		return
	default:
		j.event, j.marks = j.event.merge(e), append(j.marks, here)
		m.unqueue(j)
	}
	url, err := m.l.fetcher.URL(j.event.id, j.event.details)
	if err != nil {
		var refused *company.RefusedError
		reason := schemas.ReasonURLMalformed
		if errors.As(err, &refused) {
			reason = refused.Reason
		}
		m.dead(j, reason, err, now)
		return
	}
	j.url, j.host = url, m.host(url)
	if j.notBefore.After(now) {
		m.delay(j)
		return
	}
	j.host.queue = append(j.host.queue, j)
}

// delay keeps a job until its time comes.
func (m *member) delay(j *job) {
	i, _ := slices.BinarySearchFunc(m.delayed, j, func(a, b *job) int { return a.notBefore.Compare(b.notBefore) })
	m.delayed = slices.Insert(m.delayed, i, j)
}

// tryNoMore notes that a job does not wait for another try in place any more.
func (m *member) tryNoMore(j *job) {
	if j.retrying {
		j.retrying = false
		m.retrying--
	}
}

// unqueue takes a job out of wherever it waits.
func (m *member) unqueue(j *job) {
	if j.host != nil {
		if i := slices.Index(j.host.queue, j); i >= 0 {
			j.host.queue = slices.Delete(j.host.queue, i, i+1)
		}
	}
	if i := slices.Index(m.delayed, j); i >= 0 {
		m.delayed = slices.Delete(m.delayed, i, i+1)
	}
}

func (m *member) host(url string) *host {
	name := company.Host(url)
	h := m.hosts[name]
	if h == nil {
		h = newHost(name, m.l.o.Concurrency, m.l.hostChanged)
		m.hosts[name] = h
	}
	return h
}

// begin starts as many requests as are allowed, of one host after the other.
func (m *member) begin(now time.Time) {
	for len(m.delayed) > 0 && !m.delayed[0].notBefore.After(now) {
		j := m.delayed[0]
		m.delayed = m.delayed[1:]
		j.host.queue = append(j.host.queue, j)
	}
	late := m.lookAtHosts(now)
	room := min(m.l.o.Concurrency-(m.inflight-late), m.l.o.Batch-m.inflight-m.fetched-m.retrying)
	names := m.waitingHosts()
	for idle := 0; room > 0 && idle < len(names); {
		h := m.hosts[names[m.turn%len(names)]]
		m.turn++
		if len(h.queue) == 0 || !m.beginOf(h, now) {
			idle++
			continue
		}
		idle = 0
		room--
	}
}

// lookAtHosts returns how many requests have lost their place to others, and cuts
// off some that hang: where they fill half of a batch the oldest ones, and where
// the whole host hangs all of them, if others wait for it. Their companies are
// tried again later, from a retry topic.
func (m *member) lookAtHosts(now time.Time) (late int) {
	var hanging []*job
	for _, h := range m.hosts {
		h.look(now)
		late += h.late
		mute := h.silent(now) && len(h.queue) > 0
		for _, j := range h.flying {
			switch {
			case j.cut || j.age(now) <= h.hanging():
			case mute:
				j.mute = h.blames(j, now)
				j.cutOff()
			default:
				hanging = append(hanging, j)
			}
		}
	}
	if excess := late - max(m.l.o.Batch/2, 1); excess > 0 && len(hanging) > 0 {
		slices.SortFunc(hanging, func(a, b *job) int { return a.sentAt().Compare(b.sentAt()) })
		for _, j := range hanging[:min(excess, len(hanging))] {
			j.cutOff()
		}
	}
	return late
}

func (m *member) waitingHosts() []string {
	var names []string
	for name, h := range m.hosts {
		if len(h.queue) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// beginOf starts the request of a host that has waited longest.
func (m *member) beginOf(h *host, now time.Time) bool {
	done, probe, ok := h.begin(now)
	if !ok {
		return false
	}
	next := h.next(probe)
	j := h.queue[next]
	h.queue = slices.Delete(h.queue, next, next+1)
	m.tryNoMore(j)
	j.under, j.done, j.probe, j.cut, j.mute = true, done, probe, false, false
	j.born = time.Now()
	j.sent.Store(0)
	h.flying = append(h.flying, j)
	ctx, cancel := context.WithCancel(m.work)
	start, stop := context.WithCancel(m.start)
	j.cancel = func() { cancel(); stop() }
	m.inflight++
	m.running.Go(func() {
		f := m.l.fetch(start, ctx, j)
		cancel()
		stop()
		m.inbox.put(func() { m.inbox.fetched = append(m.inbox.fetched, f) })
	})
	return true
}

// finish takes in what came of a request.
func (m *member) finish(f fetched, now time.Time) error {
	j := f.job
	m.inflight--
	j.cancel = nil
	verdict, reason, pause := company.Judge(f.err)
	if !f.begun || j.gone {
		j.host.skipped(j)
		m.again(j, 0, now)
		return nil
	}
	m.l.beat()
	// A company that answered in whichever way has a host that is up.
	if j.cut && !j.mute {
		j.host.skipped(j) // the host answers others
	} else {
		j.host.end(j, f.err == nil || verdict != company.Again, f.took, now)
	}
	j.event.tries, j.event.last = j.event.tries+1, f.at
	if j.event.first.IsZero() {
		j.event.first = f.at
	}
	switch {
	case f.err == nil:
		m.succeed(j, f, now)
	case j.mute, j.probe && verdict == company.Again:
		m.back(j) // it is the host that hangs, or it was asked for the host's sake
	case j.cut:
		f.err = fmt.Errorf("no answer within %s, while others waited", f.took.Round(time.Millisecond))
		m.later(j, f.err, now)
	case verdict == company.Slow:
		j.event.tries--
		m.slow(j.host, now.Add(cmp.Or(pause, slowPause)))
		if j.slowed++; j.slowed >= slowMost {
			m.putOff(j, j.tier(), now) // it may be about this company alone
			return nil
		}
		m.again(j, 0, now)
	case verdict == company.Stop:
		return &FatalError{f.err}
	case verdict == company.Dead:
		m.dead(j, reason, f.err, now)
	default:
		m.failed(j, f, max(pause, inPlacePause(j.failures)), now)
	}
	return nil
}

// slow stops requests until a time: all of them for the host that the request
// limits are about, and a host's own for another one.
func (m *member) slow(h *host, until time.Time) {
	if m.l.home(h.name) {
		m.l.limiter.Until(m.work, until)
		return
	}
	h.until = until
}

// slowMost is how often a company may be answered with too many requests before it
// makes room for others.
const slowMost = 3

// slowPause is how long a server that wants fewer requests is left alone, where it
// does not say.
const slowPause = time.Second

// inPlacePause is the wait before another try in place.
func inPlacePause(failures int) time.Duration {
	return min(250*time.Millisecond<<min(failures, 5), 2*time.Second)
}

// failed tries a company again that did not answer, in place as long as the
// patience lasts and from a retry topic after that.
func (m *member) failed(j *job, f fetched, pause time.Duration, now time.Time) {
	j.failures++
	j.spent += f.took + pause
	m.l.view.fail(now, f.err)
	// Those that wait for another try count among what a crash repeats: where they
	// are half of it, the next ones wait on a retry topic.
	if j.spent <= m.l.o.Patience && m.retrying < max(m.l.o.Batch/2, 1) {
		m.again(j, pause, now)
		return
	}
	m.later(j, f.err, now)
}

// later puts a company off that did not answer, unless this was its last chance.
func (m *member) later(j *job, err error, now time.Time) {
	j.event.attempts++
	if j.event.attempts > len(m.l.o.Delays) {
		m.dead(j, schemas.ReasonExhausted, err, now)
		return
	}
	m.putOff(j, j.tier(), now)
}

// putOff sends a job to a retry topic, by its number.
func (m *member) putOff(j *job, tier int, now time.Time) {
	due := now.Add(m.l.o.Delays[tier-1])
	m.settleJob(j, settled{what: OutcomeRetry, records: []*kgo.Record{retryRecord(m.l.o.Topics.Retries[tier], m.l.o.Topics.MaxRetry, j.event, due)}}, now)
}

// again lets a job wait for another try: at the head of its queue, or for a while.
func (m *member) again(j *job, pause time.Duration, now time.Time) {
	if j.gone {
		return
	}
	m.waits(j)
	if pause > 0 {
		j.notBefore = now.Add(pause)
		m.delay(j)
	} else {
		j.host.queue = slices.Insert(j.host.queue, 0, j)
	}
	m.joined(j)
}

// back lets a job wait behind all others of its host.
func (m *member) back(j *job) {
	if j.gone {
		return
	}
	m.waits(j)
	j.host.queue = append(j.host.queue, j)
	m.joined(j)
}

// waits notes that a job has no request under way any more.
func (m *member) waits(j *job) {
	j.under, j.done = false, nil
	if j.failures > 0 && !j.retrying {
		j.retrying = true
		m.retrying++
	}
}

// joined lets the events that came meanwhile join their job.
func (m *member) joined(j *job) {
	later := j.later
	j.later = nil
	for _, e := range later {
		m.enqueue(e, j.known)
	}
}

// succeed settles a job that was answered.
func (m *member) succeed(j *job, f fetched, now time.Time) {
	version := max(j.event.version, j.known.Version, j.known.Newest)
	if j.event.site {
		version = max(j.event.version, j.known.Version)
	}
	k := &checkpoint.Known{ID: j.event.id, Version: version, At: f.at, Outcome: checkpoint.Profile, ETag: f.answer.ETag}
	if f.answer.NotModified {
		if k.ETag == "" {
			k.ETag = j.known.ETag
		}
		m.settleJob(j, settled{what: OutcomeUnchanged, known: k}, now)
		return
	}
	t, value := m.l.o.Topics, f.answer.Profile
	if format := m.l.o.Format; format != nil {
		var err error
		if value, err = format.Encode(value); err != nil {
			m.dead(j, schemas.ReasonNotEncodable, fmt.Errorf("the profile can't be encoded: %w", err), now)
			return
		}
	}
	if size := len(value); t.MaxCompany > 0 && size > t.MaxCompany {
		m.dead(j, schemas.ReasonTooLarge, &tooLargeError{size, t.MaxCompany}, now)
		return
	}
	record := companyRecord(t.Companies, j.event.id, version, j.url, f.answer, value, m.l.o.Format)
	m.settleJob(j, settled{what: OutcomeProfile, known: k, records: []*kgo.Record{record}}, now)
}

// dead settles a job as a dead letter.
func (m *member) dead(j *job, reason schemas.DeadLetterReason, err error, now time.Time) {
	s := settled{what: OutcomeDeadLetter}.letter(m.l.o.Topics, j.event, verdictOf(reason, j.url, err, now), j.known)
	m.settleJob(j, s, now)
}

func (m *member) settleJob(j *job, s settled, now time.Time) {
	m.tryNoMore(j)
	j.under = true
	s.id, s.slot, s.marks, s.job, s.at = j.event.id, j.slot, j.marks, j, now
	if j.event.tries > 0 {
		m.fetched++
	}
	m.settle(s)
}

// spill makes room where it is full of companies of a host that ails: they come
// back later, without a word about an attempt, and those of other hosts behind them
// get their turn. Where it is the only host that takes a look at what is behind,
// once for each delay.
func (m *member) spill(now time.Time) bool {
	var worst *host
	others := false
	for _, h := range m.hosts {
		others = others || !h.ails(now, false) && now.Sub(h.answered) < time.Minute
	}
	for _, h := range m.hosts {
		if h.ails(now, others) && (worst == nil || len(h.queue) > len(worst.queue)) {
			worst = h
		}
	}
	if worst == nil || len(worst.queue) < m.l.o.handMost()/4 || !others && now.Sub(worst.spilled) < m.l.o.Delays[0] {
		return false
	}
	worst.spilled = now
	spilled := worst.queue[1:]
	worst.queue = worst.queue[:1:1]
	for _, j := range spilled {
		tier := j.tier()
		if slices.Contains(m.l.o.Topics.Retries[1:], j.event.place.Topic) {
			// It came back before all of the others had their turn.
			tier = min(max(tier, 2), len(m.l.o.Delays))
		}
		m.putOff(j, tier, now)
	}
	m.l.log.Info("companies of a host that does not answer are put off", zap.String("host", worst.name), zap.Int("companies", len(spilled)))
	return true
}
