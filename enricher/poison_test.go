//go:build unix

package main_test

import (
	"context"
	"maps"
	"net/http"
	"path"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// poisonFront lets requests for some companies hang until the client leaves.
type poisonFront struct {
	hang atomic.Pointer[map[string]bool]
}

func (f *poisonFront) over(api http.Handler) http.Handler {
	f.hang.Store(&map[string]bool{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if (*f.hang.Load())[path.Base(r.URL.Path)] {
			simulator.Hang(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

// poisonThird divides the companies: every third of them is to hang.
func (r *rig) poisonThird() (hang map[string]bool, well []string) {
	hang = make(map[string]bool)
	for i, id := range slices.Sorted(maps.Keys(r.api.Truth())) {
		if i%3 == 0 {
			hang[id] = true
		} else {
			well = append(well, id)
		}
	}
	return hang, well
}

// poisonThroughput returns how many of the companies that are well get a profile
// in a second, from the first to the last of them. A third of all hangs, or is well
// too, or has no career sites.
func poisonThroughput(t *testing.T, rows int, hangs, there bool) float64 {
	t.Helper()
	var front poisonFront
	r := newRig(t, simulator.Options{Rows: rows, CompanyLatency: 40 * time.Millisecond}, front.over)
	r.apply()
	third, well := r.poisonThird()
	if hangs {
		front.hang.Store(&third)
	}
	var sites []*kgo.Record
	for id, row := range r.api.Truth() { // in any order
		if there || !third[id] {
			sites = append(sites, &kgo.Record{Key: []byte(id), Value: row.Bytes})
		}
	}
	r.put(r.sites(), sites...)
	p := r.replica()
	var first, last time.Time
	n := 0
	r.tail(r.companies()).until("the profiles of those that are well", func(records []*kgo.Record) bool {
		for ; n < len(records) && len(well) > 0; n++ {
			if third[string(records[n].Key)] {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, rigHeader(records[n], schemas.HeaderFetchedAt))
			if err != nil {
				t.Fatal(err)
			}
			if first.IsZero() || at.Before(first) {
				first = at
			}
			if at.After(last) {
				last = at
			}
			well = well[1:]
		}
		return len(well) == 0
	}, p)
	p.kill() // in peace it waits for those that hang
	return float64(rows-len(third)) / last.Sub(first).Seconds()
}

func TestThoseThatHangCostTheOthersNoThroughput(t *testing.T) { //nolint:paralleltest // it measures
	const rows = 1200
	without := poisonThroughput(t, rows, false, true)
	with := poisonThroughput(t, rows, true, true)
	t.Logf("%d companies, a third of which hangs: %.0f a second of the others, and %.0f where all are well: %.1f %%", rows, with, without, 100*with/without)
	if !*minutesFlag {
		return // that all of them arrive in time is seen; how fast depends on what else the machine does
	}
	alone := poisonThroughput(t, rows, false, false)
	t.Logf("they would reach %.0f a second if the third were not there at all: %.1f %%", alone, 100*with/alone)
	if with < 0.9*without {
		t.Errorf("got %.1f %% of the throughput, want at least 90 %%", 100*with/without)
	}
}

func TestThoseThatHangAreTriedLaterAndThenDeadLetters(t *testing.T) {
	t.Parallel()
	const rows = 9 // fewer hang than make a host count as down
	var front poisonFront
	r := newRig(t, simulator.Options{Rows: rows, CompanyLatency: 5 * time.Millisecond}, front.over)
	delays := "ENRICH_RETRY_DELAYS=100ms"
	r.apply(delays)
	hang, well := r.poisonThird()
	front.hang.Store(&hang)
	sites := r.api.Truth()
	// As long as nobody asks for others it is the host that hangs.
	stop := r.poisonTraffic(well)
	p := r.replica(delays, "COMPANY_TIMEOUT=2s")
	r.tail(r.companies()).until("the profiles of those that are well", rigAtLeast(len(well)), p)
	for id := range hang {
		r.put(r.sites(), &kgo.Record{Key: []byte(id), Value: sites[id].Bytes})
	}
	letters := r.tail(r.letters()).until("the dead letters", rigAtLeast(len(hang)), p)
	stop()
	p.stop()
	seen := make(map[string]bool)
	for _, letter := range letters {
		id := string(letter.Key)
		seen[id] = true
		if got := rigHeader(letter, schemas.HeaderReason); got != string(schemas.ReasonExhausted) || string(letter.Value) != string(sites[id].Bytes) {
			t.Errorf("%s: got a dead letter for %s with the value %s, want one for %s with %s", id, got, letter.Value, schemas.ReasonExhausted, sites[id].Bytes)
		}
		if tries := rigHeader(letter, schemas.HeaderAttempts); len(tries) == 1 && tries < "2" {
			t.Errorf("%s: it was asked for %s times, want 2 at the least", id, tries)
		}
		if first, last := rigHeader(letter, schemas.HeaderFirstAttempt), rigHeader(letter, schemas.HeaderLastAttempt); first == "" || first >= last {
			t.Errorf("%s: the attempts are from %q to %q", id, first, last)
		}
	}
	if !maps.Equal(seen, hang) || len(letters) != len(hang) {
		t.Errorf("got %d dead letters of %d companies, want one of each of the %d that hang", len(letters), len(seen), len(hang))
	}
	topic := r.name + ".retries.1"
	r.tail(topic).until("those that waited on "+topic, func(records []*kgo.Record) bool {
		waited := make(map[string]bool)
		for _, record := range records {
			if id := string(record.Key); hang[id] { // others may be slow on a busy machine
				waited[id] = true
			}
		}
		return maps.Equal(waited, hang)
	})
}

// poisonTraffic asks for companies again and again, until it is stopped.
func (r *rig) poisonTraffic(ids []string) (stop func()) {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
			record := &kgo.Record{Topic: r.requests(), Key: []byte(ids[i%len(ids)]), Value: []byte(`{"force":true}`)}
			if err := r.kafka.ProduceSync(ctx, record).FirstErr(); err != nil && ctx.Err() == nil {
				r.t.Errorf("put a request: %v", err)
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}
