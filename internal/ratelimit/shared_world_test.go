package ratelimit_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

// world is a Redis and an API that counts, in virtual time where it is made in a
// bubble of synctest: the embedded Redis is reached through pipes then, and its
// clock is that of the bubble.
type world struct {
	t      *testing.T
	redis  *miniredis.Miniredis
	client *redis.Client
	prefix string
	down   atomic.Bool
	calls  atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, redis: miniredis.NewMiniRedis(), prefix: "jobo:{test}:rate:x"}
	w.client = newClient(func(context.Context, string, string) (net.Conn, error) {
		if w.down.Load() {
			return nil, errors.New("redis is away")
		}
		return w.redis.Dial()
	}, "pipe")
	t.Cleanup(func() { _ = w.client.Close(); w.redis.Close() })
	return w
}

// newClient returns a client with the options of production.
func newClient(dial func(context.Context, string, string) (net.Conn, error), addr string) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, Dialer: dial, DialerRetries: 1, MaxRetries: 1, DisableIdentity: true, PipelinePoolSize: -1,
		DialTimeout: 500 * time.Millisecond, ReadTimeout: 300 * time.Millisecond, WriteTimeout: 300 * time.Millisecond,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// cut lets Redis answer no more, and no longer. A call that it gets fails.
func (w *world) cut(down bool) {
	w.down.Store(down)
	message := ""
	if down {
		message = "ERR away"
	}
	w.redis.SetError(message)
}

// replica returns one of the processes that share ws. It is a mistake if it
// finds that Redis does not answer, unless change says otherwise.
func (w *world) replica(ws ratelimit.Windows, change ...func(*ratelimit.SharedOptions)) *ratelimit.Shared {
	o := ratelimit.SharedOptions{
		Windows: ws, Redis: counted{w.client, &w.calls}, Prefix: w.prefix,
		OnChange: func(degraded bool, err error) { w.t.Errorf("degraded: %v, %v", degraded, err) },
	}
	for _, c := range change {
		c(&o)
	}
	return ratelimit.NewShared(o)
}

// counted counts the calls.
type counted struct {
	*redis.Client
	calls *atomic.Int64
}

func (c counted) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	c.calls.Add(1)
	return c.Client.EvalSha(ctx, sha, keys, args...)
}

// api is the server whose limits are to be met: exact rolling windows.
type api struct {
	windows ratelimit.Windows

	mu       sync.Mutex
	begin    time.Time
	arrivals []time.Duration // of the requests that were let through, in order
	refused  int
}

func newAPI(ws ratelimit.Windows) *api { return &api{windows: ws, begin: time.Now()} }

// request arrives. It returns what the headers say, about the tightest window,
// and how long to wait where it was refused.
func (a *api) request() (r ratelimit.Report, retry time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Since(a.begin)
	for _, w := range a.windows {
		if n := a.in(w, now); n >= w.N {
			retry = max(retry, a.arrivals[len(a.arrivals)-w.N]+w.Per-now)
		}
	}
	if retry == 0 {
		a.arrivals = append(a.arrivals, now)
	} else {
		a.refused++
	}
	for i, w := range a.windows {
		if left := max(w.N-a.in(w, now), 0); i == 0 || left < r.Remaining {
			r = ratelimit.Report{Limit: w.N, Remaining: left}
		}
	}
	return r, retry
}

// in is how many requests count in w.
func (a *api) in(w ratelimit.Window, now time.Duration) int {
	n := 0
	for i := len(a.arrivals) - 1; i >= 0 && a.arrivals[i]+w.Per > now; i-- {
		n++
	}
	return n
}

func (a *api) counts() (passed, refused int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.arrivals), a.refused
}

// used is how much of w was used for as long as requests came: one where each
// window's first request comes one window after that of the window before.
func (a *api) used(w ratelimit.Window) float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	full := (len(a.arrivals) - 1) / w.N
	return float64(full) * float64(w.Per) / float64(a.arrivals[full*w.N]-a.arrivals[0])
}

// allow changes the plan.
func (a *api) allow(ws ratelimit.Windows) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.windows = ws
}

// work sends requests one after the other until ctx ends, each of which takes up
// to latency and arrives anywhere within. It returns how many there were.
func (a *api) work(ctx context.Context, s *ratelimit.Shared, seed uint64, latency time.Duration) (n int) {
	random := rand.New(rand.NewPCG(seed, 0))
	for {
		ticket, err := s.Take(ctx)
		if err != nil {
			return n
		}
		n++
		took := time.Duration(random.Int64N(int64(latency)))
		way := time.Duration(random.Int64N(int64(took) + 1))
		time.Sleep(way) // virtual in a bubble, the API's own pace elsewhere
		report, retry := a.request()
		time.Sleep(took - way)
		if retry > 0 {
			s.Until(ctx, time.Now().Add(retry))
		}
		ticket.Done(report)
	}
}

// crew runs workers on each of the replicas until the time is up, and says how
// many requests each replica sent.
func (a *api) crew(t *testing.T, d time.Duration, workers int, latency time.Duration, replicas ...*ratelimit.Shared) []int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	sent := make([]atomic.Int64, len(replicas))
	var wg sync.WaitGroup
	for i, s := range replicas {
		for c := range workers {
			wg.Go(func() { sent[i].Add(int64(a.work(ctx, s, uint64(64*i+c), latency))) })
		}
	}
	wg.Wait()
	out := make([]int, len(replicas))
	for i := range sent {
		out[i] = int(sent[i].Load())
	}
	return out
}
