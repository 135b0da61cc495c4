package enricher

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// healthy returns how long it takes until all companies that answer are
// published, in virtual time, beside others that do not.
func healthy(t *testing.T, companies int, o Options, prepare func(w *world)) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, o)
		prepare(w)
		for i := range companies {
			name := "good"
			if i%3 == 0 {
				name = "slow" // another host, and the ones that hang
			}
			w.update(fmt.Sprintf("%s-%d", name, i))
		}
		began := time.Now()
		r := w.start()
		for published := 0; published < companies*2/3; {
			time.Sleep(5 * time.Millisecond) // virtual
			published = 0
			for id := range w.published("companies") {
				if strings.HasPrefix(id, "good") {
					published++
				}
			}
			if time.Since(began) > time.Hour {
				t.Fatalf("only %d are published", published)
			}
		}
		took = time.Since(began)
		w.stop(r)
	})
	return took
}

func TestThoseThatHangCostTheOthersNextToNothing(t *testing.T) {
	t.Parallel()
	const companies = 3000
	jitter := func(w *world) {
		w.oneHost = true
		w.latency = func() time.Duration { return 30*time.Millisecond + rand.N(40*time.Millisecond) }
	}
	for name, o := range map[string]Options{"by default": {}, "with many at once": {Concurrency: 64, Batch: 1000}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			without := healthy(t, companies, o, jitter)
			for how, poison := range map[string]func(w *world){
				"a host that hangs": func(w *world) { w.hanging["slow.example:443"] = true },
				"a third of a host's, hanging": func(w *world) {
					w.oneHost, w.stuck = true, func(id string) bool { return strings.HasPrefix(id, "slow") }
				},
			} {
				with := healthy(t, companies, o, func(w *world) { jitter(w); w.oneHost = false; poison(w) })
				t.Logf("%s: %s with, %s without: %.0f %% of the throughput", how, with, without, 100*without.Seconds()/with.Seconds())
				if with.Seconds()*0.9 > without.Seconds() {
					t.Errorf("%s: the others take %s instead of %s, want at least 90 %% of the throughput", how, with, without)
				}
			}
		})
	}
}

// Those that hang may all come first: that is no host that is down.
func TestThoseThatHangMayComeFirst(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.oneHost, w.stuck = true, func(id string) bool { return strings.HasPrefix(id, "slow") }
		for i := range 20 {
			w.update(fmt.Sprintf("slow-%d", i))
		}
		for i := range 40 {
			w.update(fmt.Sprintf("good-%d", i))
		}
		time.Sleep(2 * time.Minute) // virtual
		if got := len(w.published("companies")); got != 40 {
			t.Errorf("got %d profiles after two minutes, want the 40 that answer", got)
		}
		w.mu.Lock()
		w.stuck = func(string) bool { return false }
		w.mu.Unlock()
		w.quiet()
		w.expect("in the end", w.total(), 60, 0)
	})
}

// A host that hangs for hours costs nobody a try.
func TestAHostThatHangsAsAWholeCostsNobodyATry(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.hanging["slow.example:443"] = true
		for i := range 10 {
			w.update(fmt.Sprintf("slow-%d", i))
		}
		time.Sleep(3 * time.Hour) // virtual
		w.mu.Lock()
		clear(w.hanging)
		w.mu.Unlock()
		w.quiet()
		w.expect("in the end", w.total(), 10, 0)
	})
}
