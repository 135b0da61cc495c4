package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// hall is a world with an enricher that has topics and a group of its own.
type hall struct {
	*world

	cluster *kafka.Cluster
}

func newHall(t *testing.T, o simulator.Options) *hall {
	t.Helper()
	o.CompanyLimits, o.PublicLimits = simulator.NoLimits(), simulator.NoLimits()
	// The request limits of a key are shared by all that use it on one Redis.
	key := "jbe_test_" + rand.Text()[:21] + "_" + (rand.Text() + rand.Text())[:43]
	o.APIKeys = append(o.APIKeys, key, simulator.DefaultAPIKey)
	h := &hall{world: newWorld(t, o)}
	h.env["JOBO_API_KEY"] = key
	name := h.env["FEED_NAME"]
	h.env = h.env.with(environment{
		"COMPANIES_TOPIC": name + ".companies", "REQUESTS_TOPIC": name + ".requests", "RETRIES_TOPIC": name + ".retries",
		"ENRICH_GROUP": name, "ENRICH_SELECT": "true", "TOPIC_PARTITIONS": "3",
	})
	cluster, err := kafka.Open(t.Context(), kafka.Config{Brokers: list(h.env["KAFKA_BROKERS"])})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	h.cluster = cluster
	return h
}

// config is the enricher's.
func (h *hall) config(t *testing.T, more environment) Enricher {
	t.Helper()
	return mustEnricher(t, h.env.with(more), "plan")
}

// topics creates the enricher's topics.
func (h *hall) topics(t *testing.T) enricherTopics {
	t.Helper()
	topics, err := h.config(t, nil).ensure(t.Context(), h.cluster, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return topics
}

// publish writes records as somebody else does.
func (h *hall) publish(t *testing.T, records ...*kgo.Record) {
	t.Helper()
	if err := h.cluster.Publish(t.Context(), records...); err != nil {
		t.Fatal(err)
	}
}

// site is a career site of company id at a version.
func (h *hall) site(id string, version int, industries string) *kgo.Record {
	value := fmt.Appendf(nil, `{"id":%q,"name":"The %s","updated_at":%q,"details_url":%q,"industries":[%s]}`,
		id, id, siteTime(version).Format(time.RFC3339), h.feed.URL()+"/api/companies/"+id, industries)
	return &kgo.Record{Topic: h.env["CAREER_SITES_TOPIC"], Key: []byte(id), Value: value}
}

// siteTime is when a career site got a version.
func siteTime(version int) time.Time {
	return time.Date(2026, 1, 1, 0, version, 0, 0, time.UTC)
}

// letter is a dead letter of the enricher's, as old as age.
func (h *hall) letter(id string, reason schemas.DeadLetterReason, age time.Duration, value string) *kgo.Record {
	at := time.Now().Add(-age)
	return &kgo.Record{
		Topic: h.env["DEAD_LETTERS_TOPIC"], Key: []byte(id), Value: []byte(value), Timestamp: at,
		Headers: []kgo.RecordHeader{{Key: schemas.HeaderReason, Value: []byte(reason)}, {Key: schemas.HeaderOriginPartition, Value: []byte("0")}},
	}
}

// knows writes to the memory what was fetched.
func (h *hall) knows(t *testing.T, known ...checkpoint.Known) {
	t.Helper()
	memory := h.desk(t).memory()
	for some := range slices.Chunk(known, 100) { // the embedded Redis takes its time over a script
		if err := memory.Remember(t.Context(), some...); err != nil {
			t.Fatal(err)
		}
	}
}

// desk is what the verbs look through.
func (h *hall) desk(t *testing.T) *enrichDesk {
	t.Helper()
	d, err := openEnrichDesk(t.Context(), h.config(t, nil))
	if err == nil {
		err = d.kafkaErr
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	return d
}

// requested returns the requests that were published, by company, without the time.
func (h *hall) requested(t *testing.T) map[string]schemas.CompanyRequest {
	t.Helper()
	newest, n := h.read(t, h.env["REQUESTS_TOPIC"])
	requests := make(map[string]schemas.CompanyRequest)
	for key, value := range newest {
		r, err := schemas.DecodeRequest([]byte(key), value)
		if err != nil {
			t.Fatal(err)
		}
		if age := time.Since(r.RequestedAt); age < 0 || age > time.Hour {
			t.Errorf("request for %s: got the time %s, want now", key, r.RequestedAt)
		}
		r.RequestedAt = time.Time{}
		requests[key] = r
	}
	if n != len(requests) {
		t.Errorf("got %d requests for %d companies, want one each", n, len(requests))
	}
	return requests
}

func (h *hall) wantRequested(t *testing.T, want map[string]schemas.CompanyRequest) {
	t.Helper()
	if diff := cmp.Diff(want, h.requested(t)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// remembers reports whether a replica has published so many profiles, and Redis
// knows it.
func (h *hall) remembers(t *testing.T, p *enricherParts, profiles int64) bool {
	t.Helper()
	if p.loop.View().Counts[enricher.OutcomeProfile] != profiles {
		return false
	}
	d := p.desk(h.config(t, nil))
	companies, err := d.lag(t.Context(), d.c.Topics.Companies)
	if err != nil {
		t.Fatal(err)
	}
	m, err := d.memoryStatus(t.Context(), companies)
	if err != nil {
		t.Fatal(err)
	}
	return m.Present && m.Behind == 0
}

// enrich runs an enricher until done says so.
func (h *hall) enrich(t *testing.T, more environment, done func(parts *enricherParts) bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := Process{Log: zap.NewNop(), Version: "v1"}
	c := h.config(t, more)
	parts, err := assembleEnricher(ctx, c, p, sights{program: "enricher"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer parts.close()
	var run sync.WaitGroup
	run.Go(func() { _ = parts.loop.Run(ctx) }) // it ends with ctx
	defer run.Wait()
	defer cancel()
	within := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done(parts) {
		select {
		case <-tick.C:
		case <-within:
			t.Fatalf("not so after 30 s: %+v", parts.loop.View())
		}
	}
}
