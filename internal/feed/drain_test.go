package feed_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/ratelimit"
)

var errStop = errors.New("told to stop")

// stopAfter returns a context that ends with errStop after d.
func stopAfter(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	timer := time.AfterFunc(d, func() { cancel(errStop) })
	t.Cleanup(func() { timer.Stop(); cancel(nil) })
	return ctx
}

// after answers like h, d later.
func after(d time.Duration, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			h(w, r)
		case <-r.Context().Done():
		}
	}
}

func TestARequestOnTheWireIsFinishedAfterTheContextEnded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer  http.HandlerFunc
		stop    time.Duration
		took    time.Duration
		page    bool
		unknown int
	}{
		"a page in time is returned":           {after(30*time.Second, good(3)), time.Second, 30 * time.Second, true, 0},
		"silence ends with the drain timeout":  {silent, time.Second, 46 * time.Second, false, 1},
		"but never after the try's own":        {silent, 120 * time.Second, 130 * time.Second, false, 1},
		"a passing error is not tried again":   {after(30*time.Second, status(503, "")), time.Second, 30 * time.Second, false, 0},
		"nor is a page that was cut off":       {after(30*time.Second, wire(head()+"{")), time.Second, 30 * time.Second, false, 1},
		"nor is a limit that would soon allow": {after(30*time.Second, status(429, "", "Retry-After", "1")), time.Second, 30 * time.Second, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, tc.answer)
				begin := time.Now()
				page, err := f.client.Page(stopAfter(t, tc.stop), feed.Query{})
				if took := time.Since(begin); took != tc.took {
					t.Errorf("it took %v, want %v", took, tc.took)
				}
				if f.count() != 1 {
					t.Errorf("%d requests, want 1", f.count())
				}
				if tc.page {
					if err != nil || len(page.Rows) != 3 {
						t.Errorf("page of %d rows, %v, want 3 and no error", len(page.Rows), err)
					}
					return
				}
				if !errors.Is(err, errStop) || feed.UnknownTries(err) != tc.unknown {
					t.Errorf("error is %v, UnknownTries %d, want the context's cause and %d", err, feed.UnknownTries(err), tc.unknown)
				}
			})
		})
	}
}

func TestNothingIsSentOnceTheContextEnded(t *testing.T) {
	t.Parallel()
	stopped := func(t *testing.T, f *fixture, want time.Duration) {
		t.Helper()
		begin := time.Now()
		_, err := f.client.Page(stopAfter(t, 3*time.Second), feed.Query{})
		if took := time.Since(begin); took != want {
			t.Errorf("it took %v, want %v", took, want)
		}
		if !errors.Is(err, errStop) || feed.UnknownTries(err) != 0 {
			t.Errorf("error is %v, UnknownTries %d, want the context's cause and 0", err, feed.UnknownTries(err))
		}
	}
	t.Run("while it waits for the limiter", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			l := ratelimit.New(nil)
			l.Until(time.Now().Add(time.Hour))
			f := newFixture(t, good(1), func(c *feed.Config) { c.Limiter = l })
			stopped(t, f, 3*time.Second)
			if f.count() != 0 {
				t.Errorf("%d requests, want none", f.count())
			}
		})
	})
	t.Run("while it dials", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, good(1), func(c *feed.Config) {
				c.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					<-ctx.Done()
					return nil, context.Cause(ctx)
				}
			})
			stopped(t, f, 3*time.Second)
		})
	})
	t.Run("while it backs off", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, status(503, "", "Retry-After", "60"))
			stopped(t, f, 3*time.Second)
			if f.count() != 1 {
				t.Errorf("%d requests, want 1", f.count())
			}
		})
	})
	t.Run("when its turn came as it ended", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			turn := 0
			f := newFixture(t, good(1), func(c *feed.Config) {
				c.Limiter = limiterFunc(func() {
					if turn++; turn == 2 {
						cancel(errStop)
					}
				})
			})
			if _, err := f.client.Page(ctx, feed.Query{}); err != nil { // leaves a connection at hand
				t.Fatal(err)
			}
			if _, err := f.client.Page(ctx, feed.Query{}); !errors.Is(err, errStop) {
				t.Errorf("error %v, want the context's cause", err)
			}
			if len(f.attempts) != 1 || f.count() != 1 {
				t.Errorf("%d attempts, %d requests, want only the first of each", len(f.attempts), f.count())
			}
		})
	})
}

type limiterFunc func()

func (l limiterFunc) Wait(context.Context) error { l(); return nil }
