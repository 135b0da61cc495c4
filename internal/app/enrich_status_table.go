package app

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/enricher"
)

// table prints the report for people.
func (r EnrichReport) table(out io.Writer) error {
	var l lines
	l.add("group", "%s, at %s", r.Group, stamp(r.At))
	if r.Service != nil {
		viewLines(&l, *r.Service, r.At)
	}
	if r.Kafka.Error != "" {
		l.add("kafka", "not known: %s", r.Kafka.Error)
	} else {
		l.add("members", "%d, %s", r.Kafka.Members, standing(r.Kafka.State))
	}
	what := "waiting"
	for _, topic := range r.Topics {
		due := ""
		if !topic.NextDue.IsZero() {
			due = ", the next one is due " + when(topic.NextDue, r.At)
		}
		l.add(what, "%s: %s%s", topic.Topic, topic, due)
		what = ""
	}
	r.letterLines(&l)
	r.Rate.lines(&l)
	r.Memory.lines(&l)
	return l.print(out)
}

// viewLines show what a process is doing.
func viewLines(l *lines, v enricher.View, now time.Time) {
	if !v.Joined {
		l.add("service", "joins the group")
	} else {
		l.add("service", "works on %d of %d slots", len(v.Slots), v.Total)
	}
	l.add("", "%d in flight, %d of them wait for the request limits; %d queued, %d not due", v.InFlight, v.Waiting, v.Queued, v.Held)
	for _, what := range enricher.Outcomes() {
		if n := v.Counts[what]; n > 0 {
			l.add("", "%s: %d", strings.ReplaceAll(string(what), "_", " "), n)
		}
	}
	if !v.LastCommit.IsZero() {
		l.add("", "%d transactions, %d aborted, the last one %s ago", v.Commits, v.Aborts, span(now.Sub(v.LastCommit)))
	}
	if len(v.Down) > 0 {
		l.add("hosts down", "%s", strings.Join(v.Down, ", "))
	}
	what := "last errors"
	for _, failure := range v.Errors {
		l.add(what, "%s: %s", stamp(failure.At), failure.Error)
		what = ""
	}
}

// standing is the state of a group for people.
func standing(state string) string {
	switch state {
	case "Dead":
		return "there is no such group yet"
	case "Empty":
		return "no enricher is at work"
	}
	return strings.ToLower(state)
}

func (r EnrichReport) letterLines(l *lines) {
	switch d := r.DeadLetters; {
	case d.Error != "":
		l.add("dead letters", "not known: %s", d.Error)
	case r.Kafka.Error != "" && d.Total == 0: // not asked
	default:
		l.add("dead letters", "%d in the last %s", d.Total, span(r.At.Sub(d.Since)))
		for _, reason := range slices.Sorted(maps.Keys(d.Reasons)) {
			l.add("", "%s: %d", reason, d.Reasons[reason])
		}
	}
}

func (s RateStatus) lines(l *lines) {
	switch {
	case s.Error != "":
		l.add("rate", "not known: %s", s.Error)
	case len(s.Windows) == 0:
		l.add("rate", "COMPANY_RATE_LIMIT is off")
	}
	what := "rate"
	for _, w := range s.Windows {
		others := ""
		if w.Others > 0 {
			others = fmt.Sprintf(", %d of somebody else", w.Others)
		}
		if s.Error == "" {
			l.add(what, "%d of %d%s in the window of %s", w.Used, w.Limit, others, w.Window)
		}
		what = ""
	}
	if s.Error == "" && len(s.Windows) > 0 {
		l.add("", "%d replicas share them, %d of them wait", s.Replicas, s.Waiting)
	}
	if !s.Held.IsZero() {
		l.add("", "the API holds all of them back until %s", stamp(s.Held))
	}
}

func (m MemoryStatus) lines(l *lines) {
	switch {
	case m.Error != "":
		l.add("memory", "not known: %s", m.Error)
	case !m.Present:
		l.add("memory", "Redis has none: the next run reads the companies topic (%d offsets) before it fetches", m.Behind)
	case m.Behind > 0:
		l.add("memory", "Redis lacks up to %d records of the companies topic, which the next run reads first", m.Behind)
	default:
		l.add("memory", "Redis knows all that was fetched")
	}
}

// when is an instant for people, and how far off it is.
func when(at, now time.Time) string {
	if !at.After(now) {
		return "now"
	}
	return "in " + span(at.Sub(now)) + " (" + stamp(at) + ")"
}
