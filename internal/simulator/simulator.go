package simulator

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"time"
)

// The paths of the contract.
const (
	pathFeed      = "/api/career-sites/feed"
	pathCompanies = "/api/companies/"
	pathAdmin     = "/admin"
)

// Simulator is the API as an [http.Handler]. Its methods may be called at any
// time, also while requests are served.
type Simulator struct {
	opts  Options
	admin http.Handler
	zips  sync.Pool // *gzip.Writer
	fill  padding

	// mu guards everything below. It is held to decide an answer, never while one
	// is written or waited for.
	mu            sync.Mutex
	table         *table
	cursors       *cursors
	ledger        *ledger
	keys          map[string]KeyState
	limits        map[string]*rolling // by group and caller
	faults        *faults
	changes       random // draws which rows change
	rounds        int    // of Options.Change, done so far
	latency       map[Route]time.Duration
	profiles      map[id]int // GETs by company
	profileLedger *profileLedger
	removed       map[id]int // what the profile of such a company answers
	base          string     // scheme and host of details_url; "" until it is known
	basePin       bool       // a row was handed out: base is final
	alternate     int        // how many answers alternated between two styles
}

// New generates the data and returns the API over it. A million rows take a few
// seconds and about 1.3 GB.
func New(o Options) *Simulator {
	o = o.withDefaults()
	s := &Simulator{
		opts:          o,
		fill:          newPadding(o.ProfileBytes),
		table:         newTable(o),
		cursors:       newCursors(o.Seed),
		ledger:        newLedger(o.Price, o.Balance),
		keys:          make(map[string]KeyState),
		limits:        make(map[string]*rolling),
		faults:        newFaults(o.Seed),
		changes:       seeded(o.Seed, 0xc4a46e),
		latency:       map[Route]time.Duration{RouteFeed: o.Latency, RouteCompanies: o.CompanyLatency},
		profiles:      make(map[id]int),
		profileLedger: newProfileLedger(),
		removed:       make(map[id]int),
		base:          strings.TrimRight(o.BaseURL, "/"),
	}
	for _, key := range o.APIKeys {
		s.keys[key] = KeyActive
	}
	for _, key := range o.ForbiddenKeys {
		s.keys[key] = KeyNoFeed
	}
	s.admin = s.adminRoutes()
	return s
}

// ServeHTTP answers one request. Faults that cut a connection need one: with a
// recorder they leave the answer unfinished.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.opts.RedirectPlainHTTP && r.TLS == nil:
		// The body is not read: production does not process it either.
		http.Redirect(w, r, "https://"+r.Host+r.URL.Path, http.StatusMovedPermanently)
	case r.URL.Path == pathFeed:
		s.serveFeed(w, r)
	case strings.HasPrefix(r.URL.Path, pathCompanies):
		s.serveCompany(w, r)
	case !s.opts.NoAdmin && (r.URL.Path == pathAdmin || strings.HasPrefix(r.URL.Path, pathAdmin+"/")):
		s.admin.ServeHTTP(w, r)
	default:
		s.send(w, r, s.refuse(problem{
			status: http.StatusNotFound, code: "not_found",
			title: "Not found", detail: "no such endpoint: " + r.URL.Path,
		}))
	}
}

// now is the simulator's time.
func (s *Simulator) now() time.Time { return s.opts.Clock() }

// pause waits for d, or until the client is gone.
func (s *Simulator) pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// SetBaseURL sets the scheme and host of every details_url, such as
// "http://127.0.0.1:8080". It reports false, and changes nothing, once a row was
// handed out: a version's bytes never change.
func (s *Simulator) SetBaseURL(base string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.basePin {
		return false
	}
	s.base = strings.TrimRight(base, "/")
	return true
}

// pinBase makes the base URL final. host is the Host of the request that needs
// it, "" without one. The caller holds the lock.
func (s *Simulator) pinBase(host string) string {
	if s.base == "" {
		if host == "" || strings.ContainsAny(host, "\"\\/ <>") {
			host = "localhost"
		}
		s.base = "http://" + host
	}
	s.basePin = true
	return s.base
}
