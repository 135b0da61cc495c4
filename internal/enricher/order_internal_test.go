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
	tried := event{id: "a", asked: time.Unix(5, 0), attempts: 2, tries: 7, first: time.Unix(6, 0), last: time.Unix(8, 0)}
	for _, got := range []event{tried.merge(asked), asked.merge(tried)} {
		if got.attempts != 0 || got.asked != asked.asked {
			t.Errorf("got %d attempts of what was asked for at %s, want those and the time of the later request", got.attempts, got.asked)
		}
		if got.tries != 7 || got.first != tried.first || got.last != tried.last {
			t.Errorf("got %d tries from %s to %s, want the 7 that were made", got.tries, got.first, got.last)
		}
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

// The clock of whoever wrote a record may be ahead.
func TestARecordWaitsNoLongerThanItsTopicSays(t *testing.T) {
	t.Parallel()
	for topic, delay := range map[string]time.Duration{"retries.0": 0, "retries.1": time.Minute} {
		t.Run(topic, func(t *testing.T) {
			t.Parallel()
			in(t, Options{}, func(w *world) {
				w.mu.Lock()
				r := retryRecord(topic, 0, event{id: "x", asked: time.Now(), from: origin{topic: "requests"}}, time.Now().Add(time.Hour))
				r.Partition = worldSlot(r.Key, worldSlots)
				w.append(r)
				w.mu.Unlock()
				began := time.Now()
				w.quiet()
				if took := time.Since(began); took < delay || took > delay+5*time.Second {
					t.Errorf("it took %s, want a little more than %s", took, delay)
				}
			})
		})
	}
}

// One that is due goes on although the one before it, which was due as well, takes
// long.
func TestARecordThatIsDueWaitsForNoOther(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.mu.Lock()
		began := time.Now()
		for i, id := range []string{"slow-1", "good-1"} {
			due := began.Add(time.Duration(20+10*i) * time.Second)
			r := retryRecord("retries.1", 0, event{id: id, asked: began, details: "https://" + worldHost(id) + "/" + id, from: origin{topic: "requests"}}, due)
			r.Partition = 0 // of what stands on a retry topic nobody asks whose it is
			w.append(r)
			w.stuck = func(id string) bool { return id == "slow-1" }
			w.mu.Unlock()
			time.Sleep(5 * time.Second) // virtual, as all of them: the first one is held by then
			w.mu.Lock()
		}
		w.mu.Unlock()
		time.Sleep(25 * time.Second)
		if got := w.count("companies"); got != 1 {
			t.Errorf("got %d profiles 5 s after it was due, want it", got)
		}
		w.mu.Lock()
		w.stuck = func(string) bool { return false }
		w.mu.Unlock()
		w.quiet()
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

// What another host says about too many requests is about that host alone.
func TestTooManyRequestsOfAnotherHostAreItsOwn(t *testing.T) {
	t.Parallel()
	in(t, Options{Home: "good.example:443"}, func(w *world) {
		w.late["slow-0"] = true
		w.update("slow-0")
		time.Sleep(time.Second) // virtual, as all of them
		for i := range 10 {
			w.update(fmt.Sprintf("slow-%d", i+1))
			w.update(fmt.Sprintf("good-%d", i))
		}
		time.Sleep(30 * time.Second)
		w.expect("while it wants to be left alone", 1+10, 10, 0)
		w.mu.Lock()
		if len(w.held) > 0 {
			t.Errorf("the limiter of all hosts was told: %v", w.held)
		}
		clear(w.late)
		w.mu.Unlock()
		w.quiet()
		w.expect("in the end", 1+21, 21, 0)
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
