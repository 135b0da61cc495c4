package app

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/enricher"
)

// enrichTick is how far the enricher is.
type enrichTick struct {
	// Profiles to Retries are what records came to since the process began: Known
	// those that were fetched already, Retries those that were put off.
	Profiles, NotModified, Known, DeadLetters, Retries int64
	// InFlight are requests, Limited those of them that wait for the request
	// limits, Queued companies, Held records that are not due, Down hosts that do
	// not answer.
	InFlight, Limited, Queued, Held, Down int
	// Waiting is what the whole replica waits for; empty means that it works.
	Waiting string
}

// tick is how far the replica is.
func (p *enricherParts) tick() enrichTick {
	_, until := p.limits.of.Load().Waiting()
	return tickOf(p.loop.View(), until, time.Now())
}

// tickOf puts a view into numbers. until is when the first that waits for the
// request limits may go.
func tickOf(v enricher.View, until, now time.Time) enrichTick {
	t := enrichTick{
		Profiles: v.Counts[enricher.OutcomeProfile], NotModified: v.Counts[enricher.OutcomeUnchanged], Known: v.Counts[enricher.OutcomeKnown],
		DeadLetters: v.Counts[enricher.OutcomeDeadLetter], Retries: v.Counts[enricher.OutcomeRetry],
		InFlight: v.InFlight, Limited: v.Waiting, Queued: v.Queued, Held: v.Held, Down: len(v.Down),
	}
	switch {
	case !v.Joined:
		t.Waiting = "the consumer group"
	case v.Waiting > 0 && until.After(now):
		t.Waiting = "the request limits, until " + until.UTC().Format(time.TimeOnly) + " UTC"
	}
	return t
}

// done is how many companies came to an end.
func (t enrichTick) done() int64 { return t.Profiles + t.NotModified + t.DeadLetters }

func (t enrichTick) waits() string { return t.Waiting }

func (t enrichTick) waitsFor(what string) enrichTick { t.Waiting = what; return t }

func (t enrichTick) idle() bool { t.Waiting = ""; return t == enrichTick{} }

func (t enrichTick) fields(rate float64) []zap.Field {
	fields := []zap.Field{
		zap.Int64("profiles", t.Profiles), zap.Int64("not_modified", t.NotModified), zap.Int64("known", t.Known),
		zap.Int64("dead_letters", t.DeadLetters), zap.Int64("retries", t.Retries), zap.Int("queued", t.Queued), zap.Int("in_flight", t.InFlight),
		zap.String("companies_per_second", fmt.Sprintf("%.1f", rate)),
	}
	for _, rare := range []struct {
		name string
		n    int
	}{{"waiting_for_limits", t.Limited}, {"held", t.Held}, {"hosts_down", t.Down}} {
		if rare.n > 0 {
			fields = append(fields, zap.Int(rare.name, rare.n))
		}
	}
	if t.Waiting != "" {
		fields = append(fields, zap.String("waiting_for", t.Waiting))
	}
	return fields
}

// line leaves out what is zero. How much work there is nobody can know, so there
// is no bar on it.
func (t enrichTick) line(rate float64) string {
	parts := []string{fmt.Sprintf("%d profiles", t.Profiles), fmt.Sprintf("%.1f/s", rate)}
	if t.Waiting != "" {
		parts = append(parts, "waiting for "+t.Waiting)
	}
	for _, count := range []struct {
		n    int64
		what string
	}{
		{int64(t.InFlight - t.Limited), "in flight"},
		{int64(t.Queued + t.Limited), "queued"},
		{t.NotModified, "not modified"},
		{t.Known, "known"},
		{t.DeadLetters, "dead letters"},
		{t.Retries, "put off"},
		{int64(t.Held), "not due"},
		{int64(t.Down), "hosts down"},
	} {
		if count.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count.n, count.what))
		}
	}
	return strings.Join(parts, "  ")
}
