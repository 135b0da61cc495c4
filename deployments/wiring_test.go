//go:build unix

package deployments_test

import (
	"context"
	"crypto/rand"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/schemas"
)

// patience bounds everything that a test waits for.
const patience = 90 * time.Second

// wiring runs the services of ours that compose.yaml has, with the commands and the
// environment that it gives them: only addresses are others. Servers are those of
// KAFKA_BROKERS, REDIS_URL and SCHEMA_REGISTRY_URL, or embedded ones.
type wiring struct {
	t        *testing.T
	project  *types.Project
	replace  *strings.Replacer
	done     map[string]bool
	listen   map[string]string
	registry string
	brokers  []string
}

func newWiring(t *testing.T) *wiring {
	t.Helper()
	w := &wiring{t: t, done: make(map[string]bool), listen: make(map[string]string), registry: os.Getenv("SCHEMA_REGISTRY_URL")}
	redis := os.Getenv("REDIS_URL")
	w.brokers = strings.Split(os.Getenv("KAFKA_BROKERS"), ",")
	if os.Getenv("KAFKA_BROKERS") == "" {
		stack, err := devstack.Start(t.Context(), devstack.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stack.Close)
		w.brokers, redis = stack.Brokers(), stack.RedisURL()
	}
	if w.registry == "" {
		fake := srfake.New()
		t.Cleanup(fake.Close)
		w.registry = fake.URL()
	}
	// A key of its own: on a shared Redis its request limits are nobody else's.
	key := "jbe_test_" + (rand.Text() + rand.Text())[:21] + "_" + (rand.Text() + rand.Text())[:43]
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	api := free(t)
	w.project = project(t, "SIMULATOR_ROWS=300")
	w.project.Services["simulator"].Environment["SIMULATOR_API_KEY"] = &key
	w.replace = strings.NewReplacer(
		"redpanda:9092", strings.Join(w.brokers, ","), "http://redpanda:8081", w.registry, "redis://redis:6379/0", redis,
		"http://simulator:8080", "http://"+api, "http://localhost:8080", "http://"+api, "/run/secrets/jobo-api-key", file,
	)
	w.listen["simulator"] = api
	return w
}

// free is an address of this machine that nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // only its number was wanted
	return l.Addr().String()
}

// command is what a service of ours runs.
func (w *wiring) command(name string, args ...string) *exec.Cmd {
	s := w.project.Services[name]
	if w.listen[name] == "" {
		w.listen[name] = free(w.t)
	}
	for i := range args {
		args[i] = w.replace.Replace(args[i])
	}
	cmd := exec.Command(program(w.t, s.Build.Target), args...)
	for variable, value := range s.Environment {
		text := ""
		if value != nil {
			text = w.replace.Replace(*value)
		}
		if variable == "LISTEN" || variable == "SIMULATOR_LISTEN" {
			text = w.listen[name]
		}
		cmd.Env = append(cmd.Env, variable+"="+text)
	}
	return cmd
}

// up starts a service after those that it waits for, as compose does.
func (w *wiring) up(name string) {
	w.t.Helper()
	s, ok := w.project.Services[name]
	if _, is := ours(w.project)[name]; w.done[name] || !ok || !is {
		return // servers are there
	}
	w.done[name] = true
	for _, on := range sorted(s.DependsOn) {
		w.up(on)
	}
	cmd := w.command(name, slices.Clone(s.Command)...)
	var out output
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	if s.Restart == "no" {
		if err := cmd.Wait(); err != nil {
			w.t.Fatalf("%s %v: %v\n%s", name, s.Command, err, out.String())
		}
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	w.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case err := <-ended:
			if err != nil && name != "simulator" {
				w.t.Errorf("%s ended with %v:\n%s", name, err, out.String())
			}
		case <-time.After(patience):
			_ = cmd.Process.Kill() // it may have ended
			w.t.Errorf("%s does not end:\n%s", name, out.String())
		}
	})
	w.until(name+" is healthy", func() bool {
		select {
		case err := <-ended:
			ended <- err
			w.t.Fatalf("%s ended with %v:\n%s", name, err, out.String())
		default:
		}
		return w.command(name, slices.Clone(s.HealthCheck.Test[2:])...).Run() == nil
	})
}

func sorted(on types.DependsOnConfig) []string {
	var names []string
	for name := range on {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// until asks again and again, for as long as the test's patience lasts.
func (w *wiring) until(what string, is func() bool) {
	w.t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.Now().Add(patience); !is(); <-ticker.C {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited %s in vain: %s", patience, what)
		}
	}
}

// output may be read while it is written.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// read follows a topic until enough keys have been seen, and returns the newest record
// of each.
func (w *wiring) read(topic string, enough int) map[string]schemas.Record {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(w.brokers...), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		w.t.Fatal(err)
	}
	defer client.Close()
	registry, err := sr.NewClient(sr.URLs(w.registry))
	if err != nil {
		w.t.Fatal(err)
	}
	out := make(map[string]schemas.Record)
	for len(out) < enough {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			w.t.Fatalf("topic %s has %d keys after %s, want %d", topic, len(out), patience, enough)
		}
		for _, r := range fetches.Records() {
			var headers []schemas.Header
			for _, h := range r.Headers {
				headers = append(headers, schemas.Header{Key: h.Key, Value: h.Value})
			}
			record, err := schemas.DecodeRecord(r.Key, r.Value, headers, func(id int) (string, error) {
				schema, err := registry.SchemaByID(ctx, id)
				return schema.Schema, err
			})
			if err != nil {
				w.t.Fatalf("topic %s: %v", topic, err)
			}
			out[record.Key] = record
		}
	}
	return out
}

// The wiring of compose.yaml brings every career site and every profile that is chosen,
// in the format that it says, and stops in peace.
func TestTheWiringOfComposeWorks(t *testing.T) {
	t.Parallel()
	w := newWiring(t)
	for _, name := range []string{"producer", "enricher"} {
		w.up(name)
	}
	sites := w.read(schemas.CareerSitesTopic, 300)
	chosen := 0
	for id, site := range sites {
		if site.Site == nil || site.Site.Name == "" {
			t.Fatalf("career site %s is %+v", id, site)
		}
		if slices.Contains(site.Site.Industries, "fintech") {
			chosen++
		}
	}
	if chosen == 0 {
		t.Fatal("nothing is chosen: the test shows less than it should")
	}
	for id, company := range w.read(schemas.CompaniesTopic, chosen) {
		if company.Company == nil || !slices.Contains(sites[id].Site.Industries, "fintech") {
			t.Errorf("company %s is %+v", id, company)
		}
	}
	for _, name := range []string{"producer-topics", "producer-schemas", "enricher-topics", "enricher-schemas", "simulator"} {
		if !w.done[name] {
			t.Errorf("nobody waits for %s", name)
		}
	}
	t.Logf("%d career sites, %d companies", len(sites), chosen)
}
