package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

// EnrichPlan prints how many career sites the selection chooses, how many of them
// are fetched already, and how long the others take at the request limits. It
// fetches and changes nothing, creates no topic and joins no group. That Kafka or
// Redis is away is an error, as it is for a run.
func EnrichPlan(ctx context.Context, c Enricher, out io.Writer) error {
	d, err := openEnrichDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	if err := errors.Join(d.kafkaErr, d.redisErr); err != nil {
		return err
	}
	s := newSurvey(d)
	if err := s.run(ctx); err != nil {
		return err
	}
	waiting, err := d.lags(ctx)
	if err != nil {
		return err
	}
	var l lines
	s.lines(&l, waiting)
	if err := l.print(out); err != nil {
		return fmt.Errorf("print the plan: %w", err)
	}
	return nil
}

// lines are the plan for people.
func (s *survey) lines(l *lines, waiting []TopicLag) {
	c := s.desk.c
	if c.Selection.None() {
		l.add("selection", "none (ENRICH_SELECT): only companies that are requested are fetched")
	} else {
		l.add("selection", "%s", c.Selection)
	}
	if s.desk.lacks(c.Topics.CareerSites) {
		l.add("companies", "none: the topic %s does not exist yet, the producer fills it", c.Topics.CareerSites)
	} else {
		l.add("companies", "%d on %s", s.companies, c.Topics.CareerSites)
	}
	if s.spoiled > 0 {
		l.add("", "%d records are no career sites: they become dead letters", s.spoiled)
	}
	s.chosenLines(l)
	more := requestLines(l, waiting)
	s.timeLines(l, s.gets()+more)
	if n := s.late; n > 0 {
		l.add("memory", "Redis lacks %d offsets of %s: they were read here, dead letters were not", n, c.Topics.Companies)
	}
	for _, topic := range s.desk.missing {
		l.add("topic", "%s does not exist yet", topic)
	}
	l.add("", "nothing was fetched and nothing was changed")
}

func (s *survey) chosenLines(l *lines) {
	l.add("chosen", "%d, of which %d are fetched in that version and %d are dead letters in it", s.chosen, s.fetched, s.dead)
	what := "for example"
	for _, e := range s.examples {
		l.add(what, "%s  %q%s", e.id, e.name, joined("  ", e.why))
		what = ""
	}
	l.add("to fetch", "%d", s.gets())
	if s.passed > 0 {
		l.add("", "%d more are chosen and not fetched, and the group has read past them: under another ENRICH_SELECT, or they wait for another try", s.passed)
		l.add("", "to have all of them looked at again, stop the enricher: kafka-consumer-groups.sh --bootstrap-server %s --group %s --topic %s --reset-offsets --to-earliest --execute",
			s.desk.c.Kafka.Brokers[0], s.desk.c.Group, s.desk.c.Topics.CareerSites)
	}
}

// requestLines are about what waits beside the career sites, each of which may be a
// request to the API. It returns how many those are.
func requestLines(l *lines, waiting []TopicLag) (n int64) {
	for i, topic := range waiting {
		if i == 0 || topic.Lag == 0 {
			continue // the career sites were looked at one by one
		}
		l.add("", "%s in %s", topic, topic.Topic)
		n += topic.Lag
	}
	return n
}

func (s *survey) timeLines(l *lines, gets int64) {
	limits := s.desk.c.Limits
	took := atLimits(gets, limits)
	_, tight := shortest(gets, limits)
	switch {
	case len(limits) == 0:
		l.add("time", "COMPANY_RATE_LIMIT is off")
	case took == 0:
		l.add("time", "COMPANY_RATE_LIMIT=%s delays none of %d requests", limits, gets)
	default:
		l.add("time", "at least %.2f hours for %d requests, most of all by %s of COMPANY_RATE_LIMIT=%s", took.Hours(), gets, tight, limits)
	}
}

// atLimits is how long after the first of n requests the last one may start, if
// nothing but rolling windows holds them back. A request may start when the one N
// before it is a window's length old, for each window, so this is exact. It counts
// through the requests: a million of them take some milliseconds.
func atLimits(n int64, limits ratelimit.Windows) time.Duration {
	most := 0
	for _, w := range limits {
		most = max(most, w.N)
	}
	if most == 0 || n < 1 {
		return 0
	}
	starts := make([]time.Duration, min(int64(most), n)) // of the last ones
	size := int64(len(starts))
	var at time.Duration
	for i := range n {
		for _, w := range limits {
			if before := i - int64(w.N); before >= 0 {
				at = max(at, starts[before%size]+w.Per)
			}
		}
		starts[i%size] = at
	}
	return at
}
