//go:build unix

package main_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
)

// bed is what one test runs the program against.
type bed struct {
	t    *testing.T
	name string // FEED_NAME, and the beginning of the topics' names
	// secret is the bed's own API key, and with it its own budgets in Redis.
	secret string
	// grouped is how many pages may share a transaction; zero means one.
	grouped int

	feed    *simulator.Server
	served  atomic.Int64 // answers of the feed that were written out whole, or cut
	brokers string
	admin   *kadm.Client
	url     string // of Redis
	redis   *redis.Client

	// The embedded servers; nil where real ones are used.
	broker *kfake.Cluster
	wires  *wires
	mini   *miniredis.Miniredis
}

// newBed starts a feed, finds or starts the servers, and ends them with the test.
func newBed(t *testing.T, o simulator.Options) *bed {
	t.Helper()
	nonce := strings.ToLower(rand.Text()[:10])
	b := &bed{t: t, name: "producer-test-" + nonce, secret: keyOf("canary-" + nonce)}
	o.APIKeys = []string{b.secret}
	o.FeedLimits = simulator.NoLimits()
	o.Trace = func(simulator.Answer) { b.served.Add(1) }
	feed, err := simulator.Start(t.Context(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	b.feed = feed
	t.Cleanup(func() { _ = feed.Close() }) // nobody is left to be told
	b.brokers, b.url = os.Getenv("KAFKA_BROKERS"), os.Getenv("REDIS_URL")
	if b.brokers == "" || b.url == "" {
		b.embedded()
	}
	b.connect()
	return b
}

// embedded starts a Kafka and a Redis in this process. This Kafka compacts once
// an hour, so that every record ever committed can be counted.
func (b *bed) embedded() {
	b.t.Helper()
	b.wires = &wires{}
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(b.wires.listen))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(kafka.Close)
	b.broker = kafka
	b.mini = miniredis.NewMiniRedis()
	b.mini.ClockTTL(true) // a dead process's lease runs out by the clock
	if err := b.mini.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.mini.Close)
	b.brokers, b.url = kafka.ListenAddrs()[0], "redis://"+b.mini.Addr()+"/0"
}

// connect makes the test's own clients, and leaves nothing behind in the end.
func (b *bed) connect() {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.brokers, ",")...))
	if err != nil {
		b.t.Fatal(err)
	}
	b.admin = kadm.NewClient(client)
	o, err := redis.ParseURL(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	b.redis = redis.NewClient(o)
	b.t.Cleanup(func() {
		ctx := context.WithoutCancel(b.t.Context())
		if b.wires == nil {
			b.remove(b.sites(), b.progress(), b.letters()) // some tests make none
			b.wipe(ctx)
		}
		b.admin.Close()
		_ = b.redis.Close()
	})
}

// remove deletes a topic, if there is one.
func (b *bed) remove(topics ...string) {
	_, _ = b.admin.DeleteTopics(context.WithoutCancel(b.t.Context()), topics...)
}

func (b *bed) sites() string    { return b.name + ".sites" }
func (b *bed) progress() string { return b.name + ".progress" }
func (b *bed) letters() string  { return b.name + ".letters" }

// key returns the name of one of the stream's keys in Redis.
func (b *bed) key(part string) string { return "jobo:{" + b.name + "}:" + part }

// settings are the program's environment: this bed's servers, then what the test
// changes. Rows are not replayed, so that each of them can be counted.
func (b *bed) settings(changes ...string) []string {
	return append([]string{
		"JOBO_API_KEY=" + b.secret, "JOBO_BASE_URL=" + b.feed.URL(), "FEED_NAME=" + b.name, "FEED_RATE_LIMIT=off",
		"SYNC_OVERLAP=0s", "LEASE_TTL=1s", "KAFKA_BROKERS=" + b.brokers, "REDIS_URL=" + b.url,
		"CAREER_SITES_TOPIC=" + b.sites(), "PROGRESS_TOPIC=" + b.progress(), "DEAD_LETTERS_TOPIC=" + b.letters(),
	}, changes...)
}

// sync starts a run.
func (b *bed) sync(changes ...string) *process {
	b.t.Helper()
	return launch(b.t, b.settings(changes...), "sync")
}

// pages is how many pages the feed has billed.
func (b *bed) pages() int {
	return b.feed.Ledger().Pages
}

// wipe removes all that Redis has of this stream and of its API key: to the
// program that is the loss of the whole server, and what FLUSHALL does.
func (b *bed) wipe(ctx context.Context) {
	b.t.Helper()
	for _, pattern := range []string{b.key("*"), budgetKey(b.secret, "*")} {
		keys, err := b.redis.Keys(ctx, pattern).Result()
		if err == nil && len(keys) > 0 {
			err = b.redis.Del(ctx, keys...).Err()
		}
		if err != nil {
			b.t.Errorf("wipe Redis: %v", err)
		}
	}
}

// budgetKey returns the name of one of the keys in Redis that all streams of an
// API key share.
func budgetKey(apiKey, part string) string {
	digest := sha256.Sum256([]byte(apiKey))
	return "jobo:{key-" + hex.EncodeToString(digest[:8]) + "}:budget:" + part
}

// token is the fencing token of the newest lease, 0 before the first.
func (b *bed) token() int {
	n, err := b.redis.Get(b.t.Context(), b.key("fence")).Int()
	if err != nil {
		return 0 // none, or Redis is down: not yet
	}
	return n
}

// seq is the number of the newest checkpoint that Redis has, 0 before the first.
func (b *bed) seq() int {
	n, err := b.redis.HGet(b.t.Context(), b.key("checkpoint"), "seq").Int()
	if err != nil {
		return 0
	}
	return n
}

// wires are the connections to an embedded Kafka.
type wires struct {
	mu    sync.Mutex
	conns []net.Conn
}

func (w *wires) listen(network, address string) (net.Listener, error) {
	ln, err := net.Listen(network, address)
	return &tapped{Listener: ln, wires: w}, err
}

// cut closes all of them.
func (w *wires) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close() // most were closed by their clients long ago
	}
	w.conns = nil
}

type tapped struct {
	net.Listener
	wires *wires
}

func (l *tapped) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.wires.mu.Lock()
		l.wires.conns = append(l.wires.conns, c)
		l.wires.mu.Unlock()
	}
	return c, err
}
