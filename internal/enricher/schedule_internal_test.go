package enricher

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

var schedules = flag.Int("schedules", 40, "how many seeded schedules of kills and rebalances to try")

// Whatever is killed, moved, aborted or wiped in whichever order: each version is
// published at most once, the last one is the newest, and a kill costs at most a
// batch of requests.
func TestSchedulesOfKillsAndRebalances(t *testing.T) {
	t.Parallel()
	for seed := range *schedules {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { schedule(t, rand.New(rand.NewPCG(uint64(seed), 7))) })
		})
	}
}

func schedule(t *testing.T, draw *rand.Rand) {
	w := newWorld(t, Options{Concurrency: 4, Batch: 8})
	w.latency = func() time.Duration { return time.Duration(rand.IntN(80)) * time.Millisecond }
	id := func() string {
		return fmt.Sprintf("%s-%d", []string{"a", "b", "slow", "un"}[draw.IntN(4)], draw.IntN(30))
	}
	var replicas []*replica
	for range 3 {
		replicas = append(replicas, w.start())
	}
	costly, away := 0, false
	for range 60 {
		time.Sleep(time.Duration(draw.IntN(200)) * time.Millisecond) // virtual
		for range draw.IntN(12) {
			w.update(id())
		}
		switch i := draw.IntN(len(replicas)); draw.IntN(10) {
		case 0:
			w.kill(replicas[i])
			replicas[i] = w.start()
			costly++
		case 1:
			w.stop(replicas[i])
			replicas[i] = w.start()
		case 2:
			w.balance()
			costly += len(replicas) // each may have had a batch in hand for what moved
		case 3:
			w.memory.Wipe()
		case 4:
			w.request(schemas.CompanyRequest{ID: id()})
		case 5:
			w.request(schemas.CompanyRequest{ID: "a-1", Force: true})
		case 6:
			w.stray(id()) // beside its own slot
		case 7:
			w.mu.Lock()
			w.broken["b-2"] = !w.broken["b-2"]
			w.mu.Unlock()
		case 8:
			if !away { // once: what is away for long is another matter
				away = true
				w.memory.SetError(errors.New("i/o timeout"))
				time.AfterFunc(time.Second, func() { w.memory.SetError(nil) })
			}
		}
	}
	w.mu.Lock()
	clear(w.broken)
	w.mu.Unlock()
	w.quiet()
	for _, r := range replicas {
		w.stop(r)
	}
	w.judgeSchedule(costly)
}

// judgeSchedule is judge, where some companies were asked for besides.
func (w *world) judgeSchedule(costly int) {
	w.t.Helper()
	w.judge()
	published := 0
	for _, records := range w.published("companies") {
		published += len(records)
	}
	if most := published + w.failures + costly*w.o.Batch + w.unchanged(); w.total() > most {
		w.t.Errorf("the source was asked %d times for %d profiles, %d failures and %d losses of a batch", w.total(), published, w.failures, costly)
	}
}

// unchanged bounds the requests that were answered with 304: each request of a
// user may be one.
func (w *world) unchanged() int { return len(w.logs[Place{"requests", 0}]) + len(w.versions) }
