package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

// bubble runs a test in virtual time.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { test(t, newWorld(t)) })
}

// replicas returns n of them.
func (w *world) replicas(n int, ws ratelimit.Windows) []*ratelimit.Shared {
	out := make([]*ratelimit.Shared, n)
	for i := range out {
		out[i] = w.replica(ws)
	}
	return out
}

// spend takes n requests that are answered at once.
func spend(t *testing.T, s *ratelimit.Shared, n int) {
	t.Helper()
	for range n {
		ticket, err := s.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ticket.Done(ratelimit.Report{})
	}
}

// startsAfter returns how long the next n requests have to wait.
func startsAfter(t *testing.T, s *ratelimit.Shared, n int) []time.Duration {
	t.Helper()
	begin := time.Now()
	var out []time.Duration
	for range n {
		spend(t, s, 1)
		out = append(out, time.Since(begin))
	}
	return out
}

// near reports whether got is want, or up to a second more.
func near(got, want time.Duration) bool { return got >= want && got < want+time.Second }

func TestReplicasTogetherUseTheirWindowsAndNeverPassThem(t *testing.T) {
	t.Parallel()
	for _, replicas := range []int{1, 2, 8} {
		for _, limits := range []string{"60/m", "60/m,150/h", "40/s"} {
			t.Run(fmt.Sprintf("%d replicas at %s", replicas, limits), func(t *testing.T) {
				t.Parallel()
				bubble(t, func(t *testing.T, w *world) {
					ws := windows(t, limits)
					a := newAPI(ws)
					d, latency := 3*time.Minute+30*time.Second, 300*time.Millisecond
					if ws[0].Per == time.Second {
						d, latency = 6*time.Second, 6*time.Millisecond
					}
					a.crew(t, d, 16/replicas, latency, w.replicas(replicas, ws)...)
					passed, refused := a.counts()
					if refused != 0 {
						t.Errorf("%d requests were refused, want none", refused)
					}
					if len(ws) > 1 && passed != ws[1].N {
						t.Errorf("%d requests, want the whole %v", passed, ws[1])
					}
					if got := a.used(ws[0]); len(ws) == 1 && got < 0.99 {
						t.Errorf("%.2f %% of %v were used, want 99", 100*got, ws[0])
					}
				})
			})
		}
	}
}

func TestReplicasThatWaitAreServedInTurn(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "10/s")
		// The first has twice as many workers, all of which always wait.
		rs := w.replicas(4, ws)
		sent := newAPI(ws).crew(t, 20*time.Second, 4, 50*time.Millisecond, append(rs, rs[0])...)
		sent[0], sent = sent[0]+sent[4], sent[:4]
		if least, most := slices.Min(sent), slices.Max(sent); most > least+10 {
			t.Errorf("the replicas sent %d requests, want about 50 each", sent)
		}
	})
}

func TestSharedCallersAreServedInTheOrderInWhichTheyAsked(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		s := w.replica(windows(t, "1/s"))
		served := make(chan int, 20)
		for i := range cap(served) {
			go func() {
				if _, err := s.Take(t.Context()); err == nil {
					served <- i
				}
			}()
			synctest.Wait() // it is in the queue before the next one asks
		}
		for want := range cap(served) {
			if got := <-served; got != want {
				t.Fatalf("caller %d was served in place of %d", got, want)
			}
		}
	})
}

func TestACallerThatGivesUpLeavesTheQueue(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		first, second := w.replica(windows(t, "2/m")), w.replica(windows(t, "2/m"))
		spend(t, first, 2)
		cause := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		errs := make(chan error, 3)
		for range cap(errs) {
			go func() { _, err := first.Take(ctx); errs <- err }()
		}
		time.Sleep(10 * time.Second)
		if n, until := first.Waiting(); n != 3 || !near(time.Until(until), 50*time.Second) {
			t.Errorf("%d wait for %v, want 3 for 50s", n, time.Until(until))
		}
		cancel(cause)
		for range cap(errs) {
			if err := <-errs; !errors.Is(err, cause) {
				t.Errorf("Take = %v, want the context's cause", err)
			}
		}
		if st, err := second.State(t.Context()); err != nil || st.Waiting != 0 || st.Windows[0].Used != 2 {
			t.Errorf("got %+v, %v, want nobody to wait and 2 to be used", st, err)
		}
		if got := startsAfter(t, second, 2); !near(got[0], 50*time.Second) || got[1] != got[0] {
			t.Errorf("the next two start after %v, want both after 50s", got)
		}
		if n, until := first.Waiting(); n != 0 || !until.IsZero() {
			t.Errorf("%d wait until %v, want nobody", n, until)
		}
	})
}

func TestAnEndedContextTakesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		cause := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		s := w.replica(windows(t, "1/m"))
		if _, err := s.Take(ctx); !errors.Is(err, cause) || w.calls.Load() != 0 {
			t.Errorf("Take = %v after %d calls, want the context's cause and none", err, w.calls.Load())
		}
	})
}

func TestA429HoldsEveryReplica(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "10/m")
		first, second := w.replica(ws), w.replica(ws)
		first.Until(t.Context(), time.Now().Add(20*time.Second))
		first.Until(t.Context(), time.Now().Add(5*time.Second)) // earlier than what is known
		first.Until(t.Context(), time.Now().Add(-time.Hour))
		if st, err := second.State(t.Context()); err != nil || time.Until(st.Held) != 20*time.Second {
			t.Errorf("held for %v, %v, want 20s", time.Until(st.Held), err)
		}
		go func() {
			time.Sleep(10 * time.Second)
			first.Until(t.Context(), time.Now().Add(20*time.Second)) // while the other waits
		}()
		if got := startsAfter(t, second, 2); got[0] != 30*time.Second || got[1] != got[0] {
			t.Errorf("the other replica starts after %v, want 30s", got)
		}
		spend(t, first, 1)
	})
}

func TestWithoutWindowsRedisIsAskedNothing(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		s := w.replica(nil)
		if got := startsAfter(t, s, 100); got[99] != 0 || w.calls.Load() != 0 {
			t.Errorf("100 requests took %v and %d calls, want none", got[99], w.calls.Load())
		}
		s.Until(t.Context(), time.Now().Add(time.Minute))
		w.cut(true)
		s.Until(t.Context(), time.Now().Add(2*time.Minute)) // Redis is no reason to forget it
		if got := startsAfter(t, s, 1); got[0] != 2*time.Minute {
			t.Errorf("it starts after %v, want 2m", got[0])
		}
	})
}
