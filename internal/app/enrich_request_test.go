package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// ask runs EnrichRequest.
func (h *hall) ask(t *testing.T, wish RequestWish, in string, more environment) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := EnrichRequest(t.Context(), h.config(t, more), wish, strings.NewReader(in), &out)
	return out.String(), err
}

func TestRequestsArePublishedAsTheyWereMeant(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	details := h.feed.URL() + "/api/companies/other"
	for _, wish := range []RequestWish{
		{IDs: []string{"a", "b"}, Reason: "they asked", Force: true},
		{IDs: []string{"c"}, DetailsURL: details},
	} {
		out, err := h.ask(t, wish, "ignored", nil)
		if want := fmt.Sprintf("published %d requests to %s\n", len(wish.IDs), h.env["REQUESTS_TOPIC"]); err != nil || out != want {
			t.Errorf("%+v: got %q, %v; want %q", wish, out, err, want)
		}
	}
	h.wantRequested(t, map[string]schemas.CompanyRequest{
		"a": {ID: "a", Reason: "they asked", Force: true}, "b": {ID: "b", Reason: "they asked", Force: true}, "c": {ID: "c", DetailsURL: details},
	})
	if d := h.desk(t); len(d.missing) > 0 {
		t.Errorf("topics %q are missing, want those of a run", d.missing)
	}
}

func TestRequestsFromTheInputMayBeManyAndSomeBad(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	const n = 2*publishMost + 500
	var in strings.Builder
	want := make(map[string]schemas.CompanyRequest)
	for i := range n {
		id := fmt.Sprintf("company-%d", i)
		fmt.Fprintf(&in, "  %s\r\n\n", id)
		want[id] = schemas.CompanyRequest{ID: id}
	}
	for range shownBad + 5 {
		in.WriteString("a\tb\n")
	}
	out, err := h.ask(t, RequestWish{}, in.String()+"last", nil)
	want["last"] = schemas.CompanyRequest{ID: "last"}
	if !strings.HasPrefix(out, fmt.Sprintf("published %d requests", n+1)) {
		t.Errorf("got %q, want %d requests", out, n+1)
	}
	if exitCode(err) != ExitFailed {
		t.Fatalf("got %v, want exit code %d", err, ExitFailed)
	}
	contains(t, err.Error(), "25 lines name no company", fmt.Sprintf("line %d: the company id holds control characters", 2*n+1), "and 5 more")
	h.wantRequested(t, want)
}

func TestNoRequestIsMadeForWhatWouldBeRefused(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	_, err := h.ask(t, RequestWish{IDs: []string{"a"}, DetailsURL: "https://169.254.169.254/"}, "", nil)
	var usage *UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--details-url can't be asked for") || !strings.Contains(err.Error(), "IP address") {
		t.Errorf("got %v, want a usage error that says why", err)
	}
	if d := h.desk(t); !d.lacks(h.env["REQUESTS_TOPIC"]) {
		t.Error("the topic was created, want nothing done")
	}
}

func TestRequestsThatCanNotBePublishedAreAFailure(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	for name, c := range map[string]struct {
		more environment
		in   string
		want string
	}{
		"no broker":       {environment{"KAFKA_BROKERS": refused(t)}, "a", "can't be reached"},
		"no topic":        {environment{"TOPICS_CREATE": "false", "REQUESTS_TOPIC": "nobody-has-it"}, "a", "does not exist"},
		"a file of bytes": {nil, "a\n" + strings.Repeat("x", 100_000), "standard input after line 1: "},
	} {
		if out, err := h.ask(t, RequestWish{}, c.in, c.more); err == nil || exitCode(err) != ExitFailed || !strings.Contains(err.Error(), c.want) || out != "" {
			t.Errorf("%s: got %q, %v; want an error with %q", name, out, err, c.want)
		}
	}
}

func TestRequestsThatAreStoppedSayHowManyWerePublished(t *testing.T) {
	t.Parallel()
	r := newRing(t, simulator.Options{})
	r.topics()
	ctx, cancel := context.WithCancelCause(t.Context())
	batches := 0
	r.kafka.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		r.kafka.KeepControl()
		if batches++; batches > 1 { // the first thousand are there
			cancel(errors.New("stopped by the test"))
			return nil, errors.New("the connection breaks"), true
		}
		return nil, nil, false
	})
	var in strings.Builder
	for i := range 2 * publishMost {
		fmt.Fprintln(&in, i)
	}
	var out bytes.Buffer
	err := EnrichRequest(ctx, r.e, RequestWish{}, strings.NewReader(in.String()), &out)
	if err == nil || out.Len() > 0 {
		t.Fatalf("got %v and %q, want an error and nothing else", err, out.String())
	}
	contains(t, err.Error(), "stopped by the test", "(1000 requests were published before)")
}
