package app

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/simulator"
)

// planned is what EnrichPlan prints.
func (h *hall) planned(t *testing.T, more environment) string {
	t.Helper()
	var out bytes.Buffer
	if err := EnrichPlan(t.Context(), h.config(t, more), &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// says checks the text of a line of a table, by what stands before it.
func says(t *testing.T, table, what, want string) {
	t.Helper()
	for line := range strings.Lines(table) {
		if rest, ok := strings.CutPrefix(line, what+" "); ok {
			if got := strings.TrimSpace(rest); !strings.HasPrefix(got, want) {
				t.Errorf("%s: got %q, want %q", what, got, want)
			}
			return
		}
	}
	t.Errorf("no line %q in:\n%s", what, table)
}

func TestAPlanOfNothingChangesNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	table := h.planned(t, nil)
	says(t, table, "companies", "none: the topic "+h.env["CAREER_SITES_TOPIC"]+" does not exist yet")
	says(t, table, "chosen", "0,")
	contains(t, table, h.env["RETRIES_TOPIC"]+".3 does not exist yet", "nothing was changed")
	d := h.desk(t)
	if len(d.missing) != 8 {
		t.Errorf("got %q missing after the plan, want all 8 topics", d.missing)
	}
	if _, present, err := d.remembered(t.Context()); err != nil || present {
		t.Errorf("got a memory: %t, %v; want none", present, err)
	}
}

func TestAPlanCountsTheNewestVersionOfEachCompany(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.topics(t)
	const fintech, health = `"fintech"`, `"health"`
	h.publish(t,
		h.site("new", 1, fintech), h.site("fetched", 1, fintech), h.site("changed", 1, fintech), h.site("gone", 1, fintech),
		h.site("other", 1, health), h.site("was", 1, fintech), h.site("becomes", 1, health), h.site("deleted", 1, fintech),
		h.site("was", 2, health), h.site("becomes", 2, fintech), h.site("changed", 2, fintech),
		&kgo.Record{Topic: h.env["CAREER_SITES_TOPIC"], Key: []byte("deleted")},
		&kgo.Record{Topic: h.env["CAREER_SITES_TOPIC"], Key: []byte("spoiled"), Value: []byte("no JSON")},
	)
	at := func(id string, version int, what checkpoint.Outcome) checkpoint.Known {
		return checkpoint.Known{ID: id, Version: siteTime(version).Format("2006-01-02T15:04:05.000000000Z"), At: time.Now().Truncate(time.Millisecond), Outcome: what}
	}
	h.knows(t, at("fetched", 1, checkpoint.Profile), at("changed", 1, checkpoint.Profile), at("gone", 1, checkpoint.Missing), at("other", 1, checkpoint.Profile))
	table := h.planned(t, environment{"ENRICH_SELECT": `"fintech" in industries`, "COMPANY_RATE_LIMIT": "2/m,100/h"})
	says(t, table, "selection", `"fintech" in industries`)
	says(t, table, "companies", "8 on ")
	says(t, table, "chosen", "5, of which 1 are fetched in that version and 1 are dead letters in it")
	says(t, table, "to fetch", "3")
	says(t, table, "time", "at least 0.02 hours for 3 requests, most of all by 2/m of COMPANY_RATE_LIMIT=2/m,100/h")
	contains(t, table, "1 records are no career sites", `new  "The new"  industries=["fintech"]`)
	if strings.Contains(table, "The was") || strings.Contains(table, "The deleted") {
		t.Errorf("an example is not chosen any more:\n%s", table)
	}
}

// What a run has fetched is known from Redis, and where that was lost from the
// companies topic.
func TestAPlanAfterARunHasNothingToFetch(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 40})
	h.sync(t, nil)
	says(t, h.planned(t, nil), "to fetch", "40")
	h.enrich(t, nil, func(p *enricherParts) bool { return h.remembers(t, p, 40) })
	table := h.planned(t, nil)
	says(t, table, "chosen", "40, of which 40 are fetched in that version")
	says(t, table, "to fetch", "0")
	if strings.Contains(table, "Redis lacks") {
		t.Errorf("Redis lacks something after a run:\n%s", table)
	}

	d := h.desk(t)
	companies, _ := h.read(t, h.env["COMPANIES_TOPIC"])
	ids := slices.Collect(func(yield func(string) bool) {
		for id := range companies {
			if !yield(id) {
				return
			}
		}
	})
	if err := d.memory().Forget(t.Context(), ids...); err != nil {
		t.Fatal(err)
	}
	// Only the companies are forgotten, so the group has read past all of them.
	table = h.planned(t, nil)
	says(t, table, "to fetch", "0")
	contains(t, table, "40 more are chosen and not fetched", "--reset-offsets")
}

func TestAPlanReadsWhatRedisLacks(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.topics(t)
	h.publish(t, h.site("old", 1, ""), h.site("new", 2, ""))
	for _, id := range []string{"old", "new"} {
		h.publish(t, &kgo.Record{
			Topic: h.env["COMPANIES_TOPIC"], Key: []byte(id), Value: []byte("{}"),
			Headers: []kgo.RecordHeader{{Key: "jobo-site-updated-at", Value: []byte(siteTime(1).Format(time.RFC3339))}},
		}, &kgo.Record{Topic: h.env["COMPANIES_TOPIC"], Key: []byte(id + "-requested"), Value: []byte("{}")})
	}
	table := h.planned(t, nil)
	says(t, table, "chosen", "2, of which 1 are fetched")
	says(t, table, "to fetch", "1")
	contains(t, table, "Redis lacks")
}

// The memory is asked for many companies at once, and the newest record of each has
// the last word wherever it stands.
func TestAPlanOfManyCompanies(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.topics(t)
	const n = 2*askMost + 300
	var sites []*kgo.Record
	var known []checkpoint.Known
	for i := range n {
		id := fmt.Sprintf("company-%d", i)
		sites = append(sites, h.site(id, 1, `"fintech"`))
		k := checkpoint.Known{ID: id, Version: siteTime(1).Format("2006-01-02T15:04:05.000000000Z"), At: time.Now(), Outcome: checkpoint.Profile}
		if i%3 == 0 {
			k.Outcome = checkpoint.Dead
		}
		known = append(known, k)
	}
	for i := range 100 { // later versions: of 50 companies one that is not known, of 50 one that is not chosen
		sites = append(sites, h.site(fmt.Sprintf("company-%d", i*3+1), 2, []string{`"fintech"`, `"health"`}[i%2]))
	}
	h.publish(t, sites...)
	h.knows(t, known...)
	table := h.planned(t, environment{"ENRICH_SELECT": `"fintech" in industries`})
	says(t, table, "companies", fmt.Sprintf("%d on", n))
	says(t, table, "chosen", fmt.Sprintf("%d, of which %d are fetched in that version and %d are dead letters", n-50, n-n/3-1-100, n/3+1))
	says(t, table, "to fetch", "50")
}

func TestAPlanOfTopicsThatNoRunWouldTake(t *testing.T) {
	t.Parallel()
	r := newRing(t, simulator.Options{})
	r.create("sites", 3, "compact")
	r.create("companies", 2, "compact")
	var out bytes.Buffer
	if err := EnrichPlan(t.Context(), r.e, &out); err == nil || !strings.Contains(err.Error(), "has 2 partitions and must have 3") || out.Len() > 0 {
		t.Errorf("got %v and %q, want an error that says why", err, out.String())
	}
}

func TestAPlanWithoutItsServersIsAFailure(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	for name, harm := range map[string]environment{
		"Kafka": {"KAFKA_BROKERS": refused(t)}, "Redis": {"REDIS_URL": "redis://" + refused(t)},
	} {
		var out bytes.Buffer
		if err := EnrichPlan(t.Context(), h.config(t, harm), &out); err == nil || out.Len() > 0 {
			t.Errorf("without %s: got %v and %q, want an error and no plan", name, err, out.String())
		}
	}
}

func TestHowLongRequestsTakeAtTheLimits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n      int64
		limits string
		want   time.Duration
	}{
		{0, "2/m", 0},
		{1, "2/m", 0},
		{2, "2/m", 0},
		{3, "2/m", time.Minute},
		{1000, "off", 0},
		{360, "360/m,10000/h", 0},
		{10_000, "360/m,10000/h", 27 * time.Minute},
		{10_001, "360/m,10000/h", time.Hour},
		// The second hour's requests go at the pace of the first one's.
		{10_361, "360/m,10000/h", time.Hour + time.Minute},
		{20_000, "360/m,10000/h", time.Hour + 27*time.Minute},
		{20_001, "360/m,10000/h", 2 * time.Hour},
		{100_000, "360/m,10000/h,100000/d", 9*time.Hour + 27*time.Minute},
		{100_001, "360/m,10000/h,100000/d", 24 * time.Hour},
		{1_000_000, "360/m,10000/h,100000/d", 9*24*time.Hour + 9*time.Hour + 27*time.Minute},
	} {
		limits, err := ratelimit.Parse(c.limits)
		if err != nil {
			t.Fatal(err)
		}
		if got := atLimits(c.n, limits); got != c.want {
			t.Errorf("%d requests at %s: got %s, want %s", c.n, c.limits, got, c.want)
		}
	}
}

func TestWhyShowsTheFieldsOfTheExpression(t *testing.T) {
	t.Parallel()
	site := []byte(`{"name":"Acme", "industries": ["fintech", "bio"], "ats": null}`)
	for expression, want := range map[string]string{
		`"fintech" in industries`:                        `industries=["fintech","bio"]`,
		`ats == nil and name != "name" or summary == ""`: `name="Acme" summary=null ats=null`,
		`name == 'industries'`:                           `name="Acme"`,
		"true":                                           "",
	} {
		if got := why(expression, site); got != want {
			t.Errorf("%s: got %s, want %s", expression, got, want)
		}
	}
	if got := why("name", []byte(`{"name":"`+strings.Repeat("é", 100)+`"}`)); len(got) > whyMost+20 || !strings.HasSuffix(got, "...") {
		t.Errorf("got %q of a long name, want it cut", got)
	}
}
