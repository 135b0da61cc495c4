//go:build unix

package main_test

import (
	"flag"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

var minutesFlag = flag.Bool("minutes", false, "also fill request limits that are counted in minutes, which takes as long")

// limitsGate counts requests as the API does, in exact rolling windows, but over
// seconds: a request at t counts until t + per. A refused one does not count.
type limitsGate struct {
	limit int
	per   time.Duration
	quiet bool // sends no headers

	mu      sync.Mutex
	at      []time.Time // of the requests let through, in order
	refused int
}

func (g *limitsGate) front(api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		remaining, ok := g.take()
		if !g.quiet {
			w.Header().Set("X-RateLimit-Limit", strconv.Itoa(g.limit))
			w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
			w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(g.per).Unix(), 10))
		}
		if !ok {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		api.ServeHTTP(w, r)
	})
}

func (g *limitsGate) take() (remaining int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	used := 0
	for _, at := range slices.Backward(g.at) {
		if now.Sub(at) >= g.per {
			break
		}
		used++
	}
	if used >= g.limit {
		g.refused++
		return 0, false
	}
	g.at = append(g.at, now)
	return g.limit - used - 1, true
}

func (g *limitsGate) seen() (at []time.Time, refused int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.at), g.refused
}

// limitsUsed is which part of a limit was used, while there was work: how long so
// many requests take at the least, by how long they took. It looks at the last
// request that begins a window, since the first windows may be filled at once.
func limitsUsed(at []time.Time, limit int, per time.Duration) (used float64, windows int) {
	windows = (len(at) - 1) / limit
	if windows < 1 {
		return 0, 0
	}
	took := at[windows*limit].Sub(at[0])
	return float64(windows) * per.Seconds() / took.Seconds(), windows
}

// limitsReplicas starts so many replicas, which share work only once all of them
// are members.
func limitsReplicas(r *rig, n int, changes ...string) []*process {
	r.t.Helper()
	changes = append([]string{"ENRICH_SESSION_TIMEOUT=20s"}, changes...)
	replicas := make([]*process, n)
	for i := range replicas {
		replicas[i] = r.replica(changes...)
	}
	r.until(fmt.Sprintf("%d members", n), func() bool {
		groups, err := r.admin.DescribeGroups(r.t.Context(), r.name)
		group := groups[r.name]
		return err == nil && group.State == "Stable" && len(group.Members) == n
	}, replicas...)
	return replicas
}

func TestReplicasShareARequestLimit(t *testing.T) {
	t.Parallel()
	const limit, companies = 40, 170
	for _, n := range []int{2, 8} {
		t.Run(fmt.Sprintf("%d replicas", n), func(t *testing.T) {
			t.Parallel()
			gate := &limitsGate{limit: limit, per: time.Second}
			r := newRig(t, simulator.Options{Rows: companies}, gate.front)
			r.apply("TOPIC_PARTITIONS=8")
			replicas := limitsReplicas(r, n, "COMPANY_RATE_LIMIT="+strconv.Itoa(limit)+"/s")
			r.putSites()
			r.tail(r.companies()).until("all profiles", rigAtLeast(companies), replicas...)
			for _, p := range replicas {
				p.stop()
			}
			at, refused := gate.seen()
			used, windows := limitsUsed(at, limit, gate.per)
			t.Logf("%d replicas: %d requests, %.1f %% of the limit in %d windows, %d answers 429", n, len(at), 100*used, windows, refused)
			if refused != 0 || len(at) != companies {
				t.Errorf("got %d requests and %d answers 429, want %d and none", len(at), refused, companies)
			}
			if used < 0.75 { // it is a short run, on a machine that may be busy
				t.Errorf("got %.0f %% of the limit used, want nearly all", 100*used)
			}
		})
	}
}

func TestReplicasFillMinutesWithoutAnyRefusal(t *testing.T) {
	if !*minutesFlag {
		t.Skip("takes 70 seconds for each number of replicas: -minutes")
	}
	t.Parallel()
	const limit, companies = 300, 310
	for _, n := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("%d replicas", n), func(t *testing.T) { //nolint:paralleltest // it is about time
			r := newRig(t, simulator.Options{
				Rows: companies, CompanyLatency: 40 * time.Millisecond, CompanyLimits: simulator.Limits{Minute: limit},
			}, nil)
			r.apply("TOPIC_PARTITIONS=8")
			replicas := limitsReplicas(r, n, "COMPANY_RATE_LIMIT="+strconv.Itoa(limit)+"/m")
			r.putSites()
			r.tail(r.companies()).until("all profiles", rigAtLeast(companies), replicas...)
			for _, p := range replicas {
				p.stop()
			}
			l := r.ledger()
			used, windows := limitsUsed(l.Times(), limit, time.Minute)
			t.Logf("%d replicas: %d requests, %.2f %% of the limit in %d windows, %d answers 429, at most %d in a minute",
				n, l.Admitted, 100*used, windows, l.TooMany, l.MostInWindow(time.Minute))
			if l.TooMany != 0 || l.Admitted != companies {
				t.Errorf("got %d requests and %d answers 429, want %d and none", l.Admitted, l.TooMany, companies)
			}
			if used < 0.99 {
				t.Errorf("got %.2f %% of the limit used, want at least 99 %%", 100*used)
			}
		})
	}
}

// A key that has less than the setting says is found out by the headers of its
// first answers.
func TestASmallerPlanIsKeptTo(t *testing.T) {
	t.Parallel()
	const limit, companies = 30, 130
	gate := &limitsGate{limit: limit, per: time.Second}
	r := newRig(t, simulator.Options{Rows: companies}, gate.front)
	r.apply()
	replicas := limitsReplicas(r, 2, "COMPANY_RATE_LIMIT=200/s")
	r.putSites()
	r.tail(r.companies()).until("all profiles", rigAtLeast(companies), replicas...)
	for _, p := range replicas {
		p.stop()
	}
	at, refused := gate.seen()
	used, windows := limitsUsed(at, limit, gate.per)
	t.Logf("%d requests, %.1f %% of the smaller limit in %d windows, %d answers 429", len(at), 100*used, windows, refused)
	if refused != 0 || len(at) != companies {
		t.Errorf("got %d requests and %d answers 429, want %d and none", len(at), refused, companies)
	}
	if used < 0.75 {
		t.Errorf("got %.0f %% of the limit used, want nearly all", 100*used)
	}
}

// Two groups with topics of their own that have one API key are one customer.
func TestTwoGroupsWithOneKeyShareItsLimit(t *testing.T) {
	t.Parallel()
	const limit, companies = 40, 60
	gate := &limitsGate{limit: limit, per: time.Second, quiet: true} // nothing but Redis tells them of each other
	r := newRig(t, simulator.Options{Rows: companies}, gate.front)
	r.apply()
	second := &rig{bed: &bed{
		t: t, name: r.name + "-2", secret: r.secret, session: r.session, api: r.api, brokers: r.brokers, url: r.url, kafka: r.kafka, admin: r.admin, redis: r.redis,
	}, front: r.front}
	second.apply()
	replicas := append(limitsReplicas(r, 1, "COMPANY_RATE_LIMIT=40/s"), limitsReplicas(second, 1, "COMPANY_RATE_LIMIT=40/s")...)
	r.putSites()
	second.putSites()
	r.tail(r.companies()).until("all profiles", rigAtLeast(companies), replicas...)
	second.tail(second.companies()).until("all profiles of the other group", rigAtLeast(companies), replicas...)
	for _, p := range replicas {
		p.stop()
	}
	at, refused := gate.seen()
	used, windows := limitsUsed(at, limit, gate.per)
	t.Logf("%d requests, %.1f %% of the limit in %d windows, %d answers 429", len(at), 100*used, windows, refused)
	if refused != 0 || len(at) != 2*companies {
		t.Errorf("got %d requests and %d answers 429, want %d and none", len(at), refused, 2*companies)
	}
}
