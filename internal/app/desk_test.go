package app

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// bench is a world whose servers can be broken.
type bench struct {
	*world
	stack *devstack.Stack
}

func newBench(t *testing.T, o simulator.Options) *bench {
	t.Helper()
	o.FeedLimits = simulator.NoLimits()
	stack, err := devstack.Start(t.Context(), devstack.Options{Feed: o})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	return &bench{stack: stack, world: &world{feed: stack.Feed, env: environment{
		"JOBO_API_KEY": simulator.DefaultAPIKey, "JOBO_BASE_URL": stack.Feed.URL(), "FEED_RATE_LIMIT": "off", "SYNC_OVERLAP": "0s",
		"KAFKA_BROKERS": strings.Join(stack.Brokers(), ","), "REDIS_URL": stack.RedisURL(), "LEASE_TTL": "500ms",
	}.with(stream())}}
}

// config is the configuration of a verb. Servers that are away are given up soon.
func (b *bench) config(t *testing.T, more environment) Producer {
	t.Helper()
	c := mustParse(t, b.env.with(more), "status")
	c.Kafka.DialTimeout = time.Second
	return c
}

// pause makes a run that a budget ends after so many rows.
func (b *bench) pause(t *testing.T, rows string, more environment) {
	t.Helper()
	_, err := Sync(t.Context(), mustParse(t, b.env.with(environment{"CREDITS_MAX_PER_RUN": rows + "0", "CREDITS_PER_ROW": "10"}).with(more), "sync"), zap.NewNop())
	var paused *producer.PausedError
	if !errors.As(err, &paused) {
		t.Fatalf("got %v, want a pause after %s rows", err, rows)
	}
}

// store opens the state in Redis.
func (b *bench) store(t *testing.T) *checkpoint.Redis {
	t.Helper()
	store, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: b.redisURL(), Feed: b.env["FEED_NAME"]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

// rewind makes the copy in Redis what p is.
func (b *bench) rewind(t *testing.T, p schemas.Progress) {
	t.Helper()
	store := b.store(t)
	token, err := store.Acquire(t.Context(), "test", time.Minute, p.Fence)
	if err == nil {
		err = errors.Join(store.Repair(t.Context(), "test", token, p), store.Release(t.Context(), "test", token))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// holds the lease as another instance.
func (b *bench) hold(t *testing.T) {
	t.Helper()
	lease, err := checkpoint.Hold(t.Context(), b.store(t), checkpoint.HoldOptions{TTL: 20 * time.Second, Owner: "the-other-one"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lease.Release(t.Context()) })
}

// missing is how many of the stream's topics there are not.
func (b *bench) missing(t *testing.T) int {
	t.Helper()
	c := b.config(t, nil)
	cluster, err := kafka.Open(t.Context(), c.Kafka)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	sites, progress, letters := c.specs()
	changes, err := cluster.Plan(t.Context(), sites, progress, letters)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, change := range changes {
		if change.Kind == kafka.Create {
			n++
		}
	}
	return n
}

// contains checks that text has all the words.
func contains(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("got no %q in:\n%s", word, text)
		}
	}
}

// noCursor checks that text has none of the cursors that the feed handed out.
func (b *bench) noCursor(t *testing.T, text string) {
	t.Helper()
	handed := 0
	for _, bill := range b.feed.Ledger().Bills {
		if bill.Next != "" {
			handed++
			if strings.Contains(text, bill.Next) {
				t.Errorf("the cursor of page %d stands in:\n%s", bill.Page, text)
			}
		}
	}
	if handed == 0 {
		t.Error("got no cursor from the feed, want one to look for")
	}
}

// plan returns what Plan prints, and checks that it bought and changed nothing.
func (b *bench) plan(t *testing.T, more environment) string {
	t.Helper()
	ledger, topics := b.feed.Ledger(), b.missing(t)
	dump := b.stack.Redis.Dump()
	var out bytes.Buffer
	if err := Plan(t.Context(), b.config(t, more), &out); err != nil {
		t.Fatalf("plan: %v", err)
	}
	if after := b.feed.Ledger(); after.Pages != ledger.Pages || len(after.Status) != len(ledger.Status) {
		t.Errorf("got %d pages sold by a plan, want none", after.Pages-ledger.Pages)
	}
	if n := b.missing(t); n != topics {
		t.Errorf("got %d topics created by a plan, want none", topics-n)
	}
	if after := b.stack.Redis.Dump(); after != dump {
		t.Errorf("the plan changed Redis from\n%s\nto\n%s", dump, after)
	}
	return out.String()
}
