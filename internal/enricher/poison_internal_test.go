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

// Those that are tried again in place leave half of a batch to the others.
func TestThoseThatFailLeaveRoomForOthers(t *testing.T) {
	t.Parallel()
	in(t, Options{Batch: 4}, func(w *world) {
		for i := range 4 {
			w.broken[fmt.Sprintf("bad-%d", i)] = true
		}
		for i := range 40 {
			if i < 4 {
				w.update(fmt.Sprintf("bad-%d", i))
			}
			w.update(fmt.Sprintf("good-%d", i))
		}
		time.Sleep(4 * time.Second) // virtual: less than the patience
		if got := w.count("companies"); got != 40 {
			t.Errorf("got %d profiles, want the 40 that are well", got)
		}
	})
}

// Companies that never answer end as dead letters, also where nobody else is asked
// for any more: their host answered others.
func TestThoseThatNeverAnswerEndAsDeadLetters(t *testing.T) {
	t.Parallel()
	for how, poison := range map[string]func(w *world, id string){
		"they hang":    func(w *world, _ string) { w.stuck = func(id string) bool { return strings.HasPrefix(id, "bad") } },
		"they say 503": func(w *world, id string) { w.broken[id] = true },
	} {
		for after, killed := range map[string]bool{"": false, ", and the process is another one": true} {
			t.Run(how+after, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					const bad, good = 30, 60
					w := newWorld(t, Options{Delays: []time.Duration{time.Second, 2 * time.Second, 20 * time.Second}})
					r := w.start()
					for i := range bad + good {
						id := fmt.Sprintf("good-%d", i)
						if i%((bad+good)/bad) == 0 {
							id = fmt.Sprintf("bad-%d", i)
							w.mu.Lock()
							poison(w, id)
							w.mu.Unlock()
						}
						w.oneHost = true
						w.update(id)
					}
					if killed {
						for w.count("retries.1") < bad {
							time.Sleep(time.Second) // virtual
						}
						time.Sleep(time.Second)
						w.kill(r)
						r = w.start()
					}
					for began := time.Now(); w.count("letters") < bad && time.Since(began) < time.Hour; {
						time.Sleep(time.Second)
					}
					if profiles, letters := w.count("companies"), w.count("letters"); profiles != good || letters != bad {
						t.Errorf("got %d profiles and %d dead letters, want %d and %d", profiles, letters, good, bad)
					}
					w.stop(r)
				})
			})
		}
	}
}

// A host that is down for hours costs nobody a try.
func TestAHostThatIsDownCostsNobodyATry(t *testing.T) {
	t.Parallel()
	for how, answers := range map[string]func(w *world) map[string]bool{
		"it hangs":    func(w *world) map[string]bool { return w.hanging },
		"it says 503": func(w *world) map[string]bool { return w.broken },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			in(t, Options{}, func(w *world) {
				answers(w)["slow.example:443"] = true
				for i := range 10 {
					w.update(fmt.Sprintf("slow-%d", i))
				}
				for range 3 * 60 {
					time.Sleep(time.Minute) // virtual
					w.update("good")        // another one works
				}
				w.mu.Lock()
				clear(answers(w))
				w.mu.Unlock()
				w.quiet()
				w.expect("in the end", w.total(), 10+3*60, 0)
				for _, name := range w.o.Topics.Retries {
					for id, records := range w.published(name) {
						for _, r := range records {
							if tries := headerOf(r, headerPutOff); tries != "0" {
								t.Errorf("%s on %s has lost %s tries", id, name, tries)
							}
						}
					}
				}
			})
		})
	}
}

// However many companies of a host that is down come first, those of another one
// get their turn soon.
func TestAHostThatIsDownLeavesRoomForOthers(t *testing.T) {
	t.Parallel()
	for how, answers := range map[string]func(w *world) map[string]bool{
		"it hangs":    func(w *world) map[string]bool { return w.hanging },
		"it says 503": func(w *world) map[string]bool { return w.broken },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{})
				answers(w)["slow.example:443"] = true
				for i := range 3000 {
					w.update(fmt.Sprintf("slow-%d", i))
				}
				for i := range 20 {
					w.update(fmt.Sprintf("good-%d", i))
				}
				r := w.start()
				began := time.Now()
				for w.count("companies") < 20 && time.Since(began) < 24*time.Hour {
					time.Sleep(10 * time.Second) // virtual
				}
				if took := time.Since(began); took > 40*time.Minute { // some seven, as a rule
					t.Errorf("it took %s until the 20 that are well had their turn", took)
				}
				if taken := w.taken(r) - w.count("retries.1") - 20; taken > r.loop.o.handMost()+pollMost {
					t.Errorf("%d records are in hand, want at most %d", taken, r.loop.o.handMost()+pollMost)
				}
				w.stop(r)
			})
		})
	}
}

// taken is how many career sites a replica has read.
func (w *world) taken(r *replica) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := int64(0)
	for at, next := range r.owned {
		if at.Topic == sitesName {
			n += next
		}
	}
	return int(n)
}

// A pause of a fraction of a second may be this process's own.
func TestAHostIsSilentAfterAWhile(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, c := range map[string]struct {
		latency, age, answered time.Duration
		want                   bool
	}{
		"a short pause":             {40 * time.Millisecond, 900 * time.Millisecond, time.Second, false},
		"a long one":                {40 * time.Millisecond, 3 * time.Second, 4 * time.Second, true},
		"it answers others":         {40 * time.Millisecond, 3 * time.Second, time.Second, false},
		"it takes a second":         {time.Second, 5 * time.Second, 6 * time.Second, false},
		"it takes a second or more": {time.Second, 7 * time.Second, 8 * time.Second, true},
	} {
		h := &host{latency: c.latency, answered: now.Add(-c.answered)}
		j := &job{born: now.Add(-c.age - 1)}
		j.sent.Store(1)
		h.flying = append(h.flying, j)
		if got := h.silent(now); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// Companies that answer 503 cost the others of their host next to nothing.
func TestThoseThatFailHoldUpNoOthersOfTheirHost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		o                 Options
		companies, oneOf  int
		withoutAnyFailing time.Duration
	}{
		"one of twenty":                {companies: 3000, oneOf: 20, withoutAnyFailing: 10 * time.Second},
		"one of five":                  {companies: 3000, oneOf: 5, withoutAnyFailing: 10 * time.Second},
		"one of four in a small batch": {o: Options{Batch: 20}, companies: 400, oneOf: 4, withoutAnyFailing: 5 * time.Second},
		"one of two":                   {companies: 1000, oneOf: 2, withoutAnyFailing: 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, c.o, func(w *world) {
				well := 0
				for i := range c.companies {
					id := fmt.Sprintf("good-%d", i)
					if rand.N(c.oneOf) == 0 {
						id = fmt.Sprintf("bad-%d", i)
						w.mu.Lock()
						w.broken[id] = true
						w.mu.Unlock()
					} else {
						well++
					}
					w.update(id)
				}
				time.Sleep(6 * c.withoutAnyFailing) // virtual
				if got := len(w.published("companies")); got != well {
					t.Errorf("got %d profiles after %s, want the %d that are well", got, 6*c.withoutAnyFailing, well)
				}
			})
		})
	}
}

// Those that failed before take turns with those that were not asked yet, and a probe
// is for one of those that were asked least.
func TestThoseThatFailedTakeTurnsWithTheOthers(t *testing.T) {
	t.Parallel()
	h := newHost("x", 4, func(string, bool) {})
	for _, tries := range []int{2, 1, 0, 3, 0} {
		h.queue = append(h.queue, &job{event: event{tries: tries}})
	}
	for i, want := range []int{0, 2, 0} {
		if got := h.next(false); got != want {
			t.Errorf("request %d is for number %d, want %d", i, got, want)
		}
	}
	for range 20 {
		if got := h.next(true); got != 2 && got != 4 {
			t.Errorf("a probe is for number %d, which was asked before", got)
		}
	}
	h.queue = h.queue[:2]
	if got := h.next(false) + h.next(false); got != 0 {
		t.Errorf("where all of them failed before, others than the first are asked")
	}
}
