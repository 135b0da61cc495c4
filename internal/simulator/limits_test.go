package simulator_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func limited(c *clock, l simulator.Limits) simulator.Options {
	o := unlimited(5)
	o.FeedLimits, o.Clock = l, c.Now
	return o
}

func TestDefaultLimitsAreThoseOfThePaidPlan(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := simulator.New(simulator.Options{Rows: 5, Clock: c.Now})
	id := s.Select(simulator.Filters{})[0].ID
	key := []string{"X-Api-Key", simulator.DefaultAPIKey}
	for name, tc := range map[string]struct {
		limit int
		ask   func() http.Header
	}{
		"feed":            {120, func() http.Header { return ask(t, s, "{}").Header }},
		"profiles, key":   {360, func() http.Header { return get(t, s, "/api/companies/"+id, key...).Header() }},
		"profiles, none":  {60, func() http.Header { return get(t, s, "/api/companies/"+id).Header() }},
		"profiles, wrong": {60, func() http.Header { return get(t, s, "/api/companies/"+id, "X-Api-Key", "x").Header() }},
	} {
		if got := tc.ask().Get("X-RateLimit-Limit"); got != strconv.Itoa(tc.limit) {
			t.Errorf("%s: X-RateLimit-Limit %s, want %d", name, got, tc.limit)
		}
	}
}

func TestWindowsRoll(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := simulator.New(limited(c, simulator.Limits{Minute: 3}))
	status := func() int { return ask(t, s, "{}").Status }
	// 0 s, 20 s and 40 s pass; the next place is free at 60 s, not at a full minute.
	for range 3 {
		if got := status(); got != http.StatusOK {
			t.Fatalf("within the limit: got %d", got)
		}
		c.advance(20 * time.Second)
	}
	if got := status(); got != http.StatusOK {
		t.Fatalf("at 60 s: got %d, want 200: the first request has left", got)
	}
	c.advance(20*time.Second - time.Nanosecond)
	if got := status(); got != http.StatusTooManyRequests {
		t.Fatalf("just before 80 s: got %d, want 429", got)
	}
	c.advance(time.Nanosecond)
	if got := status(); got != http.StatusOK {
		t.Fatalf("at 80 s: got %d, want 200: what was refused does not count", got)
	}
	feed, _ := s.TooManyServed()
	if l := s.Ledger(); feed != 1 || l.Pages != 5 {
		t.Errorf("got %d refusals and %d billed pages, want 1 and 5", feed, l.Pages)
	}
}

func TestTightestWindowRules(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := simulator.New(limited(c, simulator.Limits{Minute: 10, Hour: 4, Day: 6}))
	p := ask(t, s, "{}")
	h := p.Header
	if h.Get("X-RateLimit-Limit") != "4" || h.Get("X-RateLimit-Remaining") != "3" || h.Get("X-RateLimit-Group") != "feed" {
		t.Errorf("headers: got %v, want those of the hour", h)
	}
	if got, want := h.Get("X-RateLimit-Reset"), strconv.FormatInt(c.Now().Add(time.Hour).Unix(), 10); got != want {
		t.Errorf("X-RateLimit-Reset: got %s, want %s", got, want)
	}
	for range 3 {
		ask(t, s, "{}")
	}
	if p := ask(t, s, "{}"); p.Status != 429 || p.Header.Get("Retry-After") != "3600" {
		t.Errorf("fifth in the hour: got %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
	}
	c.advance(time.Hour)
	ask(t, s, "{}")
	ask(t, s, "{}")
	if p := ask(t, s, "{}"); p.Status != 429 || p.Header.Get("Retry-After") != strconv.Itoa(23*3600) {
		t.Errorf("seventh in the day: got %d, Retry-After %q", p.Status, p.Header.Get("Retry-After"))
	}
}

func TestRetryAfterIsNeverTooShort(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		style simulator.RetryAfterStyle
		want  []string
	}{
		"seconds":   {simulator.RetryAfterSeconds, []string{"60", "60"}},
		"date":      {simulator.RetryAfterDate, []string{"Sun, 01 Mar 2026 12:01:01 GMT", "Sun, 01 Mar 2026 12:01:01 GMT"}},
		"alternate": {simulator.RetryAfterAlternate, []string{"60", "Sun, 01 Mar 2026 12:01:01 GMT"}},
		"body only": {simulator.RetryAfterBodyOnly, []string{"", ""}},
	} {
		c := newClock()
		c.advance(300 * time.Millisecond)
		o := limited(c, simulator.Limits{Minute: 1})
		o.RetryAfter = tc.style
		s := simulator.New(o)
		ask(t, s, "{}")
		c.advance(100 * time.Millisecond) // 59.9 s are left
		for i, want := range tc.want {
			p := ask(t, s, "{}")
			if got := p.Header.Get("Retry-After"); p.Status != 429 || got != want {
				t.Errorf("%s, %d: got %d with Retry-After %q, want %q", name, i, p.Status, got, want)
			}
			mustContain(t, p.Body, `"retry_after_seconds":60`)
		}
	}
}

func TestKeysAndGroupsAreCountedApart(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := limited(c, simulator.Limits{Minute: 1})
	o.CompanyLimits = simulator.Limits{Minute: 1}
	o.APIKeys = []string{"a", "b"}
	s := simulator.New(o)
	id := s.Select(simulator.Filters{})[0].ID
	for i, want := range []int{200, 429} {
		for _, key := range o.APIKeys {
			if p := askAs(t, s, key, "{}"); p.Status != want {
				t.Errorf("request %d of key %s: got %d, want %d", i, key, p.Status, want)
			}
			w := get(t, s, "/api/companies/"+id, "X-Api-Key", key)
			if w.Code != want || w.Header().Get("X-RateLimit-Group") != "general" {
				t.Errorf("profile %d of key %s: got %d in group %q, want %d", i, key, w.Code, w.Header().Get("X-RateLimit-Group"), want)
			}
		}
	}
	if _, companies := s.TooManyServed(); companies != 2 {
		t.Errorf("profiles refused: got %d, want 2", companies)
	}
}

func TestLimitsSwitchedOffSayNothing(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := simulator.New(limited(c, simulator.NoLimits()))
	for range 200 {
		if p := ask(t, s, "{}"); p.Status != http.StatusOK || p.Header.Get("X-RateLimit-Limit") != "" {
			t.Fatalf("got %d with X-RateLimit-Limit %q", p.Status, p.Header.Get("X-RateLimit-Limit"))
		}
	}
}

func TestLimitsHoldOverManyRequests(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := simulator.New(limited(c, simulator.Limits{Minute: 1200}))
	passed := 0
	for range 6000 { // 4 minutes at 25 a second: 1,200 pass in each
		if askAs(t, s, simulator.DefaultAPIKey, `{"batch_size":1}`).Status == http.StatusOK {
			passed++
		}
		c.advance(40 * time.Millisecond)
	}
	if passed != 4800 {
		t.Errorf("passed: got %d, want 4800", passed)
	}
}

func TestClockThatGoesBackDoesNotFreeTheWindow(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := simulator.New(limited(c, simulator.Limits{Minute: 2}))
	ask(t, s, "{}")
	c.advance(-time.Hour)
	ask(t, s, "{}")
	if p := ask(t, s, "{}"); p.Status != http.StatusTooManyRequests {
		t.Errorf("third request: got %d, want 429", p.Status)
	}
}
