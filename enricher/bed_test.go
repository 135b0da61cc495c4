//go:build unix

package main_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
)

// bed is what one test runs the program against.
type bed struct {
	t       *testing.T
	name    string // ENRICH_GROUP, and the beginning of the topics' names
	secret  string // the API key
	api     *simulator.Server
	brokers string
	kafka   *kgo.Client
	admin   *kadm.Client
	url     string // of Redis
	redis   *redis.Client
	// memory begins the keys of what was fetched: they bear the topic's identity.
	memory string
	// session is ENRICH_SESSION_TIMEOUT: 6 s is the least that Kafka allows.
	session time.Duration
	// wires are the connections to the embedded Kafka; nil where a real one is used.
	wires *wires

	// events is how many career sites were published that are selected.
	events int
}

// newBed starts the profiles' server, finds or starts the others, has the program
// make its topics, and ends all of it with the test.
func newBed(t *testing.T, o simulator.Options) *bed {
	t.Helper()
	nonce := strings.ToLower(rand.Text()[:10])
	b := &bed{t: t, name: "enricher-test-" + nonce, secret: "jbe_test_canary-" + nonce + "---_0123456789abcdefghijklmnopqrstuvwxyz-_ABCDE", session: 6 * time.Second}
	o.APIKeys, o.CompanyLimits, o.FeedLimits, o.PublicLimits = []string{b.secret}, simulator.NoLimits(), simulator.NoLimits(), simulator.NoLimits()
	api, err := simulator.Start(t.Context(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	b.api = api
	t.Cleanup(func() { _ = api.Close() }) // nobody is left to be told
	b.brokers, b.url = os.Getenv("KAFKA_BROKERS"), os.Getenv("REDIS_URL")
	if b.brokers == "" || b.url == "" {
		b.embedded()
	}
	b.connect()
	b.launch(b.settings(), "topics", "apply").expect(0)
	topics, err := b.admin.ListTopics(t.Context(), b.companies())
	if err != nil {
		t.Fatal(err)
	}
	b.memory = fmt.Sprintf("jobo:{companies}:fetched:%x:", [16]byte(topics[b.companies()].ID))
	return b
}

// embedded starts a Kafka and a Redis in this process. This Kafka compacts once
// an hour, so that every record ever committed can be counted.
func (b *bed) embedded() {
	b.t.Helper()
	b.wires, b.session = &wires{}, 2*time.Second
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(b.wires.listen), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(kafka.Close)
	mini := miniredis.NewMiniRedis()
	mini.ClockTTL(true)
	if err := mini.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(mini.Close)
	b.brokers, b.url = kafka.ListenAddrs()[0], "redis://"+mini.Addr()+"/0"
}

// connect makes the test's own clients, and leaves nothing behind in the end.
func (b *bed) connect() {
	b.t.Helper()
	kafka, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(b.brokers, ",")...))
	if err != nil {
		b.t.Fatal(err)
	}
	b.kafka, b.admin = kafka, kadm.NewClient(kafka)
	o, err := redis.ParseURL(b.url)
	if err != nil {
		b.t.Fatal(err)
	}
	b.redis = redis.NewClient(o)
	b.t.Cleanup(func() {
		ctx := context.WithoutCancel(b.t.Context())
		if b.wires == nil {
			b.forget(ctx)
			_, _ = b.admin.DeleteTopics(ctx, append(b.reads(), b.companies(), b.letters())...)
		}
		b.kafka.Close()
		_ = b.redis.Close()
	})
}

func (b *bed) sites() string     { return b.name + ".sites" }
func (b *bed) requests() string  { return b.name + ".requests" }
func (b *bed) companies() string { return b.name + ".companies" }
func (b *bed) letters() string   { return b.name + ".letters" }

// reads are the topics that the group reads.
func (b *bed) reads() []string {
	retries := b.name + ".retries."
	return []string{b.sites(), b.requests(), retries + "0", retries + "1", retries + "2", retries + "3"}
}

// Some companies are not selected, by what never changes about them.
const selection = `not (id startsWith "0")`

func selected(id string) bool { return id[0] != '0' }

const (
	batch       = 20 // ENRICH_BATCH: what one crash repeats at the most
	concurrency = 8
)

// settings are the program's environment: this bed's servers, then what the test
// changes.
func (b *bed) settings(changes ...string) []string {
	return append([]string{
		"JOBO_API_KEY=" + b.secret, "JOBO_BASE_URL=" + b.api.URL(), "COMPANY_RATE_LIMIT=off",
		"KAFKA_BROKERS=" + b.brokers, "REDIS_URL=" + b.url, "LISTEN=off", "LOG_FORMAT=json",
		"ENRICH_SELECT=" + selection, "ENRICH_BATCH=20", "ENRICH_CONCURRENCY=8",
		"ENRICH_GROUP=" + b.name, "ENRICH_SESSION_TIMEOUT=" + b.session.String(),
		"CAREER_SITES_TOPIC=" + b.sites(), "REQUESTS_TOPIC=" + b.requests(), "RETRIES_TOPIC=" + b.name + ".retries",
		"COMPANIES_TOPIC=" + b.companies(), "DEAD_LETTERS_TOPIC=" + b.letters(),
	}, changes...)
}

// run starts a replica.
func (b *bed) run(changes ...string) *process {
	b.t.Helper()
	return b.launch(b.settings(changes...), "run")
}

// gets is how many profiles were asked for, those that are still on their way
// included.
func (b *bed) gets() int { return b.ledger().Admitted }

func (b *bed) ledger() *simulator.ProfileLedger {
	l := b.api.ProfileLedger()
	return &l
}

// forget removes all that Redis knows of what was fetched: to the program that is
// the loss of the whole server, and what FLUSHALL does.
func (b *bed) forget(ctx context.Context) (keys int) {
	b.t.Helper()
	names, err := b.redis.Keys(ctx, b.memory+"*").Result()
	if err == nil && len(names) > 0 {
		err = b.redis.Del(ctx, names...).Err()
	}
	if err != nil {
		b.t.Errorf("wipe Redis: %v", err)
	}
	return len(names)
}
