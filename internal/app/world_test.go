package app

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// world is a simulated feed beside a Kafka and a Redis: the embedded ones, or
// those that KAFKA_BROKERS and REDIS_URL name.
type world struct {
	feed *simulator.Server
	env  environment // of a producer with a stream and topics of its own
}

func newWorld(t *testing.T, o simulator.Options) *world {
	t.Helper()
	o.FeedLimits = simulator.NoLimits()
	w := &world{env: environment{
		"JOBO_API_KEY": simulator.DefaultAPIKey, "FEED_RATE_LIMIT": "off", "SYNC_OVERLAP": "0s",
		"KAFKA_BROKERS": os.Getenv("KAFKA_BROKERS"), "REDIS_URL": os.Getenv("REDIS_URL"),
	}.with(stream())}
	if w.env["KAFKA_BROKERS"] != "" && w.env["REDIS_URL"] != "" {
		feed, err := simulator.Start(t.Context(), "127.0.0.1:0", o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = feed.Close() })
		w.feed = feed
	} else {
		stack, err := devstack.Start(t.Context(), devstack.Options{Feed: o})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stack.Close)
		w.feed = stack.Feed
		w.env = w.env.with(environment{"KAFKA_BROKERS": strings.Join(stack.Brokers(), ","), "REDIS_URL": stack.RedisURL()})
	}
	w.env["JOBO_BASE_URL"] = w.feed.URL()
	return w
}

// stream names a stream and topics that nobody else has.
func stream() environment {
	name := "app-test-" + strings.ToLower(rand.Text()[:10])
	return environment{
		"FEED_NAME": name, "CAREER_SITES_TOPIC": name + ".sites", "PROGRESS_TOPIC": name + ".progress", "DEAD_LETTERS_TOPIC": name + ".dead-letters",
	}
}

// sync makes one run that has to succeed.
func (w *world) sync(t *testing.T, more environment) producer.Result {
	t.Helper()
	result, err := Sync(t.Context(), mustParse(t, w.env.with(more), "sync"), zap.NewNop())
	if err != nil {
		t.Fatalf("sync: %v", err)
	}
	return result
}

// read returns the newest value of each key that a consumer of topic has, and
// how many records it read.
func (w *world) read(t *testing.T, topic string) (newest map[string][]byte, records int) {
	t.Helper()
	cluster, err := kafka.Open(t.Context(), kafka.Config{Brokers: list(w.env["KAFKA_BROKERS"])})
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	newest = make(map[string][]byte)
	err = cluster.ReadCommitted(t.Context(), topic, func(key, value []byte) {
		records++
		newest[string(key)] = value
	})
	if err != nil {
		t.Fatal(err)
	}
	return newest, records
}

// holds checks that topic has exactly these rows, byte for byte, after this many
// records.
func (w *world) holds(t *testing.T, topic string, rows []simulator.Row, records int) {
	t.Helper()
	newest, n := w.read(t, topic)
	if n != records {
		t.Errorf("got %d records in %s, want %d", n, topic, records)
	}
	if len(newest) != len(rows) {
		t.Errorf("got %d keys in %s, want %d", len(newest), topic, len(rows))
	}
	for _, row := range rows {
		if !bytes.Equal(newest[row.ID], row.Bytes) {
			t.Errorf("company %s: got %q, want %q", row.ID, newest[row.ID], row.Bytes)
		}
	}
}

// progress returns the newest checkpoint of a stream.
func (w *world) progress(t *testing.T, env environment) schemas.Progress {
	t.Helper()
	newest, _ := w.read(t, env["PROGRESS_TOPIC"])
	p, err := schemas.DecodeProgress(newest[env["FEED_NAME"]])
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// redisURL is the Redis of the world, as the checkpoint wants it.
func (w *world) redisURL() secret.String { return secret.New(w.env["REDIS_URL"]) }

// boughtOnce checks that no version of a row and no page was paid for twice.
func (w *world) boughtOnce(t *testing.T) {
	t.Helper()
	ledger := w.feed.Ledger()
	if ledger.Duplicates != 0 || ledger.PagesAgain != 0 {
		t.Errorf("got %d rows and %d pages billed again, want none", ledger.Duplicates, ledger.PagesAgain)
	}
}

// stopAfter returns a context that ends when the feed has answered n pages, and
// the options that make it so.
func stopAfter(t *testing.T, n int) (context.Context, simulator.Options) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	answers := make(chan struct{}, n)
	return ctx, simulator.Options{Trace: func(simulator.Answer) {
		select {
		case answers <- struct{}{}:
			if len(answers) == n {
				cancel()
			}
		default: // stopped by now
		}
	}}
}
