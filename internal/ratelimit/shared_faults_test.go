package ratelimit_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

// changes notes what OnChange was told.
type changes struct {
	mu   sync.Mutex
	list []bool
	err  error // the first one
}

func (c *changes) on(o *ratelimit.SharedOptions) {
	o.OnChange = func(degraded bool, err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.list = append(c.list, degraded)
		if c.err == nil {
			c.err = err
		}
	}
}

// want says whether exactly this was told, and clears it.
func (c *changes) want(t *testing.T, list ...bool) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.list) != len(list) || len(list) > 0 && (c.list[0] != list[0] || c.list[len(list)-1] != list[len(list)-1]) {
		t.Errorf("OnChange was told %v, want %v (%v)", c.list, list, c.err)
	}
	c.list, c.err = nil, nil
}

func TestAReplicaThatDiesFreesItsPlacesWhenNoRequestOfItCanArriveAnyMore(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "10/m")
		dead, other := w.replica(ws), w.replica(ws)
		for range 10 {
			if _, err := dead.Take(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if got := startsAfter(t, other, 10); !near(got[0], 95*time.Second) || got[9] != got[0] {
			t.Errorf("the other replica starts after %v, want all after 95s", got)
		}
	})
}

// mortal is a connection that can die.
type mortal struct {
	redis.Scripter
	dead atomic.Bool
}

func (m *mortal) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if m.dead.Load() {
		return redis.NewCmdResult(nil, errors.New("dead"))
	}
	return m.Scripter.EvalSha(ctx, sha, keys, args...)
}

func TestAWaiterThatDiesHoldsItsPlaceForSecondsOnly(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "2/m")
		connection, told := &mortal{Scripter: w.client}, &changes{}
		first := w.replica(ws, told.on, func(o *ratelimit.SharedOptions) { o.Redis = connection })
		second := w.replica(ws)
		spend(t, second, 2)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _, _ = first.Take(ctx) }()
		time.Sleep(58*time.Second + 500*time.Millisecond) // it was heard of half a second ago
		connection.dead.Store(true)
		time.Sleep(500 * time.Millisecond)
		cancel()
		<-done
		if got := startsAfter(t, second, 2); !near(got[0], time.Second) || !near(got[1], 2*time.Second) {
			t.Errorf("the other replica starts after %v, want one after 1s and one when the dead one is dropped", got)
		}
	})
}

func TestALogThatIsLostComesBackFromTheReplicas(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "120/m,500/h")
		a := newAPI(ws)
		rs := w.replicas(3, ws)
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.crew(t, 5*time.Minute+30*time.Second, 6, 300*time.Millisecond, rs...)
		}()
		// While all wait, in the middle of a burst, and twice in a row.
		for _, pause := range []time.Duration{30 * time.Second, 31 * time.Second, 40 * time.Second, time.Second} {
			time.Sleep(pause)
			w.redis.FlushAll()
			for range 10 {
				time.Sleep(50 * time.Millisecond)
				for i := range ws {
					if got := usage(t, rs[0], i); got.Others != 0 {
						t.Fatalf("got %+v, want what was lost not to pass for others'", got)
					}
				}
			}
		}
		<-done
		if passed, refused := a.counts(); passed != 500 || refused != 0 {
			t.Errorf("%d requests passed and %d were refused, want 500 and none", passed, refused)
		}
		if got := usage(t, rs[0], 1); got.Used != 500 || got.Others != 0 {
			t.Errorf("got %+v, want 500 used and none of others", got)
		}
	})
}

// The replicas have used unequal parts of the window when Redis goes away, and
// use all of it while Redis is away.
func TestWithoutRedisEachReplicaKeepsToItsShareAndSaysSoOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "120/m")
		a := newAPI(ws)
		told := [2]changes{}
		busy, idle := w.replica(ws, told[0].on), w.replica(ws, told[1].on)
		var wg sync.WaitGroup
		wg.Go(func() { a.crew(t, 8*time.Minute, 12, 300*time.Millisecond, busy) })
		wg.Go(func() { a.crew(t, 8*time.Minute, 2, 300*time.Millisecond, idle) })
		time.Sleep(20 * time.Second)
		w.cut(true)
		time.Sleep(2*time.Minute + 30*time.Second)
		before := w.calls.Load()
		time.Sleep(10 * time.Second)
		if got := w.calls.Load() - before; got > 24 {
			t.Errorf("Redis was asked %d times in 10s by two replicas, want once a second", got)
		}
		for i, s := range []*ratelimit.Shared{busy, idle} {
			told[i].want(t, true)
			if st, err := s.State(t.Context()); err == nil || !st.Degraded || st.Replicas != 2 {
				t.Errorf("replica %d: got %+v, %v, want it to be degraded", i, st, err)
			}
		}
		w.cut(false)
		wg.Wait()
		for i := range told {
			told[i].want(t, false)
		}
		// Of eight windows one and a bit are lost to the fault.
		if passed, refused := a.counts(); passed < 6*120 || refused != 0 {
			t.Errorf("%d requests passed and %d were refused, want 720 at least and none", passed, refused)
		}
		if got := usage(t, busy, 0); got.Others != 0 {
			t.Errorf("got %+v, want none of others", got)
		}
	})
}

func TestWhatWasStartedWithoutRedisCountsWhenItIsBack(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "10/m")
		told := changes{}
		w.cut(true)
		first, second := w.replica(ws, told.on), w.replica(ws)
		spend(t, first, 9) // it never heard of another replica: all of it is its share
		flying, err := first.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		told.want(t, true)
		time.Sleep(20 * time.Second)
		w.cut(false)
		// It asks Redis when it wants the next one, and tells of the ten.
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := first.Take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Take = %v, want no place", err)
		}
		told.want(t, false)
		if got := usage(t, second, 0); got.Used != 10 {
			t.Errorf("got %+v, want 10 used", got)
		}
		flying.Done(ratelimit.Report{})
		if got := startsAfter(t, second, 10); !near(got[8], 30*time.Second) || !near(got[9], 60*time.Second) {
			t.Errorf("the other replica starts after %v, want nine after 30s and one after 60s", got)
		}
	})
}

func TestAHoldIsKeptWithoutRedis(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "10/m")
		told := changes{}
		first, second := w.replica(ws), w.replica(ws, told.on)
		first.Until(t.Context(), time.Now().Add(20*time.Second))
		go func() {
			time.Sleep(5 * time.Second)
			w.cut(true)
		}()
		if got := startsAfter(t, second, 1); !near(got[0], 20*time.Second) {
			t.Errorf("the other replica starts after %v, want 20s", got)
		}
		told.want(t, true)
	})
}

func TestARedisThatIsSilentBlocksNoLongerThanItsTimeout(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		silent := newClient(func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			t.Cleanup(func() { _ = there.Close() })
			return here, nil
		}, "silent")
		t.Cleanup(func() { _ = silent.Close() })
		told := changes{}
		s := w.replica(windows(t, "100/m"), told.on, func(o *ratelimit.SharedOptions) { o.Redis = silent })
		got := startsAfter(t, s, 50)
		if got[0] == 0 || got[0] > 1500*time.Millisecond || got[49] != got[0] {
			t.Errorf("the first starts after %v and the last after %v, want two timeouts once", got[0], got[49])
		}
		told.want(t, true)
		begin := time.Now()
		s.Until(t.Context(), time.Now().Add(time.Minute))
		if took := time.Since(begin); took != 0 {
			t.Errorf("Until took %v, want it to leave Redis alone", took)
		}
	})
}

func TestAKeyOfAnotherKindIsReportedByItsName(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		if err := w.redis.Set(w.prefix+":log", "no log"); err != nil {
			t.Fatal(err)
		}
		var told changes
		spend(t, w.replica(windows(t, "10/m"), told.on), 1)
		if told.err == nil || !strings.Contains(told.err.Error(), w.prefix+":log") || !strings.Contains(told.err.Error(), "WRONGTYPE") {
			t.Errorf("got %v, want the key and what is wrong with it", told.err)
		}
	})
}

// twice executes each call twice, as a client does whose first reply was lost.
type twice struct{ redis.Scripter }

func (c twice) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	_ = c.Scripter.EvalSha(ctx, sha, keys, args...)
	return c.Scripter.EvalSha(ctx, sha, keys, args...)
}

func TestACallThatIsExecutedTwiceCountsOnce(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		ws := windows(t, "10/m")
		first := w.replica(ws, func(o *ratelimit.SharedOptions) { o.Redis = twice{w.client} })
		second := w.replica(ws)
		spend(t, first, 7)
		if got := usage(t, second, 0); got.Used != 7 {
			t.Errorf("got %+v, want 7 used", got)
		}
		spend(t, second, 3)
		w.redis.FlushAll()
		// It brings back its seven, the other one its three.
		done := make(chan []time.Duration)
		go func() { done <- startsAfter(t, second, 1) }()
		got := startsAfter(t, first, 9)
		if other := <-done; !near(got[8], 60*time.Second) || !near(other[0], 60*time.Second) {
			t.Errorf("the next start after %v and %v, want 60s", got, other)
		}
		if got := usage(t, second, 0); got.Used != 10 {
			t.Errorf("got %+v, want 10 used", got)
		}
	})
}

func TestAClockThatIsSetBackHoldsNobodyForLong(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, w *world) {
		s := w.replica(windows(t, "10/m"))
		spend(t, s, 6)
		// The server's clock stands still from here on, unless it is moved.
		back := time.Now().Add(-time.Hour)
		w.redis.SetTime(back)
		go func() {
			time.Sleep(2500 * time.Millisecond)
			w.redis.SetTime(back.Add(3 * time.Second))
		}()
		if got := startsAfter(t, s, 4); !near(got[0], 3*time.Second) || got[3] != got[0] {
			t.Errorf("four start after %v, want all after 3s", got)
		}
		if got := usage(t, s, 0); got.Used != 10 {
			t.Errorf("got %+v, want 10 used", got)
		}
		synctest.Wait()
	})
}
