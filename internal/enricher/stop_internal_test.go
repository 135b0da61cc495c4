package enricher

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// slowTail lets every read of a topic take so long.
func slowTail(d time.Duration) func(context.Context, Place) error {
	return func(ctx context.Context, _ Place) error {
		if !wait(ctx, d) {
			return context.Cause(ctx)
		}
		return nil
	}
}

// turnTo moves a slot to a replica, as if it had been another's for a while.
func (w *world) turnTo(slot int32, to *replica) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owner[slot] = to
	for _, at := range w.parts(slot) {
		to.owned[at], to.paused[at] = w.committed[at].Offset, true
	}
	to.assigned(w.parts(slot))
	to.wake()
}

// What is under way at a stop is waited for, published and remembered, whatever
// else goes on.
func TestAStopPublishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	for name, preparing := range map[string]bool{"at work": false, "while a slot is prepared": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{Concurrency: 8, Batch: 50})
				w.latency = func() time.Duration { return time.Second }
				r := w.start()
				time.Sleep(time.Second) // virtual, as all of them
				for i := range 40 {
					w.update(fmt.Sprintf("a-%d", i))
				}
				time.Sleep(2500 * time.Millisecond)
				if preparing {
					w.mu.Lock()
					w.tail = slowTail(5 * time.Second)
					w.revoke(r, w.parts(0), false)
					w.mu.Unlock()
					time.Sleep(200 * time.Millisecond)
					w.turnTo(0, r)
				}
				time.Sleep(900 * time.Millisecond)
				w.mu.Lock()
				begun := make(map[string]bool)
				for id := range w.gets {
					begun[id] = !preparing || worldSlot([]byte(id), worldSlots) != 0
				}
				r.aborts = true // a rebalance comes between
				w.join = 100 * time.Millisecond
				w.mu.Unlock()
				w.stop(r)
				for id, want := range begun {
					known, err := w.memory.Recall(t.Context(), []string{id})
					if published := len(w.published("companies")[id]); want && (published != 1 || len(known) != 1 || err != nil) {
						t.Errorf("%s was asked for before the stop: got %d records, and is known as %v, %v", id, published, known, err)
					}
				}
			})
		})
	}
}

// What is done is committed at a stop, and so is the position behind it.
func TestAStopLeavesNothingThatIsDone(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		work      func(w *world, r *replica)
		companies int
	}{
		"its transaction is aborted meanwhile": {func(w *world, r *replica) {
			w.mu.Lock()
			w.join = 500 * time.Millisecond
			w.mu.Unlock()
			w.update("a")
			time.Sleep(300 * time.Millisecond) // the transaction has begun
			w.mu.Lock()
			r.aborts = true
			w.mu.Unlock()
		}, 1},
		"nothing is to be published": {func(w *world, _ *replica) {
			w.update("un-1")
			time.Sleep(100 * time.Millisecond) // it is read
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{})
				r := w.start()
				time.Sleep(10 * time.Second) // virtual, as all of them
				w.update("un-0")
				time.Sleep(200 * time.Millisecond) // its position is committed, and the next one waits for a second
				c.work(w, r)
				w.stop(r)
				w.expect("after the stop", c.companies, c.companies, 0)
				w.mu.Lock()
				for at, log := range w.logs {
					if at.Topic == sitesName && w.committed[at].Offset != int64(len(log)) {
						t.Errorf("got position %+v of %v, want %d", w.committed[at], at, len(log))
					}
				}
				w.mu.Unlock()
			})
		})
	}
}

// Nothing is asked for once it was told to stop: neither what waits for others nor
// what waits for the request limits.
func TestAStopBeginsNoRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.latency = func() time.Duration { return time.Second }
		var taken atomic.Int64
		w.limit = func(ctx context.Context) {
			if taken.Add(1) > 4 {
				wait(ctx, 3*time.Second)
			}
		}
		r := w.start()
		time.Sleep(time.Second) // virtual, as all of them
		for i := range 20 {
			w.update(fmt.Sprintf("a-%d", i))
		}
		time.Sleep(1500 * time.Millisecond) // two have come, and two are under way
		if n := taken.Load(); n <= 4 {
			t.Errorf("%d requests have asked for their turn, want some that wait for it", n)
		}
		w.stop(r)
		w.expect("after the stop", 4, 4, 0)
	})
}

// What was fetched is kept where no further try can help.
func TestAnEndThatNoTryCanMendSavesWhatIsFetched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.stuck = func(id string) bool { return id == "slow" }
		r := w.start()
		time.Sleep(time.Second) // virtual, as all of them
		w.update("slow")
		w.update("good")
		time.Sleep(120 * time.Millisecond) // it is fetched, and waits for others
		cause := errors.New("unreadable")
		w.mu.Lock()
		w.polled = func() error { return &FatalError{cause} }
		w.mu.Unlock()
		if err := <-r.ended; !errors.Is(err, cause) {
			t.Errorf("got %v, want %v", err, cause)
		}
		w.expect("in the end", 2, 1, 0)
		r.cancel()
	})
}

// A request that takes too long is given up at a stop, and what others brought is
// not.
func TestAStopWaitsNoLongerThanItMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.stuck = func(id string) bool { return id == "slow" }
		r := w.start()
		w.update("slow")
		w.update("good")
		time.Sleep(time.Second) // virtual
		began := time.Now()
		w.stop(r)
		if took := time.Since(began); took < r.loop.o.Drain || took > r.loop.o.Drain+2*time.Second {
			t.Errorf("the stop took %s, want a little more than %s", took, r.loop.o.Drain)
		}
		w.expect("after it", 2, 1, 0)
	})
}

// Brokers that do not answer keep a stop waiting for as long as leaving the group
// may take, and no longer.
func TestAStopGivesUpATransactionThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		r := w.start()
		w.mu.Lock()
		w.join = time.Hour
		w.mu.Unlock()
		w.update("a")
		time.Sleep(time.Second) // virtual
		began := time.Now()
		w.stop(r)
		if took, most := time.Since(began), 2*closeTimeout+r.loop.o.Drain; took > most {
			t.Errorf("the stop took %s, want at most %s", took, most)
		}
		w.expect("after it", 1, 0, 0)
	})
}

func TestTheWatchdogSeesAPreparationThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Stall: time.Minute})
		w.tail = func(ctx context.Context, _ Place) error { <-ctx.Done(); return ctx.Err() }
		r := w.start()
		w.expectStall(r)
	})
}

func TestTheWatchdogSeesRequestsThatHangBesideRecordsThatNobodyWants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Stall: time.Minute})
		h := hanger{w, make(chan struct{})}
		r := w.idle()
		r.loop.fetcher = h
		r.run()
		w.update("a")
		go func() {
			for range 20 {
				time.Sleep(10 * time.Second) // virtual
				w.update("un-1")
			}
		}()
		w.expectStall(r)
		close(h.free)
		time.Sleep(5 * time.Minute) // virtual: what was given up ends
	})
}

func TestTheWatchdogIsPatientWithACompanyThatAnswersLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		w.stuck = func(id string) bool { return id == "bad" } // 30 s, then 503
		r := w.start()
		w.update("bad")
		select {
		case err := <-r.ended:
			t.Errorf("it ended with %v", err)
		case <-time.After(30 * time.Minute): // virtual
		}
		w.stop(r)
	})
}

// expectStall waits for the loop to end as one in which nothing moves.
func (w *world) expectStall(r *replica) {
	w.t.Helper()
	var stalled *StalledError
	select {
	case err := <-r.ended:
		if !errors.As(err, &stalled) {
			w.t.Errorf("got %v, want a stall", err)
		}
	case <-time.After(10 * time.Minute): // virtual
		w.t.Errorf("nothing has happened in ten minutes, and Alive says %v", r.loop.Alive())
	}
	r.cancel()
}
