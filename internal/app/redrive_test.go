package app

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// redriven is what Redrive prints.
func (h *hall) redriven(t *testing.T, wish RedriveWish) string {
	t.Helper()
	var out bytes.Buffer
	if err := Redrive(t.Context(), h.config(t, nil), wish, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// graves are dead letters of all kinds: of five companies, one of which was fetched
// since, of none, and of the producer.
func (h *hall) graves(t *testing.T) (details string) {
	t.Helper()
	h.topics(t)
	details = h.feed.URL() + "/api/companies/down"
	producers := h.letter("row", schemas.ReasonTooLarge, time.Hour, "{}")
	producers.Headers = producers.Headers[:1]
	h.publish(t,
		h.letter("down", schemas.ReasonExhausted, 5*time.Hour, `{"id":"down","details_url":"`+details+`"}`),
		h.letter("gone", schemas.ReasonNotFound, 4*time.Hour, `{}`),
		h.letter("gone", schemas.ReasonGone, 3*time.Hour, `{"details_url":null}`),
		h.letter("evil", schemas.ReasonURLHost, 2*time.Hour, `{"details_url":"https://evil.example/1"}`),
		h.letter("since", schemas.ReasonStatus, 2*time.Hour, ``),
		h.letter("late", schemas.ReasonStatus, 10*time.Minute, `{"details_url":5}`),
		h.letter("odd", schemas.ReasonBadRequest, time.Hour, `no JSON`),
		h.letter("", schemas.ReasonBadSite, time.Hour, `no JSON`),
		producers,
	)
	fetched := func(id string, age time.Duration) checkpoint.Known {
		return checkpoint.Known{ID: id, At: time.Now().Add(-age).Truncate(time.Millisecond), Outcome: checkpoint.Profile}
	}
	h.knows(t, fetched("since", time.Hour), fetched("down", 24*time.Hour))
	return details
}

func TestRedriveAsksOnceForEachCompanyThatIsStillMissing(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	details := h.graves(t)
	table := h.redriven(t, RedriveWish{})
	says(t, table, "redriven", "4 companies")
	contains(t, table, "gone: 1", "retries_exhausted: 1", "status: 1", "url_host: 1", "1 that were fetched since", "2 dead letters that do not say")
	h.wantRequested(t, map[string]schemas.CompanyRequest{
		"down": {ID: "down", DetailsURL: details, Reason: "redrive: retries_exhausted", Force: true},
		"gone": {ID: "gone", Reason: "redrive: gone", Force: true},
		"evil": {ID: "evil", Reason: "redrive: url_host", Force: true}, // at the API's own address
		"late": {ID: "late", Reason: "redrive: status", Force: true},
	})
}

func TestRedriveKeepsToWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.graves(t)
	for name, c := range map[string]struct {
		wish RedriveWish
		want []string
	}{
		"a reason":        {RedriveWish{Reasons: []schemas.DeadLetterReason{schemas.ReasonNotFound}}, []string{"1 companies", "not_found: 1"}},
		"since":           {RedriveWish{Since: time.Now().Add(-150 * time.Minute)}, []string{"2 companies", "url_host: 1", "status: 1", "1 that were fetched since"}},
		"a limit":         {RedriveWish{Limit: 2}, []string{"2 companies", "retries_exhausted: 1", "gone: 1", "2 beyond --limit"}}, // the oldest
		"nothing of that": {RedriveWish{Reasons: []schemas.DeadLetterReason{schemas.ReasonWrongCompany}}, []string{"0 companies"}},
	} {
		c.wish.DryRun = true
		t.Run(name, func(t *testing.T) { // one after the other: what they published is looked at below
			table := h.redriven(t, c.wish)
			says(t, table, "to redrive", c.want[0])
			contains(t, table, append(c.want, "nothing was changed")...)
		})
	}
	if newest, _ := h.read(t, h.env["REQUESTS_TOPIC"]); len(newest) > 0 {
		t.Errorf("a dry run published %d requests", len(newest))
	}
}

func TestRedriveOfManyKeepsItsLimit(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.topics(t)
	const n, limit = 2*askMost + 200, 2*askMost + 100
	var letters []*kgo.Record
	for i := range n {
		letters = append(letters, h.letter(fmt.Sprintf("company-%d", i), schemas.ReasonExhausted, time.Duration(n-i)*time.Minute, ""))
	}
	h.publish(t, letters...)
	table := h.redriven(t, RedriveWish{Limit: limit})
	says(t, table, "redriven", fmt.Sprintf("%d companies", limit))
	contains(t, table, fmt.Sprintf("%d beyond --limit", n-limit))
	requests := h.requested(t)
	if _, oldest := requests["company-0"]; len(requests) != limit || !oldest {
		t.Errorf("got %d requests, the oldest among them: %t; want %d with it", len(requests), oldest, limit)
	}
}

func TestRedriveOfNothing(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	says(t, h.redriven(t, RedriveWish{}), "redriven", "0 companies")
	if d := h.desk(t); len(d.missing) == 0 {
		t.Error("topics were created, want nothing done")
	}
	h.topics(t)
	h.publish(t, &kgo.Record{Topic: h.env["DEAD_LETTERS_TOPIC"]}) // somebody's
	says(t, h.redriven(t, RedriveWish{}), "redriven", "0 companies")
}

func TestRedriveWithoutItsServersIsAFailure(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.graves(t)
	for name, harm := range map[string]environment{"Kafka": {"KAFKA_BROKERS": refused(t)}, "Redis": {"REDIS_URL": "redis://" + refused(t)}} {
		var out bytes.Buffer
		if err := Redrive(t.Context(), h.config(t, harm), RedriveWish{}, &out); err == nil || out.Len() > 0 {
			t.Errorf("without %s: got %v and %q, want an error and nothing else", name, err, out.String())
		}
	}
	if newest, _ := h.read(t, h.env["REQUESTS_TOPIC"]); len(newest) > 0 {
		t.Errorf("got %d requests, want none", len(newest))
	}
}
