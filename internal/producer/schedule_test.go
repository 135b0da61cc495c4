package producer_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// A schedule is a backfill by two or three processes under up to three faults,
// which the seed puts at yield points, then changes, then an incremental run by a
// process that nothing happens to. Afterwards the oracle reads the topics.

// play runs the schedule of a seed in virtual time and returns what the oracle
// found wrong with it, with its events.
func play(t *testing.T, seed uint64, from trouble, m *mutant) (v verdict, problems, events []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, seed, from, m)
		draw := rand.New(rand.NewPCG(seed, 99))
		for range w.plan.processes {
			w.spawn(time.Duration(draw.IntN(3000))*time.Millisecond, false)
		}
		w.act()
		w.live.Wait()
		w.mu.Lock()
		w.broker.wire.Mend()
		w.mu.Unlock()
		v = w.judge()
		w.end()
		problems, events = w.problems, w.events
	})
	return v, problems, events
}

// act plays the schedule up to the end of the incremental run.
func (w *world) act() {
	limit := time.After(time.Hour)
	select {
	case <-w.reached:
	case <-limit:
		w.fail("the backfill is not done after an hour")
		w.quiet(true)
		return
	}
	w.quiet(false)
	// Stopped processes that hold the lease give it back now, paused ones wake up
	// while the next run goes on.
	w.market.change(rand.New(rand.NewPCG(w.seed, 100)), 4)
	w.finish(time.Now())
	w.quiet(true)
}

// quiet ends the faults, and stops the processes: those that are paused at the
// moment only if all is set, or if the seed says so.
func (w *world) quiet(all bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calm = true
	w.broker.wire.Mend()
	for _, p := range w.processes {
		if all || !p.asleep || w.seed%2 == 0 {
			p.stop()
		}
	}
}

// cleanName is the process that nothing happens to.
const cleanName = "clean"

// finish syncs as a process that nothing happens to, until a run is done that
// was begun after all changes.
func (w *world) finish(changed time.Time) {
	w.mu.Lock()
	p := &process{world: w, name: cleanName, immune: true, draw: newDraw(w.seed, 101), ctx: w.t.Context(), stop: func() {}}
	w.mu.Unlock()
	p.stream = w.broker.open(feedName)
	loop, err := producer.New(w.options(p.stream), pager{buyer{w.market, p.name, p.transit}, p}, log{p}, store{p}, w.wallet, p.logger())
	if err != nil {
		w.fail("New: %v", err)
		return
	}
	for range 20 {
		result, err := looper{loop}.Sync(p.ctx)
		w.note(p, "sync", fmt.Sprintf("pages %d, phase %s, %v", result.Pages, result.Progress.Phase, err))
		if err == nil && result.Progress.Phase == schemas.Done && !result.Progress.RunStartedAt.Before(changed.Truncate(time.Millisecond)) {
			return
		}
		time.Sleep(time.Second)
	}
	w.fail("no run that began after the changes was done in 20 tries")
}

// end lets the dead go.
func (w *world) end() {
	close(w.over)
	w.all.Wait()
	w.mu.Lock()
	closers := w.closers
	w.mu.Unlock()
	for _, end := range closers {
		end()
	}
}

// figures of many schedules.
type figures struct {
	mu             sync.Mutex
	played         int
	bought, wasted int
	most           int
	groups         int
	cut, same      int
	struck         map[fault]int
}

func (f *figures) add(v verdict) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.played++
	f.bought += v.bought
	f.wasted += v.wasted
	f.most = max(f.most, v.wasted)
	f.groups += v.groups
	f.cut += v.cut
	f.same += v.same
	for kind, n := range v.struck {
		f.struck[kind] += n
	}
}

func TestSeededSchedules(t *testing.T) {
	t.Parallel()
	if *oneSeed != 0 {
		_, problems, events := play(t, *oneSeed, everyFault(), &mutant{})
		t.Logf("events of seed %d:\n%s", *oneSeed, strings.Join(events, "\n"))
		for _, problem := range problems {
			t.Error(problem)
		}
		return
	}
	total := &figures{struck: map[fault]int{}}
	t.Cleanup(func() {
		t.Logf("%d schedules, %v: %d pages bought, %d wasted, at most %d in one schedule; %d transactions of several pages, %d backfills in windows, %d rows unchanged",
			total.played, kindsOf(total.struck), total.bought, total.wasted, total.most, total.groups, total.cut, total.same)
		if total.played != *schedules || total.played < 100 {
			return
		}
		if len(total.struck) < 10 {
			t.Errorf("only these faults struck: %v", kindsOf(total.struck))
		}
		if total.groups == 0 || total.cut == 0 || total.same == 0 {
			t.Error("want several pages in a transaction, backfills in windows, and rows that are not published again")
		}
	})
	for seed := range uint64(*schedules) {
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			t.Parallel()
			v, problems, events := play(t, seed+1, everyFault(), &mutant{})
			total.add(v)
			if len(problems) > 0 {
				t.Errorf("play it again with -run TestSeededSchedules$ -seed %d\n%s\nevents:\n%s", seed+1, strings.Join(problems, "\n"), strings.Join(events, "\n"))
			}
		})
	}
}
