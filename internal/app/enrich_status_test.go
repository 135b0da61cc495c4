package app

import (
	"bytes"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// stands is what EnrichStatus says in both forms.
func (h *hall) stands(t *testing.T, more environment) (report EnrichReport, table string, err error) {
	t.Helper()
	var asJSON, asTable bytes.Buffer
	err = EnrichStatus(t.Context(), h.config(t, more), "json", &asJSON)
	if again := EnrichStatus(t.Context(), h.config(t, more), "table", &asTable); (err == nil) != (again == nil) {
		t.Errorf("got %v as json and %v as a table, want both or neither to fail", err, again)
	}
	if bad := json.Unmarshal(asJSON.Bytes(), &report); bad != nil {
		t.Fatalf("status: %v in %s", bad, asJSON.String())
	}
	return report, asTable.String(), err
}

func TestEnrichStatusOfNothingIsNoFailure(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	r, table, err := h.stands(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Topics) != 6 || !r.Topics[0].Missing || r.Memory.Present || r.DeadLetters.Total != 0 {
		t.Errorf("got %+v, want six topics that are missing, no memory and no dead letters", r)
	}
	contains(t, table, "there is no such group yet", "does not exist yet", "Redis has none", "0 in the last 1d0h", "0 of 360 in the window of 360/m")
	if d := h.desk(t); len(d.missing) != 8 {
		t.Errorf("got %q missing after the status, want all 8 topics", d.missing)
	}
}

func TestEnrichStatusCountsWhatWaits(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.topics(t)
	retries := h.env["RETRIES_TOPIC"]
	soon := time.Now().Add(time.Minute).UTC().Truncate(time.Millisecond)
	waits := func(topic, id string, due time.Time) *kgo.Record {
		return &kgo.Record{Topic: topic, Key: []byte(id), Headers: []kgo.RecordHeader{{Key: enricher.HeaderDue, Value: strconv.AppendInt(nil, due.UnixMilli(), 10)}}}
	}
	h.publish(t, h.site("a", 1, ""), h.site("b", 1, ""), h.site("c", 1, ""),
		&kgo.Record{Topic: h.env["REQUESTS_TOPIC"], Key: []byte("a")},
		waits(retries+".1", "a", soon), waits(retries+".1", "b", soon.Add(time.Second)), waits(retries+".2", "a", soon.Add(-time.Hour)))
	var many []*kgo.Record
	for range countMost + 1 {
		many = append(many, waits(retries+".3", "one", soon.Add(time.Hour)))
	}
	h.publish(t, many...)
	old := h.letter("x", schemas.ReasonGone, 25*time.Hour, "")
	h.publish(t, old, h.letter("x", schemas.ReasonGone, time.Hour, ""), h.letter("y", schemas.ReasonStatus, time.Hour, ""), h.letter("z", schemas.ReasonGone, time.Minute, ""),
		&kgo.Record{Topic: h.env["DEAD_LETTERS_TOPIC"], Headers: old.Headers[:1]})
	r, table, err := h.stands(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []TopicLag{
		{Topic: h.env["CAREER_SITES_TOPIC"], Lag: 3},
		{Topic: h.env["REQUESTS_TOPIC"], Lag: 1},
		{Topic: retries + ".0"},
		{Topic: retries + ".1", Lag: 2, NextDue: soon},
		{Topic: retries + ".2", Lag: 1, NextDue: soon.Add(-time.Hour)},
		{Topic: retries + ".3", Lag: countMost + 1, AtMost: true, NextDue: soon.Add(time.Hour)},
	} {
		if r.Topics[i] != want {
			t.Errorf("got %+v, want %+v", r.Topics[i], want)
		}
	}
	if want := map[string]int64{"gone": 2, "status": 1}; r.DeadLetters.Total != 3 || !maps.Equal(r.DeadLetters.Reasons, want) {
		t.Errorf("got %+v, want 3 dead letters of the last day, %v", r.DeadLetters, want)
	}
	contains(t, table, retries+".2: 1, the next one is due now", "at most 1001, the next one is due in 1h", "gone: 2", "Redis has none")
}

// The names of the marks in Redis are the enrichment loop's: what a run has marked
// is understood here.
func TestEnrichStatusOfARunSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 40})
	h.sync(t, nil)
	more := environment{"COMPANY_RATE_LIMIT": "1000/h"}
	h.enrich(t, more, func(p *enricherParts) bool {
		view := p.loop.View()
		if !h.remembers(t, p, 40) {
			return false
		}
		report, err := gatherEnricher(t.Context(), p.desk(h.config(t, more)), &view)
		if err != nil {
			t.Fatal(err)
		}
		if report.Topics[0].Lag > 0 {
			return false // positions without a profile are committed a second later
		}
		if report.Service.Total != 3 || report.Kafka.Members != 1 || report.Memory.Behind != 0 || report.Rate.Replicas != 1 || report.Rate.Windows[0].Used != 40 {
			t.Errorf("got %+v, want one member, nothing that Redis lacks, and 40 requests", report)
		}
		var table bytes.Buffer
		if err := report.table(&table); err != nil {
			t.Fatal(err)
		}
		contains(t, table.String(), "works on 3 of 3 slots", "profile: 40", "transactions, 0 aborted", "40 of 1000 in the window of 1000/h", "Redis knows all")
		return true
	})
	r, table, err := h.stands(t, more)
	if err != nil || r.Service != nil || r.Memory.Behind != 0 || r.Kafka.Members != 0 {
		t.Errorf("got %+v, %v after the run, want nothing at work", r, err)
	}
	contains(t, table, "no enricher is at work", "Redis knows all")
}

func TestEnrichStatusWithOneServerAwayShowsTheOther(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.topics(t)
	h.publish(t, h.site("a", 1, ""))
	h.knows(t, checkpoint.Known{ID: "a", At: time.Now(), Outcome: checkpoint.Profile})

	r, table, err := h.stands(t, environment{"REDIS_URL": "redis://" + refused(t)})
	if err == nil || r.Rate.Error == "" || r.Memory.Error == "" || r.Kafka.Error != "" || r.Topics[0].Lag != 1 {
		t.Errorf("without Redis: got %v and %+v, want an error, and what waits", err, r)
	}
	if n := strings.Count(err.Error(), "redis at "); n != 1 {
		t.Errorf("got %q, want it said once", err)
	}
	contains(t, table, "rate", "not known: ", h.env["CAREER_SITES_TOPIC"]+": 1")

	r, table, err = h.stands(t, environment{"KAFKA_BROKERS": refused(t)})
	if err == nil || r.Kafka.Error == "" || len(r.Topics) != 0 || r.Rate.Error != "" || len(r.Rate.Windows) != 3 {
		t.Errorf("without Kafka: got %v and %+v, want an error, and the rate", err, r)
	}
	contains(t, table, "kafka", "can't be reached", "without Kafka nobody knows", "0 of 360 in the window of 360/m")
}

func TestEnrichStatusLooksIntoSoManyPartitionsAndNoMore(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	const n = 2000 // on more partitions than are looked into
	spec := kafka.Spec{Name: h.env["CAREER_SITES_TOPIC"], Partitions: lookMost + 20, Compacted: true}
	if _, err := h.cluster.Ensure(t.Context(), true, spec); err != nil {
		t.Fatal(err)
	}
	var sites []*kgo.Record
	for i := range n {
		sites = append(sites, &kgo.Record{Topic: spec.Name, Key: strconv.AppendInt(nil, int64(i), 10)})
	}
	h.publish(t, sites...)
	r, _, err := h.stands(t, nil)
	if want := (TopicLag{Topic: spec.Name, Lag: n, AtMost: true}); err != nil || r.Topics[0] != want {
		t.Errorf("got %+v, %v; want %+v", r.Topics, err, want)
	}
}

// A server that said to wait holds all replicas back, and whoever looks sees it.
func TestAHoldIsSeen(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	until := time.Now().Add(time.Hour)
	h.desk(t).limiter.Until(t.Context(), until)
	r, table, err := h.stands(t, nil)
	if err != nil || r.Rate.Held.Sub(until).Abs() > time.Second {
		t.Errorf("got %+v, %v; want them held until %s", r.Rate, err, until)
	}
	contains(t, table, "the API holds all of them back until "+stamp(r.Rate.Held))
	var out strings.Builder
	if err := EnrichCheck(t.Context(), h.config(t, nil), &out); err != nil {
		t.Errorf("check: got %v, want a warning alone", err)
	}
	contains(t, out.String(), "the API holds everybody back until")
}

func TestWhatAViewSaysToPeople(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	var l lines
	viewLines(&l, enricher.View{Total: 6}, now)
	viewLines(&l, enricher.View{
		Joined: true, Slots: []int32{0, 5}, Total: 6, InFlight: 16, Waiting: 4, Queued: 30, Held: 2, Down: []string{"a:443"},
		Counts:  map[enricher.Outcome]int64{enricher.OutcomeUnchanged: 7},
		Commits: 3, LastCommit: now.Add(-5 * time.Second), Errors: []enricher.Failure{{At: now, Error: "redis is away"}},
	}, now)
	RateStatus{Windows: []RateWindow{{Window: "9/m", Used: 4, Others: 2, Limit: 8}}, Held: now, Replicas: 2, Waiting: 1}.lines(&l)
	RateStatus{}.lines(&l)
	MemoryStatus{Present: true, Behind: 4}.lines(&l)
	var out bytes.Buffer
	if err := l.print(&out); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "joins the group", "works on 2 of 6 slots", "16 in flight, 4 of them wait for the request limits; 30 queued, 2 not due", "not modified: 7",
		"3 transactions, 0 aborted, the last one 5s ago", "a:443", "redis is away", "4 of 8, 2 of somebody else in the window of 9/m", "2 replicas share them, 1 of them wait",
		"holds all of them back until 2026-06-01T12:00:00Z", "COMPANY_RATE_LIMIT is off", "lacks up to 4 records")
}
