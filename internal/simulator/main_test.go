package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// unlimited are options without request limits, for tests of something else.
func unlimited(rows int) simulator.Options {
	off := simulator.NoLimits()
	return simulator.Options{Rows: rows, FeedLimits: off, CompanyLimits: off, PublicLimits: off, BaseURL: "http://feed.test"}
}

// clock is a time that only moves when a test moves it.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// page is an answer of the feed, taken apart without losing a byte.
type page struct {
	Status  int
	Header  http.Header
	Body    []byte
	Rows    []json.RawMessage `json:"career_sites"`
	Next    *string           `json:"next_cursor"`
	HasMore bool              `json:"has_more"`
}

// ask sends a body to the feed in process, with the default key.
func ask(t *testing.T, h http.Handler, body string) page {
	t.Helper()
	return askAs(t, h, simulator.DefaultAPIKey, body)
}

func askAs(t *testing.T, h http.Handler, key, body string) page {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/career-sites/feed", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("X-Api-Key", key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	p := page{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
	if p.Status == http.StatusOK && json.Valid(p.Body) {
		if err := json.Unmarshal(p.Body, &p); err != nil {
			t.Fatalf("decode page: %v", err)
		}
	}
	return p
}

// with adds a cursor to a request body.
func with(body string, cursor *string) string {
	if cursor == nil {
		return body
	}
	member := fmt.Sprintf(`"cursor":%q`, *cursor)
	if body == "{}" {
		return "{" + member + "}"
	}
	return strings.TrimSuffix(body, "}") + "," + member + "}"
}

// scan pages to the end and returns every row in the order it came.
func scan(t *testing.T, h http.Handler, body string) []json.RawMessage {
	t.Helper()
	return scanFrom(t, h, body, nil)
}

// scanFrom goes on behind a cursor.
func scanFrom(t *testing.T, h http.Handler, body string, cursor *string) []json.RawMessage {
	t.Helper()
	var rows []json.RawMessage
	for range 10_000 {
		p := ask(t, h, with(body, cursor))
		if p.Status != http.StatusOK {
			t.Fatalf("page of %s: got status %d: %s", body, p.Status, p.Body)
		}
		rows = append(rows, p.Rows...)
		if p.HasMore != (p.Next != nil) || p.Header.Get("X-Has-More") != fmt.Sprint(p.HasMore) {
			t.Fatalf("has_more %v, header %q, cursor %v: they disagree", p.HasMore, p.Header.Get("X-Has-More"), p.Next)
		}
		if !p.HasMore {
			return rows
		}
		cursor = p.Next
	}
	t.Fatal("the scan does not end")
	return nil
}

// site is what tests read of a row.
type site struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	ATS          string     `json:"ats"`
	ListingURL   string     `json:"listing_url"`
	DiscoveredAt *time.Time `json:"discovered_at"`
	UpdatedAt    time.Time  `json:"updated_at"`
	DetailsURL   *string    `json:"details_url"`
}

func decode(t *testing.T, raw []byte) site {
	t.Helper()
	var s site
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("decode row: %v\n%s", err, raw)
	}
	return s
}

// get fetches any path in process.
func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return send(t, h, http.MethodGet, path, "", header...)
}

func send(t *testing.T, h http.Handler, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// start serves over loopback until the test ends.
func start(t *testing.T, o simulator.Options) (*simulator.Server, *http.Client) {
	t.Helper()
	o.BaseURL = ""
	srv, err := simulator.Start(t.Context(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := srv.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return srv, &http.Client{Transport: transport}
}

// head is an answer whose body was read and closed.
type head struct {
	StatusCode int
	Header     http.Header
}

// post asks the feed over the wire; the error is that of the exchange, then
// without a head, or of reading the body, of which what arrived is returned.
func post(t *testing.T, c *http.Client, url, body string, header ...string) (*head, []byte, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/career-sites/feed", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return &head{resp.StatusCode, resp.Header}, got, err
}

// arm adds a fault that must be valid.
func arm(t *testing.T, s interface{ AddFault(simulator.Fault) error }, f simulator.Fault) {
	t.Helper()
	if err := s.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

func mustContain(t *testing.T, body []byte, want string) {
	t.Helper()
	if !bytes.Contains(body, []byte(want)) {
		t.Errorf("body: got %.300s, want it to contain %q", body, want)
	}
}

// gone asks the feed as a client that has already left.
func gone(t *testing.T, h http.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/career-sites/feed", strings.NewReader("{}"))
	r.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	h.ServeHTTP(httptest.NewRecorder(), r)
}
