package enricher

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

// once returns a function that returns err the first time.
func once(err error) func() error {
	var done atomic.Bool
	return func() error {
		if done.Swap(true) {
			return nil
		}
		return err
	}
}

// midway does something while topics are read: the first of them are told to the
// memory by then.
func midway(w *world, do func()) {
	reads := 0
	w.tail = func(context.Context, Place) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if reads++; reads == worldSlots {
			do()
		}
		return nil
	}
}

// What was fetched is known, whatever happens to Redis before it is asked.
func TestNothingIsFetchedAgainWhenRedisFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail func(w *world) // before a process comes that reads all again
		late func(w *world) // or when it has been there for a while
	}{
		"one call times out":                     {fail: func(w *world) { w.recalled = once(errors.New("i/o timeout")) }},
		"it is emptied while a slot is prepared": {fail: func(w *world) { midway(w, w.memory.Wipe) }},
		"it is emptied, and a broker fails": {fail: func(w *world) {
			w.memory.Wipe()
			fails := once(errors.New("leader not available"))
			w.tail = func(context.Context, Place) error { return fails() }
		}},
		"it is emptied, and the brokers are away for a while": {late: func(w *world) {
			w.memory.Wipe()
			until := time.Now().Add(time.Minute)
			w.tail = func(context.Context, Place) error {
				if time.Now().Before(until) {
					return errors.New("leader not available")
				}
				return nil
			}
		}},
		"it is emptied, and once more while it is told": {late: func(w *world) {
			w.memory.Wipe()
			midway(w, w.memory.Wipe)
		}},
		"it is emptied, and away for a moment while it is told": {late: func(w *world) {
			w.memory.Wipe()
			midway(w, func() {
				w.memory.SetError(errors.New("i/o timeout"))
				time.AfterFunc(100*time.Millisecond, func() { w.memory.SetError(nil) })
			})
		}},
		"it is away while the slots are prepared, and is emptied": {
			fail: func(w *world) { w.memory.SetError(errors.New("away")) },
			late: func(w *world) {
				w.memory.Wipe()
				w.memory.SetError(nil)
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, Options{})
				r := w.start()
				for i := range 400 {
					w.update(fmt.Sprintf("a-%d", i))
				}
				w.quiet()
				w.stop(r)
				w.mu.Lock()
				if c.late == nil {
					clear(w.committed)
				}
				if c.fail != nil {
					c.fail(w)
				}
				w.mu.Unlock()
				r = w.start()
				if c.late != nil {
					time.Sleep(10 * time.Second) // virtual, as the other one
					w.mu.Lock()
					c.late(w)
					w.mu.Unlock()
					time.Sleep(5 * time.Second)
					for id := range w.versions {
						w.again(id)
					}
				}
				w.quiet()
				w.stop(r)
				w.expect("after a replay", 400, 400, 0)
			})
		})
	}
}

// A memory that is lost while it is told does not count as one that was told.
func TestAMemoryThatIsLostWhileItIsToldKnowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{})
	r := w.idle()
	midway(w, w.memory.Wipe)
	if epoch, err := r.loop.warm(t.Context(), []int32{0, 1, 2, 3}); err == nil {
		t.Errorf("got epoch %d and no error", epoch)
	}
	epoch, err := r.loop.warm(t.Context(), []int32{0, 1, 2, 3})
	if marks, _ := w.memory.Marks(t.Context()); err != nil || epoch == 0 || marks[EpochMark] != epoch {
		t.Errorf("the next time: got epoch %d, %v, and it has the marks %v", epoch, err, marks)
	}
}

// A replica of Redis takes over that did not get the last writes.
func TestARedisThatGoesBackIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		r := w.start()
		some := func(name string) {
			for i := range 20 {
				w.update(fmt.Sprintf("%s-%d", name, i))
			}
			w.quiet()
		}
		some("a")
		restore := w.memory.Snapshot()
		some("b")
		restore()
		time.Sleep(10 * time.Second) // virtual
		some("c")
		w.stop(r)
		w.replay()
		w.expect("after a replay", 60, 60, 0)
	})
}

// A version that was not chosen is newer than the profile, so a request for the
// company is one for that: no loss of Redis makes it an old one.
func TestThatThereIsANewerVersionIsNotForgotten(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(w *world){
		"while Redis is away":  func(w *world) { w.memory.SetError(errors.New("away")) },
		"and Redis is emptied": func(*world) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, Options{}, func(w *world) {
				w.update("un-1")
				w.request(schemas.CompanyRequest{ID: "un-1"})
				w.quiet()
				lose(w)
				w.update("un-1")
				w.quiet()
				w.memory.SetError(nil)
				if strings.Contains(name, "emptied") {
					w.memory.Wipe()
				}
				time.Sleep(10 * time.Second) // virtual
				w.request(schemas.CompanyRequest{ID: "un-1"})
				w.quiet()
				records := w.published("companies")["un-1"]
				if last := string(records[len(records)-1].Value); !strings.Contains(last, `"v":2`) {
					t.Errorf("the request is answered by %s, want the second version", last)
				}
			})
		})
	}
}

// A transaction that waits for a group which is being dealt for long loses nothing
// of what was fetched for it.
func TestALongRebalanceRepeatsNothing(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		time.Sleep(time.Second) // virtual
		w.mu.Lock()
		w.join = 44 * time.Second // until the session of a member that was stopped ends
		w.mu.Unlock()
		for i := range 300 {
			w.update(fmt.Sprintf("a-%d", i))
		}
		time.Sleep(43 * time.Second)
		w.mu.Lock()
		w.join = 0
		w.mu.Unlock()
		w.quiet()
		w.expect("in the end", 300, 300, 0)
	})
}

// member is the one replica that is at work.
func (w *world) member() *replica {
	w.mu.Lock()
	defer w.mu.Unlock()
	for r := range w.members {
		return r
	}
	w.t.Fatal("no replica is a member")
	return nil
}

// A membership goes on while one slot is prepared and another one moves away.
func TestASlotThatMovesWhileAnotherIsPreparedDisturbsNobody(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		time.Sleep(time.Second) // virtual, as all of them
		r := w.member()
		w.mu.Lock()
		w.tail = slowTail(5 * time.Second)
		w.revoke(r, append(w.parts(0), w.parts(1)...), false)
		w.mu.Unlock()
		time.Sleep(time.Second)
		w.turnTo(0, r)
		w.turnTo(1, r)
		time.Sleep(time.Second)
		w.mu.Lock()
		w.revoke(r, w.parts(1), false) // another replica takes it
		w.mu.Unlock()
		for i := range 40 {
			w.update(fmt.Sprintf("a-%d", i))
		}
		time.Sleep(time.Second)
		if n := w.count("companies"); n == 0 {
			t.Error("nothing was published of the slots that stayed")
		}
		if errs := r.loop.View().Errors; len(errs) > 0 {
			t.Errorf("got %v, want a membership that goes on", errs)
		}
		w.turnTo(1, r)
		w.quiet()
		w.judge()
	})
}

// A partition that went and came back while a transaction was under way is another
// one: its position may have moved on.
func TestATransactionIsAboutThePartitionsItBeganWith(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		time.Sleep(time.Second) // virtual, as all of them
		slot := worldSlot([]byte("a"), worldSlots)
		at := Place{sitesName, slot}
		r := w.member()
		w.mu.Lock()
		w.join = 5 * time.Second
		w.mu.Unlock()
		w.update("a")
		time.Sleep(2 * time.Second) // the transaction waits
		w.mu.Lock()
		w.revoke(r, w.parts(slot), false)
		r.aborts = false                                                     // the library has not noticed
		w.committed[at] = Position{Offset: int64(len(w.logs[at])), Epoch: 1} // another one did it
		record := companyRecord("companies", "a", versionOf(worldVersion(1)), "", company.Answer{FetchedAt: time.Now()}, []byte(`{"id":"a","v":1}`), nil)
		record.Partition = slot
		w.append(record) // and published it
		w.mu.Unlock()
		time.Sleep(time.Second) // it hears of it
		w.turnTo(slot, r)
		time.Sleep(time.Second) // it has it back
		w.mu.Lock()
		w.join = 0
		w.mu.Unlock()
		w.quiet()
		time.Sleep(time.Minute)
		if got := w.count("companies"); got != 1 {
			t.Errorf("got %d profiles, want the one of the other owner", got)
		}
	})
}

// Records of which it can't be known whether they are answered go with their slot.
func TestWhatWaitsForRedisGoesWithItsSlot(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		time.Sleep(time.Second) // virtual, as all of them
		r := w.member()
		away := true
		w.mu.Lock()
		w.recalled = func() error {
			w.mu.Lock()
			defer w.mu.Unlock()
			if away {
				return errors.New("i/o timeout")
			}
			return nil
		}
		w.mu.Unlock()
		for i := range 20 {
			w.update(fmt.Sprintf("a-%d", i))
		}
		time.Sleep(time.Second)
		w.mu.Lock()
		for slot := range int32(worldSlots) {
			w.revoke(r, w.parts(slot), false)
		}
		away = false
		w.mu.Unlock()
		time.Sleep(20 * time.Second)
		w.expect("while the slots are another's", 0, 0, 0)
		for slot := range int32(worldSlots) {
			w.turnTo(slot, r)
		}
		w.quiet()
		w.expect("when they are back", 20, 20, 0)
	})
}
