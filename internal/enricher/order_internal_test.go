package enricher

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestACareerSiteInAForeignSlotIsSentToItsOwn(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.stray("a")
		w.stray("un-1")
		w.quiet()
		w.expect("in the end", 1, 1, 0)
		if got := w.count("retries.0"); got != 1 {
			t.Errorf("%d records were sent to another slot, want the one that is chosen", got)
		}
	})
}

func TestWhatComesDuringARequestIsFetchedAfterIt(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]bool{"that succeeds": false, "that fails": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, Options{}, func(w *world) {
				w.latency = func() time.Duration { return time.Second }
				w.broken["a"] = broken
				w.update("a")
				time.Sleep(500 * time.Millisecond) // virtual: it is under way
				w.update("a")
				time.Sleep(time.Second)
				w.mu.Lock()
				delete(w.broken, "a")
				w.mu.Unlock()
				w.quiet()
				w.judge()
				if !broken {
					w.expect("in the end", 2, 2, 0)
				}
			})
		})
	}
}

// Of two events for one company the newer version counts, whichever came last.
func TestMergedEventsHaveTheNewestVersion(t *testing.T) {
	t.Parallel()
	older, newer := event{id: "a", site: true, version: "1", details: "old"}, event{id: "a", site: true, version: "2", details: "new"}
	for _, got := range []event{older.merge(newer), newer.merge(older)} {
		if got.version != "2" || got.details != "new" {
			t.Errorf("got version %s at %s, want 2 at new", got.version, got.details)
		}
	}
	asked := event{id: "a", asked: time.Unix(9, 0), force: true, details: "asked"}
	if got := newer.merge(asked); !got.site || got.version != "2" || !got.force || got.details != "new" {
		t.Errorf("got %+v, want version 2 with force, where the career site says", got)
	}
}

// A partition of which too much is in hand is read no further, until it is less.
func TestOpenRecordsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.latency = func() time.Duration { return 20 * time.Second }
		r := w.start()
		for range 3 * openMost {
			w.update("a") // all of them wait for the first one's request
		}
		time.Sleep(10 * time.Second) // virtual
		w.mu.Lock()
		taken := r.owned[Place{sitesName, worldSlot([]byte("a"), worldSlots)}]
		w.mu.Unlock()
		if taken < openMost || taken >= openMost+2*pollMost {
			t.Errorf("got %d records in hand, want little more than %d", taken, openMost)
		}
		w.quiet()
		w.judge()
		w.stop(r)
	})
}

func TestARecordThatIsDueAtOnceWaitsForNoOthersClock(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.mu.Lock()
		r := retryRecord("retries.0", 0, event{id: "x", asked: time.Now(), from: origin{topic: "requests"}}, time.Now().Add(time.Hour))
		r.Partition = worldSlot(r.Key, worldSlots)
		w.append(r)
		w.mu.Unlock()
		began := time.Now()
		w.quiet()
		if took := time.Since(began); took > time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

// A company whose answers are always refused for their number makes room for the
// others, and the limiter is told each time.
func TestTooManyRequestsAreToldToTheLimiter(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.late["bad"] = true
		w.update("bad")
		for i := range 50 {
			w.update(fmt.Sprintf("good-%d", i))
		}
		time.Sleep(10 * time.Second) // virtual
		if got := len(w.published("companies")); got != 50 {
			t.Errorf("got %d profiles, want the 50 that are well", got)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.held) != w.gets["bad"] || len(w.held) < slowMost {
			t.Errorf("the limiter was told %d times of %d answers, want %d at least", len(w.held), w.gets["bad"], slowMost)
		}
		for _, until := range w.held {
			if left := time.Until(until); left < 45*time.Second || left > time.Minute {
				t.Errorf("got a wait of %s more, want a minute from the answer", left)
			}
		}
		clear(w.late)
	})
}

// A tombstone that somebody wrote to the companies topic says that nothing is known.
func TestATombstoneAmongTheCompaniesIsNoProfile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.mu.Lock()
		w.append(&kgo.Record{Topic: "companies", Partition: worldSlot([]byte("x"), worldSlots), Key: []byte("x")})
		w.mu.Unlock()
		r := w.start()
		w.update("x")
		w.quiet()
		if got := w.published("companies")["x"]; len(got) != 2 || !strings.Contains(string(got[1].Value), `"v":1`) {
			t.Errorf("got %d records, want the tombstone and the profile", len(got))
		}
		w.stop(r)
	})
}
