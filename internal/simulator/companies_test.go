package simulator_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestProfileIsPublicFreeAndKnowsWhatTheClientHas(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(5))
	id := s.Select(simulator.Filters{})[0].ID
	path := "/api/companies/" + id
	first := get(t, s, path)
	tag := first.Header().Get("Etag")
	if first.Code != http.StatusOK || tag == "" || first.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Fatalf("profile: got %d, headers %v", first.Code, first.Header())
	}
	var profile struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(first.Body.Bytes(), &profile); err != nil || profile.ID != id {
		t.Errorf("profile id: got %q (%v), want %q", profile.ID, err, id)
	}
	if want, _ := s.Profile(id); !bytes.Equal(first.Body.Bytes(), want) {
		t.Errorf("bytes: got %s, want %s", first.Body.Bytes(), want)
	}
	for _, have := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
		w := get(t, s, path, "If-None-Match", have)
		if w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("Etag") != tag {
			t.Errorf("If-None-Match %s: got %d, %d bytes, tag %q", have, w.Code, w.Body.Len(), w.Header().Get("Etag"))
		}
	}
	if err := s.Update(id); err != nil {
		t.Fatal(err)
	}
	changed := get(t, s, path, "If-None-Match", tag)
	if changed.Code != http.StatusOK || changed.Header().Get("Etag") == tag || bytes.Equal(changed.Body.Bytes(), first.Body.Bytes()) {
		t.Errorf("after an update: got %d, tag %q", changed.Code, changed.Header().Get("Etag"))
	}
	if got := s.ProfileGets(id); got != 6 {
		t.Errorf("times asked: got %d, want 6", got)
	}
	if l := s.Ledger(); l.Credits != 0 || len(l.Status) != 0 {
		t.Errorf("profiles in the feed's ledger: %d credits, %v", l.Credits, l.Status)
	}
}

func TestProfileOfNobodyIsNotFoundAndNotCounted(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(5))
	for _, id := range []string{"", "nobody", "00000000-0000-4000-8000-000000000000", s.Select(simulator.Filters{})[0].ID + "/jobs"} {
		w := get(t, s, "/api/companies/"+id)
		if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("profile %q: got %d, %s", id, w.Code, w.Header().Get("Content-Type"))
		}
		if got := s.ProfileGets(id); got != 0 {
			t.Errorf("profile %q was asked for %d times, want 0", id, got)
		}
	}
	if _, ok := s.Profile("nobody"); ok {
		t.Error("nobody has a profile")
	}
	if got := s.ProfilesServed(); got != 0 {
		t.Errorf("profiles served: got %d, want 0", got)
	}
}

func TestProfileAnswersGetAndHeadAlone(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(1))
	path := "/api/companies/" + s.Select(simulator.Filters{})[0].ID
	if w := send(t, s, http.MethodHead, path, ""); w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") == "0" {
		t.Errorf("HEAD: got %d, %d bytes, length %q", w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
	}
	if w := send(t, s, http.MethodPost, path, ""); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestProfileLimitIsThatOfTheKeyOrElseOfTheAddress(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := simulator.New(simulator.Options{
		Rows: 1, Clock: c.Now, PublicLimits: simulator.Limits{Minute: 1}, CompanyLimits: simulator.Limits{Minute: 2},
	})
	path := "/api/companies/" + s.Select(simulator.Filters{})[0].ID
	for i, step := range []struct {
		key    string
		status int
	}{
		{"", 200},
		{"", 429},
		{"unknown keys share the address", 429},
		{simulator.DefaultAPIKey, 200},
		{simulator.DefaultAPIKey, 200},
		{simulator.DefaultAPIKey, 429},
	} {
		w := get(t, s, path, "X-Api-Key", step.key)
		if w.Code != step.status || w.Header().Get("X-RateLimit-Group") != "general" {
			t.Errorf("step %d: got %d in group %q, want %d", i+1, w.Code, w.Header().Get("X-RateLimit-Group"), step.status)
		}
		if step.status == 429 {
			mustContain(t, w.Body.Bytes(), `"retry_after_seconds":60`)
		}
	}
	if feed, companies := s.TooManyServed(); feed != 0 || companies != 3 {
		t.Errorf("429 counted: got %d and %d, want 0 and 3", feed, companies)
	}
	c.advance(time.Minute)
	if w := get(t, s, path); w.Code != http.StatusOK {
		t.Errorf("a minute later: got %d, want 200", w.Code)
	}
}

func TestFaultMeetsOneProfileAlone(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(2))
	rows := s.Select(simulator.Filters{})
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: 503, When: simulator.When{Route: simulator.RouteCompanies, ID: rows[0].ID}})
	if p := ask(t, s, "{}"); p.Status != http.StatusOK {
		t.Errorf("the feed: got %d, want 200", p.Status)
	}
	for _, step := range []struct {
		id     string
		status int
	}{{rows[1].ID, 200}, {rows[0].ID, 503}, {rows[0].ID, 200}} {
		if w := get(t, s, "/api/companies/"+step.id); w.Code != step.status {
			t.Errorf("profile %s: got %d, want %d", step.id, w.Code, step.status)
		}
	}
}
