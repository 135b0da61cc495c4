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
)

// benchSlots is how many partitions the topics have: as many as they get by
// default.
const benchSlots = 6

// benchRig is what one run of a benchmark needs. The server of the profiles, and
// Kafka and Redis unless real ones are given, are in this process: their work is
// not the program's, but they share the processors with it.
type benchRig struct {
	b     *testing.B
	shape benchShape
	name  string

	companies    *benchCompanies
	brokers, url string
	real         bool
	admin        *kadm.Client
}

// newBenchRig starts the servers and puts the career sites on their topic.
func newBenchRig(b *testing.B, s benchShape) *benchRig {
	b.Helper()
	r := &benchRig{b: b, shape: s, name: "enricher-bench-" + strings.ToLower(rand.Text()[:10]), companies: newBenchCompanies(b)}
	r.brokers, r.url = os.Getenv("KAFKA_BROKERS"), os.Getenv("REDIS_URL")
	if r.real = r.brokers != "" && r.url != ""; !r.real {
		r.embedded()
	}
	client := r.client()
	r.admin = kadm.NewClient(client)
	compact := "compact"
	for _, topic := range []string{"sites", "bare"} {
		if _, err := r.admin.CreateTopic(b.Context(), benchSlots, 1, map[string]*string{"cleanup.policy": &compact}, r.topic(topic)); err != nil {
			b.Fatal(err)
		}
	}
	r.publish(client)
	return r
}

func (r *benchRig) embedded() {
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		r.b.Fatal(err)
	}
	r.b.Cleanup(kafka.Close)
	// Without ClockTTL, with which it sorts all its keys at each command: that is
	// 1 ms for each company, and nothing expires within a run.
	mini := miniredis.NewMiniRedis()
	if err := mini.Start(); err != nil {
		r.b.Fatal(err)
	}
	r.b.Cleanup(mini.Close)
	r.brokers, r.url = kafka.ListenAddrs()[0], "redis://"+mini.Addr()+"/0"
}

func (r *benchRig) topic(what string) string { return r.name + "." + what }

func (r *benchRig) client(o ...kgo.Opt) *kgo.Client {
	r.b.Helper()
	client, err := kgo.NewClient(append(o, kgo.SeedBrokers(strings.Split(r.brokers, ",")...))...)
	if err != nil {
		r.b.Fatal(err)
	}
	return client
}

// publish puts as many career sites on the topic as there are companies. A row has
// about 900 bytes.
func (r *benchRig) publish(client *kgo.Client) {
	r.b.Helper()
	summary := strings.Repeat("It builds software for ports, and for the ships that call at them. ", 6)
	records := make([]*kgo.Record, r.shape.companies)
	for i := range records {
		id := fmt.Sprintf("0b9d4c52-7a10-4f6e-9f3e-%012d", i)
		records[i] = &kgo.Record{Topic: r.topic("sites"), Key: []byte(id), Value: fmt.Appendf(nil,
			`{"id":%q,"name":"Company %d","website":"https://company-%d.invalid","logo_url":null,"summary":%q,"industries":["fintech","payments"],`+
				`"categories":["b2b","saas"],"linkedin_url":"https://linkedin.invalid/company/%d","crunchbase_url":null,"ats":"greenhouse",`+
				`"listing_url":"https://company-%d.invalid/jobs","discovered_at":"2025-03-01T12:00:00Z","updated_at":"2026-01-02T03:04:05.678Z","details_url":%q}`,
			id, i, i, summary, i, i, r.companies.url+"/api/companies/"+id)}
	}
	if err := client.ProduceSync(r.b.Context(), records...).FirstErr(); err != nil {
		r.b.Fatal(err)
	}
}

// settings are the program's whole environment.
func (r *benchRig) settings() []string {
	return []string{
		"JOBO_BASE_URL=" + r.companies.url, "COMPANY_RATE_LIMIT=off", "LISTEN=off",
		"KAFKA_BROKERS=" + r.brokers, "REDIS_URL=" + r.url, "ENRICH_GROUP=" + r.name, "ENRICH_SELECT=true",
		"CAREER_SITES_TOPIC=" + r.topic("sites"), "COMPANIES_TOPIC=" + r.topic("companies"), "REQUESTS_TOPIC=" + r.topic("requests"),
		"RETRIES_TOPIC=" + r.topic("retries"), "DEAD_LETTERS_TOPIC=" + r.topic("letters"),
		fmt.Sprintf("ENRICH_CONCURRENCY=%d", r.shape.concurrency), fmt.Sprintf("ENRICH_BATCH=%d", r.shape.batch),
	}
}

// enrich runs the program until all that it fetched is published.
func (r *benchRig) enrich(path string) benchFigures {
	r.b.Helper()
	r.companies.expect(r.shape.companies)
	r.forget()
	p := r.start(benchEnricher(r.b, path), r.settings())
	p.until(r.companies.done)
	r.published(r.topic("companies"))
	f := p.stop()
	r.companies.count(r.b, &f)
	return f
}

// bare runs the bare loop over the same companies.
func (r *benchRig) bare() benchFigures {
	r.b.Helper()
	r.companies.expect(r.shape.companies)
	p := r.start(benchSelf(r.b, "bare"), []string{
		"KAFKA_BROKERS=" + r.brokers, "CAREER_SITES_TOPIC=" + r.topic("sites"), benchBareTopic + "=" + r.topic("bare"),
		fmt.Sprintf(benchBareCompanies+"=%d", r.shape.companies), fmt.Sprintf(benchBareInFlight+"=%d", r.shape.concurrency),
	})
	p.until(r.companies.done)
	f := p.cost()
	r.companies.count(r.b, &f)
	return f
}

// published waits until the profile of each company is there for a reader of what
// is committed, and checks that none is there twice.
func (r *benchRig) published(topic string) {
	r.b.Helper()
	client := r.client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.b.Context(), time.Minute)
	defer cancel()
	keys := make(map[string]bool, r.shape.companies)
	for n := 0; n < r.shape.companies; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			r.b.Fatalf("%d of %d profiles are published: %v", n, r.shape.companies, err)
		}
		fetches.EachRecord(func(record *kgo.Record) { keys[string(record.Key)] = true; n++ })
	}
	if len(keys) != r.shape.companies {
		r.b.Fatalf("the first %d profiles are those of %d companies, want each once", r.shape.companies, len(keys))
	}
}

// forget empties what a real Redis remembers of companies: the ids are the same in
// each run, and what was fetched for one is known in the next.
func (r *benchRig) forget() {
	r.b.Helper()
	if !r.real {
		return
	}
	o, err := redis.ParseURL(r.url)
	if err != nil {
		r.b.Fatal(err)
	}
	store := redis.NewClient(o)
	defer func() { _ = store.Close() }()
	keys := store.Scan(r.b.Context(), 0, "jobo:{companies}*", 1000).Iterator()
	for keys.Next(r.b.Context()) {
		_ = store.Unlink(r.b.Context(), keys.Val()).Err()
	}
}

// close leaves nothing behind on servers that go on.
func (r *benchRig) close() {
	if r.real {
		ctx := context.WithoutCancel(r.b.Context())
		r.forget()
		if found, err := r.admin.ListTopics(ctx); err == nil {
			for _, topic := range found.Names() {
				if strings.HasPrefix(topic, r.name+".") {
					_, _ = r.admin.DeleteTopics(ctx, topic)
				}
			}
		}
	}
	r.admin.Close()
	_ = r.companies.server.Close()
}
