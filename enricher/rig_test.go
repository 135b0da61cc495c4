//go:build unix

package main_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
)

// rig is a bed whose API stands behind a handler of the test's own, on the one
// address that JOBO_BASE_URL names: what the program asks for and how it is
// answered is up to the test.
type rig struct {
	*bed

	front *httptest.Server
}

// newRig starts an API; front gets each request first, and nil leaves all of them
// to the API. It makes no topics: see apply.
func newRig(t *testing.T, o simulator.Options, front func(api http.Handler) http.Handler) *rig {
	t.Helper()
	nonce := strings.ToLower(rand.Text()[:10])
	name := "enricher-rig-" + nonce
	r := &rig{bed: &bed{
		t: t, name: name, secret: "jbe_test_rig-" + nonce + "--------_0123456789abcdefghijklmnopqrstuvwxyz-_ABCDE", session: 6 * time.Second,
		memory: "jobo:{companies}:fetched:" + name, // no such key: the real ones go with apply
	}}
	mux := http.NewServeMux()
	r.front = httptest.NewServer(mux)
	t.Cleanup(r.front.Close)
	if o.APIKeys = []string{r.secret}; o.CompanyLimits == (simulator.Limits{}) {
		o.CompanyLimits = simulator.NoLimits()
	}
	o.BaseURL = r.front.URL
	api, err := simulator.Start(t.Context(), "127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() }) // nobody is left to be told
	r.api = api
	if front == nil {
		front = func(api http.Handler) http.Handler { return api }
	}
	mux.Handle("/", front(api.Simulator))
	r.brokers, r.url = os.Getenv("KAFKA_BROKERS"), os.Getenv("REDIS_URL")
	if r.brokers == "" || r.url == "" {
		r.embedded()
	}
	r.connect()
	return r
}

// env is the program's environment: everything is selected, as fast as by default.
func (r *rig) env(changes ...string) []string {
	return r.settings(append([]string{
		"JOBO_BASE_URL=" + r.front.URL, "ENRICH_SELECT=true", "ENRICH_BATCH=100", "ENRICH_CONCURRENCY=16",
	}, changes...)...)
}

// do runs one verb to its end, and returns it when it ended well.
func (r *rig) do(args ...string) *process {
	r.t.Helper()
	p := r.launch(r.env(), args...)
	p.expect(0)
	return p
}

// replica starts a run.
func (r *rig) replica(changes ...string) *process {
	r.t.Helper()
	return r.launch(r.env(changes...), "run")
}

// apply has the program make its topics, so that the test can write to them.
func (r *rig) apply(changes ...string) {
	r.t.Helper()
	r.launch(r.env(changes...), "topics", "apply").expect(0)
	topics, err := r.admin.ListTopics(r.t.Context(), r.companies())
	if err != nil {
		r.t.Fatal(err)
	}
	r.memory = fmt.Sprintf("jobo:{companies}:fetched:%x:", [16]byte(topics[r.companies()].ID))
}

// put writes records to a topic.
func (r *rig) put(topic string, records ...*kgo.Record) {
	r.t.Helper()
	for _, record := range records {
		record.Topic = topic
	}
	if err := r.kafka.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// putSites puts the career site of each company that the API has on its topic.
func (r *rig) putSites() {
	r.t.Helper()
	var sites []*kgo.Record
	for id, row := range r.api.Truth() {
		sites = append(sites, &kgo.Record{Key: []byte(id), Value: row.Bytes})
	}
	r.put(r.sites(), sites...)
}

// rigTail follows a topic as a read_committed reader does.
type rigTail struct {
	r       *rig
	client  *kgo.Client
	records []*kgo.Record
}

func (r *rig) tail(topic string) *rigTail {
	r.t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(r.brokers, ",")...), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	return &rigTail{r: r, client: client}
}

// until reads until there is enough, and fails the test where that never comes or
// one of whiles ends first.
func (x *rigTail) until(what string, enough func([]*kgo.Record) bool, whiles ...*process) []*kgo.Record {
	x.r.t.Helper()
	ctx, stop := context.WithTimeout(x.r.t.Context(), patience)
	defer stop()
	for !enough(x.records) {
		for _, p := range whiles {
			if !p.running() {
				x.r.t.Fatalf("process %d ended before %s:\n%s", p.cmd.Process.Pid, what, p.stderr.String())
			}
		}
		x.poll()
		if ctx.Err() != nil {
			x.r.t.Fatalf("waited %s in vain for %s: %d records", patience, what, len(x.records))
		}
	}
	return x.records
}

// poll reads what is there, and waits for it for a moment.
func (x *rigTail) poll() {
	ctx, stop := context.WithTimeout(x.r.t.Context(), 200*time.Millisecond)
	defer stop()
	x.records = append(x.records, x.client.PollFetches(ctx).Records()...)
}

// rigAtLeast is enough for until.
func rigAtLeast(n int) func([]*kgo.Record) bool {
	return func(records []*kgo.Record) bool { return len(records) >= n }
}

// rigHeader returns a record's header as text; empty where it has none.
func rigHeader(record *kgo.Record, name string) string {
	for _, h := range record.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}
