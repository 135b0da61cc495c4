package simulator_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestDefaultKeyLooksLikeAKey(t *testing.T) {
	t.Parallel()
	if !regexp.MustCompile(`^jbe_(live|test)_[A-Za-z0-9_-]{21}_[A-Za-z0-9_-]{43}$`).MatchString(simulator.DefaultAPIKey) {
		t.Errorf("DefaultAPIKey has another shape: %s", simulator.DefaultAPIKey)
	}
}

func TestDetailsURLResolves(t *testing.T) {
	t.Parallel()
	srv, client := start(t, unlimited(3))
	for _, row := range srv.Select(simulator.Filters{}) {
		site := decode(t, row.Bytes)
		if site.DetailsURL == nil {
			continue
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, *site.DetailsURL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || decode(t, text).ID != row.ID {
			t.Errorf("%s: got %d (%v)", *site.DetailsURL, resp.StatusCode, err)
		}
	}
}

func TestBaseURLIsTheFirstHostAndThenFinal(t *testing.T) {
	t.Parallel()
	o := unlimited(5)
	o.BaseURL = ""
	s := simulator.New(o)
	if !s.SetBaseURL("http://first.test/") {
		t.Error("before any row: the base URL was refused")
	}
	if !s.SetBaseURL("") {
		t.Error("taking it back: refused")
	}
	ask(t, s, "{}") // httptest asks example.com
	if s.SetBaseURL("http://late.test") {
		t.Error("after a row was sold: the base URL was taken")
	}
	for _, row := range s.Truth() {
		if site := decode(t, row.Bytes); site.DetailsURL != nil && !strings.HasPrefix(*site.DetailsURL, "http://example.com/") {
			t.Errorf("details_url: got %s", *site.DetailsURL)
		}
	}
}

func TestAddressThatIsTakenIsNamed(t *testing.T) {
	t.Parallel()
	srv, _ := start(t, unlimited(1))
	_, err := simulator.Start(t.Context(), srv.Addr().String(), unlimited(1))
	if err == nil || strings.Count(err.Error(), srv.Addr().String()) != 1 || !strings.Contains(err.Error(), "in use") {
		t.Errorf("got error %v, want one that names the address once", err)
	}
}

func TestWildcardAddressHasADialableURL(t *testing.T) {
	t.Parallel()
	srv, err := simulator.Start(t.Context(), ":0", unlimited(1))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(srv.URL(), "http://127.0.0.1:") {
		t.Errorf("URL: got %s", srv.URL())
	}
	for range 2 {
		if err := srv.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	srv, _ := start(t, unlimited(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := srv.Wait(ctx); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

func TestCloseEndsAStalledAnswer(t *testing.T) {
	t.Parallel()
	srv, client := start(t, unlimited(5))
	arm(t, srv, simulator.Fault{Kind: simulator.KindStall})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL()+"/api/career-sites/feed", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := srv.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("the stalled body ended without an error")
	}
}

func TestTraceSeesEveryAnswer(t *testing.T) {
	t.Parallel()
	var seen []simulator.Answer
	o := unlimited(5)
	o.Trace = func(a simulator.Answer) { seen = append(seen, a) }
	s := simulator.New(o)
	arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Status: 503})
	ask(t, s, "{}")
	ask(t, s, "{}")
	get(t, s, "/nothing")
	want := []simulator.Answer{
		{Method: "POST", Path: "/api/career-sites/feed", Status: 503, Fault: simulator.KindStatus},
		{Method: "POST", Path: "/api/career-sites/feed", Status: 200, Rows: 5, Credits: 250},
		{Method: "GET", Path: "/nothing", Status: 404},
	}
	if len(seen) != 3 || seen[0] != want[0] || seen[1] != want[1] || seen[2] != want[2] {
		t.Errorf("got %+v, want %+v", seen, want)
	}
}

// pipes is a network in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestServesInsideABubbleOfVirtualTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		o := simulator.Options{Rows: 120, Latency: time.Second, FeedLimits: simulator.Limits{Minute: 2}}
		srv := simulator.Serve(network, o)
		transport := &http.Transport{DialContext: network.dial}
		defer func() {
			transport.CloseIdleConnections()
			if err := srv.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}()
		client := &http.Client{Transport: transport}
		began := time.Now()
		var got []int
		for range 3 {
			resp, body, err := post(t, client, "http://feed.test", `{}`)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, resp.StatusCode)
			if resp.StatusCode == 200 && !strings.Contains(string(body), "http://feed.test/api/companies/") {
				t.Error("details_url does not name the host that was asked")
			}
		}
		if got[0] != 200 || got[1] != 200 || got[2] != 429 {
			t.Errorf("statuses: got %v", got)
		}
		if spent := time.Since(began); spent != 2*time.Second {
			t.Errorf("virtual time: got %s, want twice the latency", spent)
		}
		for _, row := range srv.Truth() {
			if row.UpdatedAt.After(began) {
				t.Errorf("row %s lies ahead of the clock", row.ID)
			}
		}
		time.Sleep(time.Minute) // virtual: the window rolls on
		if resp, _, err := post(t, client, "http://feed.test", `{}`); err != nil || resp.StatusCode != 200 {
			t.Errorf("a minute later: got %v, %v", resp, err)
		}
	})
}
