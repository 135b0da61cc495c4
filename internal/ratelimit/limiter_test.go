package ratelimit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

func windows(t *testing.T, text string) ratelimit.Windows {
	t.Helper()
	ws, err := ratelimit.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return ws
}

// take returns when n requests may start, from now on.
func take(ctx context.Context, l *ratelimit.Limiter, n int) ([]time.Duration, error) {
	begin := time.Now()
	var starts []time.Duration
	for range n {
		if err := l.Wait(ctx); err != nil {
			return starts, err
		}
		starts = append(starts, time.Since(begin))
	}
	return starts, nil
}

// most is the largest number of starts in any stretch of time of length per.
func most(starts []time.Duration, per time.Duration) int {
	found, first := 0, 0
	for i := range starts {
		for starts[i]-starts[first] >= per {
			first++
		}
		found = max(found, i-first+1)
	}
	return found
}

func TestTheDefaultLimitsHoldInEveryWindowForADay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ws := windows(t, "120/m,5000/h,50000/d")
		starts, err := take(t.Context(), ratelimit.New(ws), 60_000)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range ws {
			// Exactly full: fewer would be a limiter that is too strict.
			if got := most(starts, w.Per); got != w.N {
				t.Errorf("at most %d starts in any %v, want %d", got, w.Per, w.N)
			}
		}
		if starts[49_999] >= 24*time.Hour || starts[50_000] < 24*time.Hour {
			t.Errorf("start 50,000 is at %v and the next at %v, want them on both sides of a day", starts[49_999], starts[50_000])
		}
	})
}

// The limiter sends bursts, which is the hard case: the server must see no more
// than N in a window although the first request arrives late and the last not.
func TestTheMarginCoversTheWayToTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ws := windows(t, "120/m")
		starts, err := take(t.Context(), ratelimit.New(ws), 1_200)
		if err != nil {
			t.Fatal(err)
		}
		arrivals := make([]time.Duration, len(starts))
		for i, at := range starts {
			arrivals[i] = at + 20*time.Millisecond
		}
		arrivals[0] += 500 * time.Millisecond // it had to dial
		slow := arrivals[0]
		for i, at := range arrivals {
			arrivals[i] = max(at, slow) // one after the other, so none overtakes it
		}
		if got := most(arrivals, time.Minute); got > 120 {
			t.Errorf("the server sees %d requests in a minute, want at most 120", got)
		}
		// 1,200 requests need nine full minutes; the margin may cost one percent.
		if last := starts[len(starts)-1]; last > 9*time.Minute*101/100 {
			t.Errorf("1,200 requests took %v, want at most one percent more than nine minutes", last)
		}
	})
}

func TestAnyWindowsHoldForAnyPace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		ws := ratelimit.Windows{
			{N: rapid.IntRange(1, 5).Draw(rt, "a second"), Per: time.Second},
			{N: rapid.IntRange(1, 40).Draw(rt, "a minute"), Per: time.Minute},
		}
		pauses := rapid.SliceOfN(rapid.IntRange(0, 3000), 1, 60).Draw(rt, "pauses in ms")
		var starts []time.Duration
		synctest.Test(t, func(t *testing.T) {
			l, begin := ratelimit.New(ws), time.Now()
			for _, pause := range pauses {
				time.Sleep(time.Duration(pause) * time.Millisecond) // virtual: the pace of the caller
				if err := l.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				starts = append(starts, time.Since(begin))
			}
		})
		for _, w := range ws {
			if got := most(starts, w.Per); got > w.N {
				rt.Errorf("%d starts in a window of %v", got, w)
			}
		}
	})
}

func TestCallersAreServedInTheOrderInWhichTheyAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(windows(t, "1/s"))
		var (
			mu     sync.Mutex
			served []int
			wg     sync.WaitGroup
		)
		for i := range 50 {
			wg.Go(func() {
				if err := l.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				served = append(served, i)
			})
			synctest.Wait() // it is in the queue before the next one asks
		}
		wg.Wait()
		for i, got := range served {
			if got != i {
				t.Fatalf("served in the order %v", served)
			}
		}
	})
}

func TestACallerThatGivesUpTakesNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(windows(t, "1/m"))
		begin := time.Now()
		if err := l.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		cause := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		errs := make(chan error, 2)
		for range cap(errs) { // the first sleeps for its place, the second queues behind
			go func() { errs <- l.Wait(ctx) }()
			synctest.Wait()
		}
		time.Sleep(10 * time.Second)
		cancel(cause)
		for range cap(errs) {
			if err := <-errs; !errors.Is(err, cause) {
				t.Errorf("Wait = %v, want the context's cause", err)
			}
		}
		if err := l.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := time.Since(begin), 60*time.Second+600*time.Millisecond; got != want {
			t.Errorf("the next start is after %v, want %v", got, want)
		}
	})
}

func TestAnEndedContextStartsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		l := ratelimit.New(windows(t, "1/m"))
		for range 20 {
			if err := l.Wait(ctx); !errors.Is(err, cause) {
				t.Fatalf("Wait = %v, want the context's cause", err)
			}
		}
		begin := time.Now()
		if err := l.Wait(t.Context()); err != nil || time.Since(begin) != 0 {
			t.Errorf("Wait = %v after %v, want the only place to be free still", err, time.Since(begin))
		}
	})
}

func TestUntilHoldsEverybodyBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := ratelimit.New(nil)
		begin := time.Now()
		l.Until(begin.Add(10 * time.Second))
		l.Until(begin.Add(5 * time.Second)) // earlier than what is known: nothing changes
		done := make(chan time.Duration, 1)
		go func() {
			if err := l.Wait(t.Context()); err != nil {
				t.Error(err)
			}
			done <- time.Since(begin)
		}()
		time.Sleep(9 * time.Second)
		l.Until(begin.Add(time.Minute)) // while it waits
		if got := <-done; got != time.Minute {
			t.Errorf("it started after %v, want a minute", got)
		}
	})
}

func TestNoWindowsIsNoLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		starts, err := take(t.Context(), ratelimit.New(nil), 1000)
		if err != nil || starts[999] != 0 {
			t.Errorf("1,000 starts took %v, %v; want no time", starts[len(starts)-1], err)
		}
	})
}
