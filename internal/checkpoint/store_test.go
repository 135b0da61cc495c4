package checkpoint_test

import (
	"context"
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
	"github.com/careerstream/careerstream/internal/secret"
)

// servers are the ways to open a store. A real server is used where REDIS_URL
// names one.
func servers() map[string]func(t *testing.T) checkpointtest.Harness {
	s := map[string]func(t *testing.T) checkpointtest.Harness{
		"memory": memoryHarness,
		"miniredis": func(t *testing.T) checkpointtest.Harness {
			return redisHarness(t, "redis://"+miniredis.RunT(t).Addr())
		},
	}
	if url := os.Getenv("REDIS_URL"); url != "" {
		s["real"] = func(t *testing.T) checkpointtest.Harness { return redisHarness(t, url) }
	}
	return s
}

func TestStores(t *testing.T) {
	t.Parallel()
	for name, open := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkpointtest.Run(t, open)
		})
	}
}

// A round is 100 checks, or what -rapid.checks says.
func TestStoresBehaveAsTheModel(t *testing.T) {
	t.Parallel()
	for name, open := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rounds := 1
			if name == "memory" {
				rounds = 10
			}
			model := checkpointtest.Model(t.Context(), open(t))
			for range rounds {
				rapid.Check(t, model)
			}
		})
	}
}

func memoryHarness(t *testing.T) checkpointtest.Harness {
	t.Helper()
	m, err := checkpoint.NewMemory("career-sites")
	if err != nil {
		t.Fatal(err)
	}
	return checkpointtest.Harness{
		Store: m, Feed: "career-sites",
		Wipe: m.Wipe, Advance: m.Advance, Snapshot: m.Snapshot, Spoil: m.Spoil,
	}
}

// openRedis opens a store on the server at url for a feed of its own, and
// deletes its keys with t.
func openRedis(t *testing.T, url string) (*checkpoint.Redis, admin) {
	t.Helper()
	feed := "test-" + rand.Text()
	s, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: secret.New(url), Feed: feed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	a := newAdmin(t, url, feed)
	t.Cleanup(a.wipe)
	return s, a
}

func redisHarness(t *testing.T, url string) checkpointtest.Harness {
	t.Helper()
	s, a := openRedis(t, url)
	return checkpointtest.Harness{
		Store: s, Feed: a.feed,
		Wipe: a.wipe, Advance: a.advance, Snapshot: a.snapshot, Spoil: a.spoil,
	}
}

// admin does to the keys of one feed what happens to a server. It touches no
// other key, so that it may be let loose on a server that others use.
type admin struct {
	t                        *testing.T
	ctx                      context.Context
	client                   *redis.Client
	feed                     string
	lease, fence, checkpoint string
}

func newAdmin(t *testing.T, url, feed string) admin {
	t.Helper()
	o, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	prefix := "jobo:{" + feed + "}:"
	return admin{
		// The keys are deleted after the test's own context has ended.
		t: t, ctx: context.WithoutCancel(t.Context()), client: client, feed: feed,
		lease: prefix + "lease", fence: prefix + "fence", checkpoint: prefix + "checkpoint",
	}
}

// must reports what a command failed with.
func (a admin) must(cmds ...redis.Cmder) {
	a.t.Helper()
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			a.t.Errorf("%v: %v", cmd.Args(), err)
		}
	}
}

func (a admin) wipe() { a.must(a.client.Del(a.ctx, a.lease, a.fence, a.checkpoint)) }

func (a admin) advance(d time.Duration) {
	left := a.client.PTTL(a.ctx, a.lease)
	a.must(left)
	if left.Val() > d {
		a.must(a.client.PExpire(a.ctx, a.lease, left.Val()-d))
	} else {
		a.must(a.client.Del(a.ctx, a.lease))
	}
}

func (a admin) spoil(state []byte) {
	if state == nil {
		a.must(a.client.Set(a.ctx, a.checkpoint, "not a hash", 0))
		return
	}
	a.must(a.client.HSet(a.ctx, a.checkpoint, "state", state))
}

func (a admin) snapshot() (restore func()) {
	left, copied := a.client.PTTL(a.ctx, a.lease), a.client.HGetAll(a.ctx, a.checkpoint)
	a.must(left, copied)
	lease, fence := a.client.Get(a.ctx, a.lease).Val(), a.client.Get(a.ctx, a.fence).Val()
	return func() {
		a.wipe()
		if lease != "" {
			a.must(a.client.Set(a.ctx, a.lease, lease, left.Val()))
		}
		if fence != "" {
			a.must(a.client.Set(a.ctx, a.fence, fence, 0))
		}
		if len(copied.Val()) > 0 {
			a.must(a.client.HSet(a.ctx, a.checkpoint, copied.Val()))
		}
	}
}
