//go:build unix

package main_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
)

// rig is what one run of a benchmark needs. Feed, and Kafka and Redis unless real
// ones are given, are in this process: their work is not the program's, but they
// share the processors with it.
type rig struct {
	b     *testing.B
	shape shape
	name  string

	feed         *simulator.Server
	brokers, url string

	mu      sync.Mutex
	answers []time.Time // of the feed
}

// newRig starts the servers and stops the benchmark's clock until measure.
func newRig(b *testing.B, s shape) *rig {
	b.Helper()
	b.StopTimer()
	r := &rig{b: b, shape: s, name: "producer-bench-" + strings.ToLower(rand.Text()[:10])}
	feed, err := simulator.Start(b.Context(), "127.0.0.1:0", simulator.Options{
		Rows: s.rows, Seed: 1, Latency: s.latency, APIKeys: []string{apiKey}, FeedLimits: simulator.NoLimits(), Trace: r.answered,
	})
	if err != nil {
		b.Fatal(err)
	}
	r.feed = feed
	r.brokers, r.url = os.Getenv("KAFKA_BROKERS"), os.Getenv("REDIS_URL")
	if r.brokers == "" || r.url == "" {
		r.embedded()
	} else if s.acks > 0 {
		r.close()
		b.Skip("only an embedded Kafka can be slowed down")
	}
	return r
}

func (r *rig) embedded() {
	late := &late{by: r.shape.acks}
	kafka, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(late.listen))
	if err != nil {
		r.b.Fatal(err)
	}
	r.b.Cleanup(kafka.Close)
	mini := miniredis.NewMiniRedis()
	mini.ClockTTL(true)
	if err := mini.Start(); err != nil {
		r.b.Fatal(err)
	}
	r.b.Cleanup(mini.Close)
	r.brokers, r.url = kafka.ListenAddrs()[0], "redis://"+mini.Addr()+"/0"
}

func (r *rig) answered(simulator.Answer) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers = append(r.answers, now)
}

// settings are the program's whole environment.
func (r *rig) settings() []string {
	// The rows' discovered_at lie evenly between these two, and only there: windows
	// of the same width have as many rows each.
	newest := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after, before := newest.AddDate(0, 0, -2*365), newest.AddDate(0, 0, -90)
	env := []string{
		"JOBO_API_KEY=" + apiKey, "JOBO_BASE_URL=" + r.feed.URL(), "FEED_NAME=" + r.name, "FEED_RATE_LIMIT=off",
		"KAFKA_BROKERS=" + r.brokers, "REDIS_URL=" + r.url,
		"CAREER_SITES_TOPIC=" + r.name + ".sites", "PROGRESS_TOPIC=" + r.name + ".progress", "DEAD_LETTERS_TOPIC=" + r.name + ".letters",
		fmt.Sprintf("PREFETCH=%d", r.shape.prefetch),
	}
	if r.shape.windows > 1 {
		env = append(env, fmt.Sprintf("BACKFILL_WINDOWS=%d", r.shape.windows),
			"FILTER_DISCOVERED_AFTER="+after.Format(time.RFC3339), "FILTER_DISCOVERED_BEFORE="+before.Format(time.RFC3339))
	}
	return env
}

// measure runs the program once.
func (r *rig) measure() figures {
	r.b.Helper()
	defer r.close()
	path, err := binary()
	if err != nil {
		r.b.Fatal(err)
	}
	cmd := exec.CommandContext(r.b.Context(), path, "sync")
	if *benchProfileFlag != "" {
		cmd = profiled(r.b)
	}
	var stderr bytes.Buffer
	cmd.Env, cmd.Stderr = append(cmd.Env, r.settings()...), &stderr
	r.b.StartTimer()
	began := time.Now()
	if err := cmd.Start(); err != nil {
		r.b.Fatal(err)
	}
	peak := watchPeak(cmd.Process.Pid)
	err = cmd.Wait()
	f := figures{wall: time.Since(began), peak: peak()}
	r.b.StopTimer()
	if err != nil {
		r.b.Fatalf("the producer ended with %v:\n%s", err, stderr.String())
	}
	f.kernel = cmd.ProcessState.SystemTime()
	f.cpu = cmd.ProcessState.UserTime() + f.kernel
	r.count(&f)
	return f
}

// count takes from the feed what was bought.
func (r *rig) count(f *figures) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ledger := r.feed.Ledger()
	f.rows, f.pages = ledger.Rows, ledger.Pages
	if len(r.answers) < 2 || len(r.answers) != f.pages {
		r.b.Fatalf("%d answers of the feed and %d pages billed: want as many, and at least 2", len(r.answers), f.pages)
	}
	f.paging = r.answers[len(r.answers)-1].Sub(r.answers[0])
	for i, at := range r.answers[1:] {
		f.gaps = append(f.gaps, at.Sub(r.answers[i]))
	}
}

// close ends the feed, and leaves nothing behind on servers that go on.
func (r *rig) close() {
	_ = r.feed.Close() // nobody is left to be told
	if os.Getenv("KAFKA_BROKERS") == "" || os.Getenv("REDIS_URL") == "" {
		return
	}
	ctx := context.WithoutCancel(r.b.Context())
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(r.brokers, ",")...))
	if err != nil {
		r.b.Fatal(err)
	}
	admin := kadm.NewClient(client)
	defer admin.Close()
	_, _ = admin.DeleteTopics(ctx, r.name+".sites", r.name+".progress", r.name+".letters")
	o, err := redis.ParseURL(r.url)
	if err != nil {
		r.b.Fatal(err)
	}
	store := redis.NewClient(o)
	defer func() { _ = store.Close() }()
	for _, part := range []string{"lease", "fence", "checkpoint"} {
		_ = store.Del(ctx, "jobo:{"+r.name+"}:"+part).Err()
	}
}
