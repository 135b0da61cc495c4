package simulator_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestProfileLedgerCountsEachVersionsAnswers(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(3))
	rows := s.Select(simulator.Filters{})
	a, b := rows[0].ID, rows[1].ID
	path := "/api/companies/" + a
	tag := get(t, s, path).Header().Get("Etag")
	get(t, s, path, "If-None-Match", tag)
	if err := s.Update(a); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{503, 429} {
		arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: status, When: simulator.When{Route: simulator.RouteCompanies}})
		get(t, s, path)
	}
	get(t, s, path)
	get(t, s, "/api/companies/"+b)
	get(t, s, "/api/companies/nobody")
	send(t, s, http.MethodPost, path, "")

	l := s.ProfileLedger()
	want := []simulator.ProfileCount{
		{ID: a, Version: 1, Gets: 2, ByStatus: map[int]int{200: 1, 304: 1}},
		{ID: a, Version: 2, Gets: 3, ByStatus: map[int]int{200: 1, 429: 1, 503: 1}},
	}
	if diff := cmp.Diff(want, l.PerCompany(a)); diff != "" {
		t.Errorf("one company (-want +got):\n%s", diff)
	}
	if got := l.PerCompany("nobody"); len(got) != 1 || got[0].Version != 0 || got[0].ByStatus[404] != 1 {
		t.Errorf("nobody: got %+v", got)
	}
	if got := l.PerCompany(rows[2].ID); len(got) != 0 {
		t.Errorf("a company that nobody asked for: got %+v", got)
	}
	if got := len(l.Companies()); got != 4 {
		t.Errorf("versions of companies: got %d, want a twice, b and nobody", got)
	}
	if l.Gets != 7 || l.Admitted != 7 || l.NotModified != 1 || l.TooMany != 1 {
		t.Errorf("totals: got %+v", l)
	}
	if diff := cmp.Diff(map[int]int{200: 3, 304: 1, 404: 1, 405: 1, 429: 1, 503: 1}, l.ByStatus); diff != "" {
		t.Errorf("by status (-want +got):\n%s", diff)
	}
	var twice []int
	for _, c := range l.Twice() {
		twice = append(twice, c.Version, c.Gets)
	}
	if !slices.Equal(twice, []int{1, 2, 2, 2}) || l.Repeated() != 2 {
		t.Errorf("versions and GETs beyond one: got %v and %d, want both versions twice, 429 aside", twice, l.Repeated())
	}
}

func TestProfileLedgerHasClientsThatDidNotWait(t *testing.T) {
	t.Parallel()
	o := unlimited(1)
	o.CompanyLatency = time.Hour
	s := simulator.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := "/api/companies/" + s.Select(simulator.Filters{})[0].ID
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody))
	if l := s.ProfileLedger(); l.Gets != 1 || l.ByStatus[0] != 1 {
		t.Errorf("got %+v, want one GET without an answer", l)
	}
}

func TestMostInWindowIsOfAdmittedRequestsInAnyWindow(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := unlimited(1)
	o.Clock, o.PublicLimits = c.Now, simulator.Limits{Minute: 4}
	s := simulator.New(o)
	path := "/api/companies/" + s.Select(simulator.Filters{})[0].ID
	began := c.Now()
	// One at 0, three at 50, one refused at 59, one at 60 and two at 110 seconds.
	for _, at := range []time.Duration{0, 50, 50, 50, 59, 60, 110, 110} {
		c.advance(began.Add(at * time.Second).Sub(c.Now()))
		get(t, s, path)
	}
	l := s.ProfileLedger()
	if l.TooMany != 1 || l.Gets != 8 || l.Admitted != 7 {
		t.Fatalf("got %+v, want 7 admitted and 1 refused", l)
	}
	for d, want := range map[time.Duration]int{
		0: 1, time.Nanosecond: 3, 10 * time.Second: 3, 10*time.Second + 1: 4,
		time.Minute: 4, time.Minute + 1: 6, time.Hour: 7, 1<<63 - 1: 7,
	} {
		if got := l.MostInWindow(d); got != want {
			t.Errorf("most in %s: got %d, want %d", d, got, want)
		}
	}
	times := l.Times()
	if len(times) != 7 || !times[0].Equal(began) || !times[4].Equal(began.Add(time.Minute)) {
		t.Errorf("times: got %v", times)
	}
	empty := simulator.New(o).ProfileLedger()
	if got := empty.MostInWindow(time.Hour); got != 0 {
		t.Errorf("most without a request: got %d", got)
	}
}
