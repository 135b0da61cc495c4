package simulator_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestFeedRefusesWhatTheContractRefuses(t *testing.T) {
	t.Parallel()
	const forbidden = "jbe_test_plan-without-the-feed_0000000000000000000000000000000000000000000"
	o := unlimited(60)
	o.ForbiddenKeys = []string{forbidden}
	s := simulator.New(o)
	s.SetKey("revoked", simulator.KeyRevoked)
	for name, tc := range map[string]struct {
		key, body string
		status    int
		want      string
	}{
		"missing key":            {"", `{}`, 401, "missing"},
		"wrong key":              {"nobody", `{}`, 401, "wrong"},
		"revoked key":            {"revoked", `{}`, 401, "revoked"},
		"plan without the feed":  {forbidden, `{}`, 403, "plan"},
		"unknown field":          {simulator.DefaultAPIKey, `{"industry":["x"]}`, 400, "unknown field industry"},
		"other case":             {simulator.DefaultAPIKey, `{"Industries":["x"]}`, 400, "unknown field Industries"},
		"repeated field":         {simulator.DefaultAPIKey, `{"batch_size":1,"batch_size":2}`, 400, "batch_size"},
		"list is a string":       {simulator.DefaultAPIKey, `{"industries":"fintech"}`, 400, "field industries"},
		"list of numbers":        {simulator.DefaultAPIKey, `{"industries":[1]}`, 400, "field industries/0"},
		"year is a string":       {simulator.DefaultAPIKey, `{"founded_after":"2010"}`, 400, "field founded_after"},
		"year is a fraction":     {simulator.DefaultAPIKey, `{"founded_after":2010.5}`, 400, "field founded_after"},
		"agency is a string":     {simulator.DefaultAPIKey, `{"is_agency":"true"}`, 400, "field is_agency"},
		"time without zone":      {simulator.DefaultAPIKey, `{"updated_after":"2026-01-01T00:00:00"}`, 400, "field updated_after"},
		"time is a number":       {simulator.DefaultAPIKey, `{"discovered_after":1700000000}`, 400, "field discovered_after"},
		"cursor is a number":     {simulator.DefaultAPIKey, `{"cursor":7}`, 400, "field cursor"},
		"batch of 0":             {simulator.DefaultAPIKey, `{"batch_size":0}`, 400, "batch_size is 0"},
		"batch of 51":            {simulator.DefaultAPIKey, `{"batch_size":51}`, 400, "batch_size is 51"},
		"batch is a string":      {simulator.DefaultAPIKey, `{"batch_size":"50"}`, 400, "field batch_size"},
		"not JSON":               {simulator.DefaultAPIKey, `{"batch_size":`, 400, "not valid"},
		"something behind it":    {simulator.DefaultAPIKey, `{}{}`, 400, "not valid"},
		"empty body":             {simulator.DefaultAPIKey, ``, 400, "empty"},
		"null":                   {simulator.DefaultAPIKey, `null`, 400, "null"},
		"array":                  {simulator.DefaultAPIKey, `[]`, 400, "not valid"},
		"garbled cursor":         {simulator.DefaultAPIKey, `{"cursor":"abc"}`, 400, `"code":"invalid_cursor","detail":"Invalid cursor"`},
		"empty cursor":           {simulator.DefaultAPIKey, `{"cursor":""}`, 400, "Invalid cursor"},
		"cursor of another feed": {simulator.DefaultAPIKey, `{"cursor":"eyJiIjo1MH0.AAAAAAAAAAAAAAAA"}`, 400, "Invalid cursor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := askAs(t, s, tc.key, tc.body)
			if p.Status != tc.status {
				t.Fatalf("status: got %d, want %d: %s", p.Status, tc.status, p.Body)
			}
			if got := p.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("content type: got %q", got)
			}
			mustContain(t, p.Body, tc.want)
			for _, member := range []string{`"title":`, `"detail":`, `"code":`, `"status":`} {
				mustContain(t, p.Body, member)
			}
		})
	}
	t.Cleanup(func() {
		if l := s.Ledger(); l.Pages != 0 || l.Credits != 0 {
			t.Errorf("refusals were billed: %d pages, %d credits", l.Pages, l.Credits)
		}
	})
}

func TestFeedRefusesOtherMethodsTypesAndPaths(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(1))
	if w := get(t, s, "/api/career-sites/feed", "X-Api-Key", simulator.DefaultAPIKey); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "POST" {
		t.Errorf("GET of the feed: got %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	w := send(t, s, http.MethodPost, "/api/career-sites/feed", "a=b", "X-Api-Key", simulator.DefaultAPIKey, "Content-Type", "application/x-www-form-urlencoded")
	if w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("a form: got %d, want 415", w.Code)
	}
	if w := get(t, s, "/api/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("unknown path: got %d, want 404", w.Code)
	}
	w = send(t, s, http.MethodPost, "/api/career-sites/feed?X-Api-Key="+simulator.DefaultAPIKey, "{}")
	if w.Code != http.StatusUnauthorized {
		t.Errorf("key in the query string: got %d, want 401", w.Code)
	}
}

func TestPlainHTTPIsRedirectedUnread(t *testing.T) {
	t.Parallel()
	o := unlimited(1)
	o.RedirectPlainHTTP = true
	s := simulator.New(o)
	p := ask(t, s, "{}")
	if p.Status != http.StatusMovedPermanently || p.Header.Get("Location") != "https://example.com/api/career-sites/feed" {
		t.Errorf("got %d to %q, want 301 to https", p.Status, p.Header.Get("Location"))
	}
	if l := s.Ledger(); l.Pages != 0 {
		t.Errorf("a redirect was billed: %d pages", l.Pages)
	}
}

func TestPlainErrorsHaveTheOtherShape(t *testing.T) {
	t.Parallel()
	o := unlimited(1)
	o.ErrorStyle = simulator.ErrorsAlternate
	s := simulator.New(o)
	first, second := askAs(t, s, "x", "{}"), askAs(t, s, "x", "{}")
	mustContain(t, first.Body, `"title":"Unauthorized"`)
	var plain struct {
		Status         int
		Error, Message string
	}
	if err := json.Unmarshal(second.Body, &plain); err != nil || plain.Status != 401 || plain.Error != "Unauthorized" || plain.Message == "" {
		t.Errorf("second error: got %s (%v), want status, error and message", second.Body, err)
	}
}

func TestFeedPagesThroughEveryRowOnceInOrder(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(237))
	for _, body := range []string{`{}`, `{"batch_size":1}`, `{"batch_size":50}`, `{"batch_size":49}`, `{"updated_after":null,"industries":[]}`} {
		rows := scan(t, s, body)
		want := s.Select(simulator.Filters{})
		if len(rows) != len(want) || len(want) != 237 {
			t.Fatalf("scan of %s: got %d rows, want %d", body, len(rows), len(want))
		}
		for i := range rows {
			if !bytes.Equal(rows[i], want[i].Bytes) {
				t.Fatalf("scan of %s, row %d: got %s, want %s", body, i, rows[i], want[i].Bytes)
			}
			if i > 0 {
				a, b := want[i-1], want[i]
				if a.UpdatedAt.After(b.UpdatedAt) || a.UpdatedAt.Equal(b.UpdatedAt) && a.ID >= b.ID {
					t.Errorf("row %d: %s %s does not come after %s %s", i, b.UpdatedAt, b.ID, a.UpdatedAt, a.ID)
				}
			}
		}
	}
}

func TestFeedOfNothingEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(-1))
	p := ask(t, s, "{}")
	if string(p.Body) != `{"career_sites":[],"next_cursor":null,"has_more":false}` {
		t.Errorf("got %s", p.Body)
	}
	if p.Header.Get("X-Credits-Deducted") != "0" || p.Header.Get("X-Has-More") != "false" {
		t.Errorf("headers: got %v", p.Header)
	}
}

func TestFeedCompressesOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(50))
	plain := ask(t, s, "{}")
	for accept, want := range map[string]string{
		"": "", "gzip": "gzip", "br, gzip;q=0.5": "gzip", "gzip;q=0": "", "deflate": "", "*": "gzip",
	} {
		w := send(t, s, http.MethodPost, "/api/career-sites/feed", "{}", "X-Api-Key", simulator.DefaultAPIKey, "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
			continue
		}
		body := io.Reader(w.Body)
		if want == "gzip" {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			body = z
		}
		if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, plain.Body) {
			t.Errorf("Accept-Encoding %q: body differs from the plain one (%v)", accept, err)
		}
	}
}
