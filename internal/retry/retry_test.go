package retry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/retry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDown = errors.New("down")

// recorder is an operation that fails with the errors given, one a try and the
// last one for ever, and notes how long after the last try each one came.
type recorder struct {
	errs  []error
	waits []time.Duration
	last  time.Time
	tries int
}

func (r *recorder) op(context.Context) error {
	now := time.Now()
	if r.tries > 0 {
		r.waits = append(r.waits, now.Sub(r.last))
	}
	r.last = now
	r.tries++
	return r.errs[min(r.tries, len(r.errs))-1]
}

func asError(t *testing.T, err error) *retry.Error {
	t.Helper()
	var e *retry.Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v (%T), want a *retry.Error", err, err)
	}
	return e
}

func TestASuccessEndsTheTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{errs: []error{errDown, errDown, nil}}
		if err := retry.Do(t.Context(), retry.Policy{}, r.op); err != nil {
			t.Fatalf("Do = %v, want nil", err)
		}
		if r.tries != 3 {
			t.Errorf("%d tries, want 3", r.tries)
		}
	})
}

func TestTheDefaultIsTenTriesThatEndWithTheLastError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{errs: []error{errors.New("first"), errDown}}
		err := retry.Do(t.Context(), retry.Policy{}, r.op)
		e := asError(t, err)
		if e.Tries != 10 || r.tries != 10 || e.Reason != retry.ReasonTries || e.Cause != nil {
			t.Errorf("got %d tries (%d made), reason %q, cause %v; want 10, out of tries, nil", e.Tries, r.tries, e.Reason, e.Cause)
		}
		if !errors.Is(err, errDown) {
			t.Errorf("%v does not wrap the last error", err)
		}
		if got, want := err.Error(), "down (10 tries, out of tries)"; got != want {
			t.Errorf("message %q, want %q", got, want)
		}
	})
}

// The bounds of full jitter: between zero and an interval that doubles from the
// base to the cap. Over many runs the waits must also fill that range, or the
// jitter is not full.
func TestWaitsAreFullJitterBelowADoublingInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const runs = 200
		limits := []time.Duration{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000}
		lowest, highest := make([]time.Duration, len(limits)), make([]time.Duration, len(limits))
		for run := range runs {
			r := &recorder{errs: []error{errDown}}
			if err := retry.Do(t.Context(), retry.Policy{}, r.op); !errors.Is(err, errDown) {
				t.Fatalf("Do = %v, want the last error", err)
			}
			if len(r.waits) != len(limits) {
				t.Fatalf("%d waits, want %d", len(r.waits), len(limits))
			}
			for i, wait := range r.waits {
				if limit := limits[i] * time.Millisecond; wait < 0 || wait > limit+1 {
					t.Fatalf("wait %d is %v, want at most %v", i+1, wait, limit)
				}
				if run == 0 || wait < lowest[i] {
					lowest[i] = wait
				}
				highest[i] = max(highest[i], wait)
			}
		}
		for i := range limits {
			limit := limits[i] * time.Millisecond
			if lowest[i] > limit/5 || highest[i] < limit*4/5 {
				t.Errorf("wait %d was between %v and %v in %d runs, want it spread over 0 to %v", i+1, lowest[i], highest[i], runs, limit)
			}
		}
	})
}

func TestThePolicyIsFollowed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{errs: []error{errDown}}
		p := retry.Policy{Base: time.Hour, Cap: 2 * time.Hour, Tries: 4}
		e := asError(t, retry.Do(t.Context(), p, r.op))
		if e.Tries != 4 {
			t.Errorf("%d tries, want 4", e.Tries)
		}
		for i, wait := range r.waits {
			if limit := time.Duration(min(1<<i, 2)) * time.Hour; wait > limit+1 {
				t.Errorf("wait %d is %v, want at most %v", i+1, wait, limit)
			}
		}
	})
}

func TestAToldWaitIsKeptAndDoesNotGrowTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told := retry.After(errDown, time.Minute)
		r := &recorder{errs: []error{told, told, told, told, told, errDown, nil}}
		if err := retry.Do(t.Context(), retry.Policy{}, r.op); err != nil {
			t.Fatal(err)
		}
		for i, wait := range r.waits[:5] {
			if wait != time.Minute {
				t.Errorf("wait %d is %v, want the minute that was told", i+1, wait)
			}
		}
		if wait := r.waits[5]; wait > 500*time.Millisecond+1 {
			t.Errorf("the first wait that was not told is %v, want it within the base of 500ms", wait)
		}
	})
}

func TestAToldWaitCountsAsATry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{errs: []error{retry.After(errDown, time.Second)}}
		if e := asError(t, retry.Do(t.Context(), retry.Policy{Tries: 3}, r.op)); e.Tries != 3 {
			t.Errorf("%d tries, want 3", e.Tries)
		}
	})
}

func TestAToldWaitIsCutAndNothingToldIsBackoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &recorder{errs: []error{retry.After(errDown, 48*time.Hour), retry.After(errDown, 0), retry.After(errDown, -time.Hour), nil}}
		if err := retry.Do(t.Context(), retry.Policy{}, r.op); err != nil {
			t.Fatal(err)
		}
		if r.waits[0] != retry.MaxAfter {
			t.Errorf("told two days the wait is %v, want %v", r.waits[0], retry.MaxAfter)
		}
		if r.waits[1] > 500*time.Millisecond+1 || r.waits[2] > time.Second+1 {
			t.Errorf("waits %v after nothing was told, want the backoff", r.waits[1:])
		}
	})
}

func TestAPermanentErrorEndsTheTriesAtOnce(t *testing.T) {
	t.Parallel()
	r := &recorder{errs: []error{fmt.Errorf("page 3: %w", retry.Permanent(errDown))}}
	err := retry.Do(t.Context(), retry.Policy{}, r.op)
	if e := asError(t, err); e.Tries != 1 || e.Reason != retry.ReasonPermanent {
		t.Errorf("got %d tries, reason %q, want 1, permanent", e.Tries, e.Reason)
	}
	if !errors.Is(err, errDown) || err.Error() != "page 3: down" {
		t.Errorf("error is %v, want page 3: down, and the cause within", err)
	}
}

func TestAPermanentErrorIsKnownWhereverItIs(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{
		nil:                      false,
		errDown:                  false,
		retry.After(errDown, 1):  false,
		retry.Permanent(errDown): true,
		fmt.Errorf("page 3: %w", retry.Permanent(errDown)):                                                     true,
		retry.Do(t.Context(), retry.Policy{}, func(context.Context) error { return retry.Permanent(errDown) }): true,
	} {
		if got := retry.IsPermanent(err); got != want {
			t.Errorf("IsPermanent(%v) = %v, want %v", err, got, want)
		}
	}
}

func TestWhatANestedCallGaveUpStaysPermanent(t *testing.T) {
	t.Parallel()
	tries := 0
	err := retry.Do(t.Context(), retry.Policy{}, func(ctx context.Context) error {
		tries++
		return retry.Do(ctx, retry.Policy{}, func(context.Context) error { return retry.Permanent(errDown) })
	})
	if tries != 1 || !errors.Is(err, errDown) {
		t.Errorf("%d tries, %v; want 1 try and the cause within", tries, err)
	}
}

func TestNoTryIsBegunOnceTheContextEnded(t *testing.T) {
	t.Parallel()
	cause := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	r := &recorder{errs: []error{nil}}
	err := retry.Do(ctx, retry.Policy{}, r.op)
	if e := asError(t, err); r.tries != 0 || e.Tries != 0 || e.Reason != retry.ReasonContext {
		t.Errorf("%d tries, error %+v; want none, context ended", r.tries, e)
	}
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "not tried") {
		t.Errorf("error is %v, want the context's cause and that nothing was tried", err)
	}
}

func TestTheContextEndsAWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cause := errors.New("told to stop")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		begin := time.Now()
		r := &recorder{errs: []error{retry.After(errDown, time.Minute)}}
		err := retry.Do(ctx, retry.Policy{}, r.op)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %v, want the second until the context ended", took)
		}
		if e := asError(t, err); e.Tries != 1 || e.Reason != retry.ReasonContext {
			t.Errorf("got %d tries, reason %q, want 1, context ended", e.Tries, e.Reason)
		}
		if !errors.Is(err, cause) || !errors.Is(err, errDown) {
			t.Errorf("%v wraps not both the cause and the last error", err)
		}
		if got, want := err.Error(), "down (1 try, context ended: told to stop)"; got != want {
			t.Errorf("message %q, want %q", got, want)
		}
	})
}

func TestAContextThatEndsDuringATryEndsTheTries(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	tries := 0
	err := retry.Do(ctx, retry.Policy{}, func(context.Context) error {
		tries++
		cancel(errors.New("told to stop"))
		return errDown
	})
	if e := asError(t, err); tries != 1 || e.Reason != retry.ReasonContext || e.Cause == nil {
		t.Errorf("%d tries, error %+v; want 1, context ended, with the cause", tries, e)
	}
}

func TestAWaitBeyondTheDeadlineIsNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		begin := time.Now()
		r := &recorder{errs: []error{retry.After(errDown, 30*time.Second)}}
		err := retry.Do(ctx, retry.Policy{}, r.op)
		if took := time.Since(begin); took != 0 {
			t.Errorf("it waited %v for nothing", took)
		}
		if e := asError(t, err); e.Reason != retry.ReasonDeadline || e.Tries != 1 {
			t.Errorf("got %d tries, reason %q, want 1, deadline", e.Tries, e.Reason)
		}
	})
}

func TestNoErrorIsNoMark(t *testing.T) {
	t.Parallel()
	if err := retry.Permanent(nil); err != nil {
		t.Errorf("Permanent(nil) = %v, want nil", err)
	}
	if err := retry.After(nil, time.Second); err != nil {
		t.Errorf("After(nil) = %v, want nil", err)
	}
	if err := retry.After(errDown, time.Second); err.Error() != "down" || !errors.Is(err, errDown) {
		t.Errorf("After = %v, want the message unchanged and the error within", err)
	}
}
