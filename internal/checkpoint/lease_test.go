package checkpoint_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

const ttl = 15 * time.Second

// errAway is what a store that is away answers with.
var errAway = &checkpoint.UnavailableError{Addr: "redis:6379", Reason: "connection refused", Temporary: true}

// watched notes when the lease is renewed, and can hold calls up.
type watched struct {
	*checkpoint.Memory

	mu      sync.Mutex
	renewed []time.Duration // since begin, all tries
	begin   time.Time
	// stall makes a renewal take that long, or until its context ends.
	stall time.Duration
	// timeouts are what each renewal was given.
	timeouts []time.Duration
}

func newWatched(t *testing.T) *watched {
	t.Helper()
	m, err := checkpoint.NewMemory("career-sites")
	if err != nil {
		t.Fatal(err)
	}
	return &watched{Memory: m, begin: time.Now()}
}

func (w *watched) Renew(ctx context.Context, owner string, token uint64, ttl time.Duration) error {
	deadline, _ := ctx.Deadline()
	w.mu.Lock()
	w.renewed = append(w.renewed, time.Since(w.begin))
	w.timeouts = append(w.timeouts, time.Until(deadline))
	stall := w.stall
	w.mu.Unlock()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(stall):
		return w.Memory.Renew(ctx, owner, token, ttl)
	}
}

func (w *watched) setStall(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stall = d
}

// hold acquires a lease, and releases it with t.
func hold(t *testing.T, store checkpoint.Leaser, o checkpoint.HoldOptions) *checkpoint.Lease {
	t.Helper()
	l, err := checkpoint.Hold(t.Context(), store, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Release(context.WithoutCancel(t.Context())) })
	return l
}

// lostAfter waits until l is lost and returns how long that took since begin.
func lostAfter(l *checkpoint.Lease, begin time.Time) time.Duration {
	<-l.Lost()
	return time.Since(begin)
}

func TestALeaseIsRenewedAtAThirdOfItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		l := hold(t, w, checkpoint.HoldOptions{})
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if err := l.Alive(); err != nil {
			t.Errorf("after an hour: %v", err)
		}
		if err := l.Confirm(t.Context()); err != nil {
			t.Errorf("confirm after an hour: %v", err)
		}
		if len(w.renewed) != 720 || w.renewed[0] != 5*time.Second || w.renewed[719] != time.Hour {
			t.Errorf("got %d renewals from %s to %s, want 720 from 5s to 1h", len(w.renewed), w.renewed[0], w.renewed[len(w.renewed)-1])
		}
	})
}

func TestALeaseIsGivenUpAtTwoThirdsOfItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		begin := time.Now()
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		w.SetError(errAway)
		time.Sleep(10*time.Second - time.Nanosecond)
		if err := l.Alive(); err != nil {
			t.Errorf("just before the deadline: %v", err)
		}
		if got := lostAfter(l, begin); got != 10*time.Second {
			t.Errorf("given up after %s, want 10s", got)
		}
		var lost *checkpoint.LostError
		if err := l.Alive(); !errors.Is(err, checkpoint.ErrExpired) || !errors.As(err, &lost) {
			t.Fatalf("alive: got %v, want a LostError that is %v", err, checkpoint.ErrExpired)
		}
		if !lost.Since.Equal(begin.Add(10*time.Second)) || !checkpoint.IsDown(lost) {
			t.Errorf("got %v, want since 10 s after %s, and the cause", lost, begin)
		}
		if !errors.Is(l.Err(), checkpoint.ErrExpired) {
			t.Errorf("err: got %v, want %v", l.Err(), checkpoint.ErrExpired)
		}
	})
}

func TestTheDeadlineCountsFromBeforeTheRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.setStall(2 * time.Second)
		begin := time.Now()
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		// The renewal that is sent at 5 s is answered at 7 s: it counts until 15 s.
		time.Sleep(8 * time.Second)
		w.SetError(errAway)
		if got := lostAfter(l, begin); got != 15*time.Second {
			t.Errorf("given up after %s, want 15s", got)
		}
	})
}

func TestALeaseOutlastsAShortOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		var failed []error
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl, OnRenewError: func(err error) { failed = append(failed, err) }})
		for range 20 {
			w.SetError(errAway)
			time.Sleep(9 * time.Second)
			w.SetError(nil)
			// Long enough for the next try.
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			if err := l.Alive(); err != nil {
				t.Fatalf("after an outage of 9s: %v", err)
			}
		}
		if len(failed) < 20 {
			t.Errorf("got %d reports of a failed renewal, want at least one for each of 20 outages", len(failed))
		}
	})
}

func TestARenewalLeavesTimeForAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.setStall(time.Hour) // the server accepts, and never answers
		begin := time.Now()
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		if got := lostAfter(l, begin); got != 10*time.Second {
			t.Errorf("given up after %s, want 10s", got)
		}
		if len(w.renewed) < 3 {
			t.Errorf("got tries at %v, want several", w.renewed)
		}
		for i, at := range w.renewed {
			if at+w.timeouts[i] > 10*time.Second {
				t.Errorf("try at %s may take %s, beyond the deadline at 10s", at, w.timeouts[i])
			}
		}
	})
}

func TestARenewalThatIsAnsweredLateRevivesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		// Sent after 5 s, and answered in the instant of the deadline, where
		// either may come first, or after it.
		for _, late := range []time.Duration{5, 5, 5, 5, 5, 5, 5, 5, 12} {
			w.Wipe()
			begin := time.Now()
			l := hold(t, deaf{w, late * time.Second}, checkpoint.HoldOptions{TTL: ttl})
			if got := lostAfter(l, begin); got != 10*time.Second {
				t.Errorf("answered after %ds: given up after %s, want 10s", late, got)
			}
			time.Sleep(20 * time.Second)
			if err := l.Alive(); !errors.Is(err, checkpoint.ErrExpired) {
				t.Errorf("after the late answer: got %v, want %v", err, checkpoint.ErrExpired)
			}
		}
	})
}

// deaf renews with success, but late and without heeding the context.
type deaf struct {
	*watched

	late time.Duration
}

func (d deaf) Renew(context.Context, string, uint64, time.Duration) error {
	time.Sleep(d.late)
	return nil
}

func TestAStolenLeaseIsLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		begin := time.Now()
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		time.Sleep(time.Second)
		token := w.Steal("thief", ttl)
		if err := l.Alive(); err != nil {
			t.Errorf("alive asks the clock alone, got %v", err)
		}
		if got := lostAfter(l, begin); got != 5*time.Second {
			t.Errorf("lost after %s, want at the renewal after 5s", got)
		}
		if err := l.Alive(); !errors.Is(err, checkpoint.ErrLost) {
			t.Errorf("alive: got %v, want %v", err, checkpoint.ErrLost)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Errorf("release: %v", err)
		}
		if err := w.Held(t.Context(), "thief", token); err != nil {
			t.Errorf("the thief's lease after the release: %v", err)
		}
	})
}

func TestConfirmAsksTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		if err := l.Confirm(t.Context()); err != nil {
			t.Errorf("confirm: %v", err)
		}
		w.SetError(errAway)
		if err := l.Confirm(t.Context()); !checkpoint.IsDown(err) {
			t.Errorf("confirm without a server: got %v, want it to be down", err)
		}
		if err := l.Alive(); err != nil {
			t.Errorf("a server that is away takes no lease, got %v", err)
		}
		w.SetError(nil)
		w.Wipe()
		if err := l.Confirm(t.Context()); !errors.Is(err, checkpoint.ErrLost) {
			t.Errorf("confirm after a wipe: got %v, want %v", err, checkpoint.ErrLost)
		}
		select {
		case <-l.Lost():
		default:
			t.Error("the lease is not lost after a confirm that said so")
		}
	})
}

func TestReleaseGivesTheLeaseBackOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		first := hold(t, w, checkpoint.HoldOptions{TTL: ttl, Owner: "a"})
		if err := first.Release(t.Context()); err != nil {
			t.Fatalf("release: %v", err)
		}
		if err := first.Alive(); !errors.Is(err, checkpoint.ErrReleased) {
			t.Errorf("alive: got %v, want %v", err, checkpoint.ErrReleased)
		}
		select {
		case <-first.Lost():
			t.Error("a released lease counts as lost")
		default:
		}
		if err := first.Err(); err != nil {
			t.Errorf("err: got %v, want nil", err)
		}
		// Of the same name, so that a second release would find its lease.
		second := hold(t, w, checkpoint.HoldOptions{TTL: ttl, Owner: "a"})
		if second.Token() <= first.Token() {
			t.Errorf("token after %d: got %d, want more", first.Token(), second.Token())
		}
		if err := first.Release(t.Context()); err != nil {
			t.Errorf("second release: %v", err)
		}
		if err := second.Confirm(t.Context()); err != nil {
			t.Errorf("the successor after a second release: %v", err)
		}
	})
}

func TestReleaseStopsARenewalUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.setStall(2 * time.Second)
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		time.Sleep(6 * time.Second)
		begin := time.Now()
		if err := l.Release(t.Context()); err != nil {
			t.Errorf("release: %v", err)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("release took %s, want the renewal to be cancelled", took)
		}
		if err := w.Held(t.Context(), l.Owner(), l.Token()); !errors.Is(err, checkpoint.ErrLost) {
			t.Errorf("held after release: got %v, want %v", err, checkpoint.ErrLost)
		}
	})
}

func TestReleaseDoesNotWaitBeyondItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := hold(t, deaf{newWatched(t), 12 * time.Second}, checkpoint.HoldOptions{TTL: ttl})
		time.Sleep(6 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Release(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("release: got %v, want %v", err, context.DeadlineExceeded)
		}
		time.Sleep(time.Minute) // the goroutine ends with the renewal
	})
}

func TestTheOwnerNamesThisProcessAndNoOther(t *testing.T) {
	t.Parallel()
	a, b := checkpoint.NewOwner(), checkpoint.NewOwner()
	if a == b {
		t.Errorf("two owners are both %s", a)
	}
	if strings.Contains(a, "|") || strings.Count(a, ":") < 2 {
		t.Errorf("got %s, want host:pid:nonce", a)
	}
}
