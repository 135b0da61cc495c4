package enricher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// intake takes records in: it judges each one by itself, and then all that are
// reasons for a fetch together.
func (m *member) intake(ctx context.Context, records []*kgo.Record) error {
	var events []event
	now := time.Now()
	for _, r := range records {
		at := Place{r.Topic, r.Partition}
		p := m.parts[at]
		switch {
		case p == nil:
			continue // it moved meanwhile
		case p.tracker == nil:
			p.early = append(p.early, r)
			continue
		case !p.take(r.Offset, r.LeaderEpoch):
			continue
		}
		if e, fetch := m.judge(r, at, p, now); fetch {
			events = append(events, e)
		}
		if len(p.tracker.open) >= openMost && !p.paused {
			p.paused = true
			m.group.Pause([]Place{at})
		}
	}
	return m.decide(ctx, events)
}

// judge looks at one record. It returns an event that may be a reason for a fetch
// and is this slot's; all others it deals with.
func (m *member) judge(r *kgo.Record, at Place, p *part, now time.Time) (_ event, fetch bool) {
	t := m.l.o.Topics
	switch r.Topic {
	case t.Sites:
		if r.Value == nil { // a tombstone: there is nothing to fetch
			m.skip(event{}.at(r), OutcomeNotSelected)
			return event{}, false
		}
		e, err := siteEvent(r)
		if err != nil {
			return badRecord(r, schemas.ReasonBadSite, err), true
		}
		if wanted, err := m.l.selector.Match(r.Value); err != nil {
			return badRecord(r, schemas.ReasonBadSite, err), true
		} else if !wanted {
			e.value = nil // only its version is of interest
			e.details = ""
			return m.inSlot(e, false, now)
		}
		return m.inSlot(e, true, now)
	case t.Requests:
		e, err := requestEvent(r)
		if err != nil {
			return badRecord(r, schemas.ReasonBadRequest, err), true
		}
		m.forward(e, now)
		return e, false
	default:
		e, due, err := retryEvent(r)
		if err != nil {
			return badRecord(r, schemas.ReasonBadRequest, err), true
		}
		due = m.soonest(r.Topic, due, now)
		if len(p.due) > 0 || due.After(now) {
			m.holdBack(at, p, e, due)
			return e, false
		}
		return e, true
	}
}

// soonest is when a record of a retry topic is due. No record waits longer than
// its topic's delay from now, whatever the clock of its writer said, and on the
// first of the topics none waits.
func (m *member) soonest(topic string, due, now time.Time) time.Time {
	tier := slices.Index(m.l.o.Topics.Retries, topic)
	if tier < 1 || tier > len(m.l.o.Delays) {
		return now
	}
	if latest := now.Add(m.l.o.Delays[tier-1]); due.After(latest) {
		return latest
	}
	return due
}

// badRecord is an event of a record that could not be read: a dead letter, unless
// it is one already.
func badRecord(r *kgo.Record, reason schemas.DeadLetterReason, err error) event {
	return event{id: string(r.Key[:min(len(r.Key), schemas.MaxID)]), value: r.Value, from: originOf(r), bad: &refusal{reason, err}}.at(r)
}

// inSlot returns a career site that stands where its company belongs. One that
// another partitioner has put elsewhere is sent there, if it is wanted.
func (m *member) inSlot(e event, wanted bool, now time.Time) (event, bool) {
	e.unwanted = !wanted
	if m.l.slot(e.id) == m.l.slotOf(e.place) {
		return e, true
	}
	if wanted {
		m.forward(e, now)
		return e, false
	}
	m.skip(e, OutcomeNotSelected)
	return e, false
}

// holdBack keeps a record that is not due. What comes after it in its partition is
// due later: no more is read there until then.
func (m *member) holdBack(at Place, p *part, e event, due time.Time) {
	p.held, p.due = append(p.held, e), append(p.due, due)
	if !p.paused {
		p.paused = true
		m.group.Pause([]Place{at})
	}
}

// unpause reads on where nothing speaks against it any more.
func (m *member) unpause(at Place, p *part) {
	if p.paused && p.tracker != nil && len(p.held) == 0 && len(p.tracker.open) < openMost/2 {
		p.paused = false
		m.group.Resume([]Place{at})
	}
}

// decide begins what has to be fetched, and closes what is answered already.
//
// Where it can't be known what is answered, the events wait: for as long as it
// takes where the topics can't be read, since nothing could be committed then
// either, and for blindAfter where Redis does not answer. From then on the member
// goes by what it did itself.
func (m *member) decide(ctx context.Context, events []event) error {
	if len(events) == 0 || len(m.limbo) > 0 {
		m.limbo = append(m.limbo, events...)
		return nil
	}
	known, err := m.know(ctx, events)
	if err == nil {
		m.unknown = time.Time{}
	} else {
		now := time.Now()
		m.l.view.fail(now, err)
		if m.unknown.IsZero() {
			m.unknown = now
		}
		var unread *unreadError
		if errors.As(err, &unread) || now.Sub(m.unknown) < blindAfter {
			m.limbo, m.limboUntil = events, now.Add(limboPause)
			return nil
		}
	}
	var seen []checkpoint.Known
	for _, e := range events {
		k, found := known[e.knownAs()]
		switch {
		case e.bad != nil && found:
			m.skip(e, OutcomeKnown)
		case e.bad != nil:
			m.refuse(e)
		case e.unwanted:
			if found && k.Newest < e.version {
				k.Newest = e.version
				m.recall.keep(k)
				seen = append(seen, checkpoint.Known{ID: e.id, Newest: e.version})
			}
			m.skip(e, OutcomeNotSelected)
		case e.answered(k, found):
			m.skip(e, OutcomeKnown)
		default:
			m.enqueue(e, k)
		}
	}
	if err := m.recall.saw(ctx, seen); err != nil {
		m.l.view.fail(time.Now(), err)
		m.l.log.Debug("not remembered", zap.Error(err))
	}
	return nil
}

const (
	// blindAfter is how long Redis may be away before events are judged without it.
	blindAfter = 5 * time.Second
	// limboPause is the wait before the next look.
	limboPause = 200 * time.Millisecond
)

// know asks what is known of the companies of events. A memory that lacks
// something is told first. Where it is away, the error says so, and the answer is
// what this process itself knows.
func (m *member) know(ctx context.Context, events []event) (map[string]checkpoint.Known, error) {
	ids := make([]string, 0, len(events))
	for _, e := range events {
		ids = append(ids, e.knownAs())
	}
	known, err := m.recall.of(ctx, ids)
	if err != nil {
		return known, err
	}
	lacks, err := m.recall.lacks(ctx)
	if err != nil || !lacks {
		return known, err
	}
	m.l.log.Warn("Redis does not know all that was fetched; reading it from the topics")
	if err := m.catchUp(ctx); err != nil {
		return known, err
	}
	return m.recall.of(ctx, ids)
}

// skip closes a record that nothing comes of.
func (m *member) skip(e event, what Outcome) {
	if p := m.parts[e.place]; p != nil && p.tracker != nil {
		p.done(e.offset)
	}
	m.l.count(what, 1)
}

// refuse makes a dead letter of a record that could not be read.
func (m *member) refuse(e event) {
	now := time.Now()
	m.settle(settled{
		id: e.id, slot: m.l.slotOf(e.place), marks: []mark{{e.place, e.offset}}, what: OutcomeDeadLetter, at: now,
	}.letter(m.l.o.Topics, e, verdictOf(e.bad.reason, "", e.bad.err, now), checkpoint.Known{}))
}

// forward sends a record to the slot of its company.
func (m *member) forward(e event, now time.Time) {
	if len(e.details) > detailsMost {
		e.bad = &refusal{schemas.ReasonURLTooLong, fmt.Errorf("details_url has %d bytes, at most %d are allowed", len(e.details), detailsMost)}
		m.refuse(e)
		return
	}
	m.settle(settled{
		id: e.id, slot: m.l.slotOf(e.place), marks: []mark{{e.place, e.offset}}, what: OutcomeForwarded, at: now,
		records: []*kgo.Record{retryRecord(m.l.o.Topics.Retries[0], m.l.o.Topics.MaxRetry, e, now)},
	})
}

// detailsMost is how long a URL may be at all.
const detailsMost = 2048

// settle puts work that is done where the next transaction takes it.
func (m *member) settle(s settled) { m.ready = append(m.ready, s) }

// letter adds a dead letter, and what is known of the company then: that its
// version, or the one that was fetched before it, came to this.
func (s settled) letter(t Topics, e event, v verdict, before checkpoint.Known) settled {
	e.version = max(e.version, before.Version) // whoever reads it later knows as much
	s.records = append(s.records, deadLetter(t.DeadLetters, t.MaxDeadLetter, e, v))
	k := checkpoint.Known{ID: e.id, Version: e.version, At: v.at, ETag: before.ETag}
	if k, ok := outcomeOf(k, v.reason, e.from); ok {
		s.known = &k
	}
	return s
}
