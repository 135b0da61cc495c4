package ratelimit_test

import (
	"context"
	crand "crypto/rand"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

// The tests in this file run in real time, on the Redis that REDIS_URL names or on
// an embedded one behind TCP. They give each other keys of their own.

// realRedis returns options for replicas there. A machine that is slow must not
// make them do without Redis, so the client is patient.
func realRedis(t testing.TB) (ratelimit.SharedOptions, *redis.Client) {
	t.Helper()
	o := &redis.Options{}
	if url := os.Getenv("REDIS_URL"); url != "" {
		var err error
		if o, err = redis.ParseURL(url); err != nil {
			t.Fatal(err)
		}
	} else {
		server := miniredis.NewMiniRedis()
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		o.Addr = server.Addr()
	}
	o.ReadTimeout, o.WriteTimeout, o.DisableIdentity = 20*time.Second, 20*time.Second, true
	client, prefix := redis.NewClient(o), "jobo:{test-"+crand.Text()+"}:rate:x"
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, name := range []string{"log", "queue", "waiting", "replicas", "state"} {
			client.Del(ctx, prefix+":"+name)
		}
		_ = client.Close()
	})
	return ratelimit.SharedOptions{
		Redis: client, Prefix: prefix,
		OnChange: func(degraded bool, err error) { t.Errorf("degraded: %v, %v", degraded, err) },
	}, client
}

func TestReplicasNeverPassTheirWindowsInRealTime(t *testing.T) {
	t.Parallel()
	for _, replicas := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(replicas), func(t *testing.T) {
			t.Parallel()
			o, client := realRedis(t)
			o.Windows = windows(t, "100/s,1000/m")
			a := newAPI(o.Windows)
			rs := make([]*ratelimit.Shared, replicas)
			for i := range rs {
				rs[i] = ratelimit.NewShared(o)
			}
			a.crew(t, 2500*time.Millisecond, 16/replicas, 4*time.Millisecond, rs...)
			passed, refused := a.counts()
			if refused != 0 || passed < 100 {
				t.Errorf("%d requests passed and %d were refused, want 100 at least and none", passed, refused)
			}
			if passed > 100 {
				t.Logf("%.2f %% of %v were used", 100*a.used(o.Windows[0]), o.Windows[0])
			}
			if st, err := rs[0].State(t.Context()); err != nil || st.Replicas != replicas || st.Waiting != 0 || st.Windows[0].Others != 0 {
				t.Errorf("got %+v, %v, want %d replicas, none waiting and no use by others", st, err, replicas)
			}
			for _, name := range []string{"log", "replicas", "state"} {
				if ttl := client.PTTL(t.Context(), o.Prefix+":"+name).Val(); ttl <= time.Minute {
					t.Errorf("%s is kept for %v, want more than the largest window", name, ttl)
				}
			}
		})
	}
}

// BenchmarkTakeAndDone says what a request costs in calls to Redis, with a log as
// long as a day of the largest plan.
func BenchmarkTakeAndDone(b *testing.B) {
	for _, size := range []int{0, 100_000} {
		b.Run(fmt.Sprintf("log=%d", size), func(b *testing.B) {
			o, client := realRedis(b)
			o.Windows = ratelimit.Windows{{N: 1e6, Per: time.Minute}, {N: 1e6, Per: time.Hour}, {N: 1e6, Per: 24 * time.Hour}}
			for i := range size {
				at := time.Now().Add(-time.Duration(size-i) * time.Second / 2).UnixMicro()
				client.ZAdd(b.Context(), o.Prefix+":log", redis.Z{Score: float64(at), Member: fmt.Sprintf("AAAAAAAAAAAA%x", i)})
			}
			s := ratelimit.NewShared(o)
			for b.Loop() {
				ticket, err := s.Take(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				ticket.Done(ratelimit.Report{Limit: 1e6, Remaining: 1e6})
			}
			if used := client.MemoryUsage(b.Context(), o.Prefix+":log").Val(); size > 0 {
				b.ReportMetric(float64(used)/float64(size+b.N), "bytes/request")
			}
		})
	}
}
