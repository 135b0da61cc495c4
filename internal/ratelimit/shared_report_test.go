package ratelimit_test

import (
	"context"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

// usage returns how a window stands.
func usage(t *testing.T, s *ratelimit.Shared, i int) ratelimit.Usage {
	t.Helper()
	st, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st.Windows[i]
}

func TestWhatOthersUseOfTheKeyIsLeftToThem(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "120/m")
		a := newAPI(ws)
		for range 90 {
			a.request()
		}
		rs := w.replicas(2, ws)
		// Twenty in flight at once when the first answer comes, and no more than the
		// thirty that are free.
		a.crew(t, 55*time.Second, 10, 200*time.Millisecond, rs...)
		if passed, refused := a.counts(); passed < 118 || refused != 0 {
			t.Errorf("%d requests passed and %d were refused, want 118 at least and none", passed, refused)
		}
		if got := usage(t, rs[0], 0); got.Others < 90 || got.Others+got.Used > 120 {
			t.Errorf("got %+v, want 90 of others at least, and 120 together", got)
		}
		// The others are gone: in a minute the key is ours again.
		a.crew(t, 125*time.Second, 10, 200*time.Millisecond, rs...)
		if passed, refused := a.counts(); passed < 118+120+120 || refused != 0 {
			t.Errorf("%d requests passed and %d were refused, want 358 and none", passed, refused)
		}
		if got := usage(t, rs[0], 0); got.Others != 0 {
			t.Errorf("got %+v, want none of others", got)
		}
	})
}

// Answers come out of order, late, and with what their windows had in between: no
// such answer may pass for somebody else's use.
func TestOwnRequestsAreNeverTakenForThoseOfOthers(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "120/m,400/h")
		a := newAPI(ws)
		rs := w.replicas(4, ws)
		stop := time.NewTicker(997 * time.Millisecond)
		defer stop.Stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.crew(t, 130*time.Second, 4, 9*time.Second, rs...)
		}()
		for {
			select {
			case <-stop.C:
				for i := range ws {
					if got := usage(t, rs[0], i); got.Others != 0 {
						t.Fatalf("got %+v, want none of others", got)
					}
				}
				continue
			case <-done:
			}
			break
		}
		if passed, refused := a.counts(); passed < 200 || refused != 0 {
			t.Errorf("%d requests passed and %d were refused, want 200 at least and none", passed, refused)
		}
	})
}

func TestWhatALostLogLacksIsNotTakenForThatOfOthers(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "20/m")
		first, second := w.replica(ws), w.replica(ws)
		var flying []*ratelimit.Ticket
		for range 2 {
			ticket, err := first.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			flying = append(flying, ticket)
		}
		spend(t, second, 15)
		w.redis.FlushAll()
		// Once before there is a new log, and once before the second one was heard.
		for _, ticket := range flying {
			ticket.Done(ratelimit.Report{Limit: 20, Remaining: 3})
			if got := usage(t, first, 0); got.Others != 0 {
				t.Errorf("got %+v, want none of others", got)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := first.Take(ctx); err == nil {
				t.Error("a request may start, want it to wait for what the second one knows")
			}
			cancel()
		}
		spend(t, second, 3)
		if got := usage(t, first, 0); got.Others != 0 || got.Used != 20 {
			t.Errorf("got %+v, want 20 used and none of others", got)
		}
	})
}

// What was used before this log began is others' too, but it is no reason to
// hold the shorter windows back.
func TestALongWindowOfOthersLeavesTheShortOnesAlone(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "60/m,1000/h")
		s := w.replica(ws)
		ticket, err := s.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(ratelimit.Report{Limit: 1000, Remaining: 100})
		if got := startsAfter(t, s, 59); got[58] != 0 {
			t.Errorf("the rest of the minute starts after %v, want at once", got[58])
		}
		if got := usage(t, s, 1); got.Others != 899 || got.Used != 60 {
			t.Errorf("got %+v, want 60 used and 899 of others", got)
		}
		time.Sleep(30*time.Minute + 30*time.Second)
		if got := usage(t, s, 1); got.Others != 450 {
			t.Errorf("after half of the hour got %+v, want 450 of others", got)
		}
	})
}

func TestASmallerPlanHoldsForAllReplicasUntilItIsOver(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "120/m,5000/h")
		a := newAPI(windows(t, "60/m"))
		rs := w.replicas(2, ws)
		a.crew(t, 130*time.Second, 8, 200*time.Millisecond, rs...)
		if passed, refused := a.counts(); passed != 180 || refused != 0 {
			t.Errorf("%d requests passed and %d were refused, want 180 and none", passed, refused)
		}
		if got := usage(t, rs[1], 0); got.Limit != 60 || got.Window.N != 120 {
			t.Errorf("got %+v, want a limit of 60", got)
		}
		a.allow(ws)
		a.crew(t, 120*time.Second, 8, 200*time.Millisecond, rs...)
		if passed, refused := a.counts(); passed < 180+240 || refused != 0 {
			t.Errorf("%d requests passed and %d were refused, want 420 at least and none", passed, refused)
		}
		if got := usage(t, rs[1], 0); got.Limit != 120 {
			t.Errorf("got %+v, want a limit of 120", got)
		}
	})
}

func TestALimitThatSaysNothingNewChangesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		s := w.replica(windows(t, "120/m,5000/h"))
		for _, r := range []ratelimit.Report{{}, {Limit: 360, Remaining: 1}, {Remaining: 5}, {Limit: 5000, Remaining: 4999}} {
			ticket, err := s.Take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ticket.Done(r)
			ticket.Done(ratelimit.Report{Limit: 1}) // it is done already
		}
		for i, n := range []int{120, 5000} {
			if got := usage(t, s, i); got.Limit != n || got.Others != 0 || got.Used != 4 {
				t.Errorf("got %+v, want 4 used of %d", got, n)
			}
		}
	})
}
