//go:build unix

package observability_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/simulator"
)

// patience bounds every wait: far beyond what any of them takes, so that only a
// hang meets it.
const patience = 2 * time.Minute

// pipeline is a producer and an enricher at work on the servers of the local
// stack, which itself runs them without the server of LISTEN.
type pipeline struct {
	t                  *testing.T
	stack              *devstack.Stack
	producer, enricher string // where they listen
}

// start starts servers and programs, and ends them with the test.
func start(t *testing.T) *pipeline {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{Feed: simulator.Options{
		Rows: 300, Plain: true, FeedLimits: simulator.NoLimits(), CompanyLimits: simulator.NoLimits(),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	p := &pipeline{t: t, stack: stack, producer: free(t), enricher: free(t)}
	p.launch("producer", "LISTEN="+p.producer, "SYNC_INTERVAL=1s", "FEED_RATE_LIMIT=off")
	p.launch("enricher", "LISTEN="+p.enricher, "ENRICH_SELECT=true", "COMPANY_RATE_LIMIT=off", "ENRICH_RETRY_DELAYS=1s")
	return p
}

// free returns an address that was free a moment ago.
func free(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

// launch runs a program until the test ends.
func (p *pipeline) launch(program string, settings ...string) {
	p.t.Helper()
	dir, err := programs()
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(dir, program), "run")
	cmd.Env = append(settings, "LOG_FORMAT=json", "JOBO_BASE_URL="+p.stack.Feed.URL(), "JOBO_API_KEY="+simulator.DefaultAPIKey,
		"KAFKA_BROKERS="+strings.Join(p.stack.Brokers(), ","), "REDIS_URL="+p.stack.RedisURL())
	run(p.t, cmd)
}

// run starts a process that is killed when the context of the test ends, and shows
// what it wrote if the test fails.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	out := new(buffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Wait() // the test's context has ended it
		if t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(cmd.Path), out)
		}
	})
}

// work changes rows, so that there is something to buy and to fetch.
func (p *pipeline) work() { p.stack.Feed.UpdateRandom(20) }

// trouble makes the feed and the profiles fail in each of the ways that metrics
// tell apart. The failures of the profiles that last come at the end.
func (p *pipeline) trouble() {
	p.t.Helper()
	companies := simulator.When{Route: simulator.RouteCompanies}
	for _, f := range []simulator.Fault{
		{Kind: simulator.KindNullRow},
		{Kind: simulator.KindStatus, Status: http.StatusServiceUnavailable, Count: 2},
		{Kind: simulator.KindReset},
		{Kind: simulator.KindStatus, Status: http.StatusGone, When: companies},
		{Kind: simulator.KindStatus, Status: http.StatusNotFound, When: companies},
		{Kind: simulator.KindWrongCompany, When: companies},
		{Kind: simulator.KindReset, When: companies, Count: 2},
		{Kind: simulator.KindStatus, Status: http.StatusServiceUnavailable, When: companies, Count: 2},
	} {
		if err := p.stack.Feed.AddFault(f); err != nil {
			p.t.Fatal(err)
		}
	}
}

// each calls done every interval, with new work before, until it returns true.
func (p *pipeline) each(interval time.Duration, what string, done func() bool) {
	p.t.Helper()
	tick, limit := time.NewTicker(interval), time.After(patience)
	defer tick.Stop()
	for p.work(); !done(); p.work() {
		select {
		case <-tick.C:
		case <-limit:
			p.t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}

// get returns the body of a 200, or nothing where there is none yet.
func get(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(body)
}

// buffer is what a process wrote, for any goroutine.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
