package checkpoint_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

func TestHoldWithoutAWaitReturnsWhoIsBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		hold(t, w, checkpoint.HoldOptions{TTL: ttl, Owner: "a"})
		time.Sleep(2 * time.Second)
		_, err := checkpoint.Hold(t.Context(), w, checkpoint.HoldOptions{TTL: ttl})
		var busy *checkpoint.BusyError
		if !errors.As(err, &busy) || busy.Owner != "a" || busy.TTL != 13*time.Second {
			t.Errorf("got %v, want busy with a for 13s", err)
		}
	})
}

func TestHoldOutlastsAHolderThatDied(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		first, err := w.Acquire(t.Context(), "dead", ttl, 0)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		l := hold(t, w, checkpoint.HoldOptions{TTL: ttl, Wait: ttl + time.Second, Floor: 8})
		if waited := time.Since(begin); waited < ttl || waited > ttl+time.Second {
			t.Errorf("waited %s, want a little over %s", waited, ttl)
		}
		if l.Token() <= first || l.Token() <= 8 {
			t.Errorf("token: got %d, want more than %d and 8", l.Token(), first)
		}
	})
}

func TestHoldGivesUpOnALiveHolderWhenTheWaitIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		begin := time.Now()
		_, err := checkpoint.Hold(t.Context(), w, checkpoint.HoldOptions{TTL: ttl, Wait: 20 * time.Second})
		var busy *checkpoint.BusyError
		if !errors.As(err, &busy) || busy.TTL <= 5*time.Second {
			t.Errorf("got %v, want busy with a lease that is being renewed", err)
		}
		if waited := time.Since(begin); waited != 20*time.Second {
			t.Errorf("waited %s, want 20s", waited)
		}
	})
}

func TestHoldTakesOverSoonAfterARelease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		first := hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		released := make(chan time.Time, 1)
		go func() {
			time.Sleep(time.Minute)
			_ = first.Release(t.Context())
			released <- time.Now()
		}()
		hold(t, w, checkpoint.HoldOptions{TTL: ttl, Wait: -1})
		if took := time.Since(<-released); took > 3*time.Second {
			t.Errorf("took over %s after the release, want within 3s", took)
		}
	})
}

func TestHoldStopsWaitingWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		hold(t, w, checkpoint.HoldOptions{TTL: ttl})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := checkpoint.Hold(ctx, w, checkpoint.HoldOptions{TTL: ttl, Wait: -1})
		var busy *checkpoint.BusyError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &busy) {
			t.Errorf("got %v, want %v and who is busy", err, context.DeadlineExceeded)
		}
	})
}

func TestHoldReturnsAnErrorOfTheServerAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		w.SetError(errAway)
		begin := time.Now()
		_, err := checkpoint.Hold(t.Context(), w, checkpoint.HoldOptions{TTL: ttl, Wait: -1})
		if !checkpoint.IsDown(err) || time.Since(begin) != 0 {
			t.Errorf("got %v after %s, want the outage at once", err, time.Since(begin))
		}
	})
}

func TestALeaseOutlivesTheContextOfItsAcquisition(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		ctx, cancel := context.WithCancel(t.Context())
		l, err := checkpoint.Hold(ctx, w, checkpoint.HoldOptions{TTL: ttl})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(time.Minute)
		if err := l.Confirm(t.Context()); err != nil {
			t.Errorf("a minute after the context ended: %v", err)
		}
		if err := l.Release(t.Context()); err != nil {
			t.Errorf("release: %v", err)
		}
	})
}

func TestALeaseThatIsGrantedTooLateIsGivenBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWatched(t)
		_, err := checkpoint.Hold(t.Context(), tardy{w}, checkpoint.HoldOptions{TTL: ttl, Owner: "a"})
		if !errors.Is(err, checkpoint.ErrExpired) {
			t.Errorf("got %v, want %v", err, checkpoint.ErrExpired)
		}
		if err := w.Held(t.Context(), "a", 1); !errors.Is(err, checkpoint.ErrLost) {
			t.Errorf("held: got %v, want it given back", err)
		}
	})
}

// tardy grants a lease at once and says so late.
type tardy struct{ *watched }

func (d tardy) Acquire(ctx context.Context, owner string, ttl time.Duration, floor uint64) (uint64, error) {
	token, err := d.watched.Acquire(ctx, owner, ttl, floor)
	time.Sleep(11 * time.Second)
	return token, err
}
