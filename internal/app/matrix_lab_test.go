package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/simulator"
)

// The fault matrix: one table for each thing that can misbehave beside the
// program, and after each case the oracles of judge. The program runs as its
// users run it, from its environment to its exit code, against embedded servers:
// what these do wrong, they do on purpose.
//
//	matrix_lab_test.go      the program between a feed, a Kafka and a Redis of its own
//	matrix_front_test.go    the hand on the feed's answers
//	matrix_wire_test.go     the hand on the connection to Redis
//	matrix_oracle_test.go   what must hold after every case
//	matrix_*_test.go        the tables

// The feed of a case unless it says otherwise: pages of 5, 5 and 2 rows, so that
// the last one has room for rows that are made up.
const (
	labRows  = 12
	labBatch = "5"
)

// settings is what the program finds in its environment.
type settings map[string]string

func (s settings) with(more settings) settings {
	out := maps.Clone(s)
	maps.Copy(out, more)
	return out
}

// kafka is the cluster that the cases of one table share. It compacts nothing, so
// that every checkpoint can be read that was ever committed.
type kafka struct {
	*kfake.Cluster
	admin *kadm.Client
}

func broker(t *testing.T) *kafka {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DisableClientMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &kafka{cluster, kadm.NewClient(client)}
}

// lab is one case: a stream with topics of its own, a feed and a Redis.
type lab struct {
	t     *testing.T
	feed  *simulator.Simulator
	front *front
	redis *miniredis.Miniredis
	wire  *wire // between the program and redis
	env   settings

	mu      sync.Mutex
	answers []simulator.Answer
	said    strings.Builder // everything that the program ever printed
}

func newLab(t *testing.T, k *kafka, o simulator.Options) *lab {
	t.Helper()
	l := &lab{t: t, redis: miniredis.RunT(t)}
	l.redis.ClockTTL(true)
	l.wire = newWire(t, l.redis.Addr())
	if o.Rows == 0 {
		o.Rows = labRows
	}
	o.FeedLimits = simulator.NoLimits()
	o.Trace = func(a simulator.Answer) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.answers = append(l.answers, a)
	}
	l.feed = simulator.New(o)
	l.front = &front{feed: l.feed, acts: map[int]act{}}
	server := httptest.NewServer(l.front)
	t.Cleanup(server.Close)
	name := "matrix-" + strings.ToLower(rand.Text()[:10])
	l.env = settings{
		"JOBO_API_KEY": simulator.DefaultAPIKey, "JOBO_BASE_URL": server.URL,
		"KAFKA_BROKERS": strings.Join(k.ListenAddrs(), ","), "REDIS_URL": "redis://" + l.wire.addr() + "/0",
		"FEED_NAME": name, "CAREER_SITES_TOPIC": name + ".sites", "PROGRESS_TOPIC": name + ".progress", "DEAD_LETTERS_TOPIC": name + ".dead-letters",
		"FEED_RATE_LIMIT": "off", "SYNC_OVERLAP": "0s", "BATCH_SIZE": labBatch,
		"LOG_FORMAT": "json", "LOG_LEVEL": "debug",
	}
	l.createTopics(k.admin)
	return l
}

// createTopics makes the topics as an operator may have: the program waits a
// while for those that it creates itself, which a hundred cases need not.
func (l *lab) createTopics(admin *kadm.Client) {
	l.t.Helper()
	for _, topic := range []struct {
		name, policy string
		partitions   int32
	}{
		{l.env["CAREER_SITES_TOPIC"], "compact", 2}, {l.env["PROGRESS_TOPIC"], "compact", 1}, {l.env["DEAD_LETTERS_TOPIC"], "delete", 1},
	} {
		if _, err := admin.CreateTopic(l.t.Context(), topic.partitions, 1, map[string]*string{"cleanup.policy": &topic.policy}, topic.name); err != nil {
			l.t.Fatal(err)
		}
	}
}

// ending is how a run of the program ended.
type ending struct {
	code int
	said string // its last words, in which a failure is explained
	log  string // the warnings before them
}

// printed is what a run prints. A Kafka client that was closed may have a last
// word on a goroutine of its own.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// longest is how long a run may take. None needs a tenth of it on a machine that
// does nothing else.
const longest = 60 * time.Second

var errTooLong = errors.New("too long")

// warnings returns the lines of a log that are above information.
func warnings(log string) string {
	var out []string
	for line := range strings.Lines(log) {
		if !strings.Contains(line, `"level":"debug"`) && !strings.Contains(line, `"level":"info"`) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// sync is one run of the program. Redis has to answer within less than a second,
// which a machine that is busy with other tests may fail to bring about: a run that
// ended for that, before it asked the feed for anything, is made again.
func (l *lab) sync(ctx context.Context, more settings) ending {
	l.t.Helper()
	before, _ := l.front.requests()
	for try := 1; ; try++ {
		got := l.syncOnce(ctx, more)
		after, _ := l.front.requests()
		if try == 3 || after > before || got.code != app.ExitFailed || !strings.Contains(got.said, "no answer in time") {
			return got
		}
	}
}

func (l *lab) syncOnce(ctx context.Context, more settings) ending {
	l.t.Helper()
	// A deadline would be seen, and no wait begun that goes beyond it.
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(longest, func() { cancel(errTooLong) }).Stop()
	var stdout, stderr printed
	env := l.env.with(more)
	code := app.RunProducer(ctx, app.Env{
		Args: []string{"sync"}, Getenv: func(name string) string { return env[name] },
		Stdout: &stdout, Stderr: &stderr, Version: "matrix",
	})
	l.said.WriteString(stdout.String() + stderr.String())
	_, said, _ := strings.Cut(stderr.String(), "producer: ")
	if errors.Is(context.Cause(ctx), errTooLong) {
		l.t.Errorf("not done after %s:\n%s", longest, warnings(stderr.String()))
	}
	return ending{code, said, warnings(stderr.String())}
}

// run is a sync whose end is known: the exit code, and words that have to be in
// what is said about it.
func (l *lab) run(code int, words ...string) {
	l.t.Helper()
	l.runWith(nil, code, words...)
}

func (l *lab) runWith(more settings, code int, words ...string) {
	l.t.Helper()
	got := l.sync(l.t.Context(), more)
	if got.code != code {
		l.t.Fatalf("got exit code %d, want %d: %s\n%s", got.code, code, got.said, got.log)
	}
	for _, word := range words {
		if !strings.Contains(got.said, word) {
			l.t.Errorf("got %q, want %q in it", got.said, word)
		}
	}
}

// arm queues faults of the feed.
func (l *lab) arm(faults ...simulator.Fault) {
	l.t.Helper()
	for _, f := range faults {
		if err := l.feed.AddFault(f); err != nil {
			l.t.Fatal(err)
		}
	}
}

// struck checks that the feed misbehaved in this way so often, and that the
// program asked for nothing afterwards if it was to stop there.
func (l *lab) struck(kind simulator.Kind, times int, last bool) {
	l.t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	got := 0
	for _, a := range l.answers {
		if a.Fault == kind {
			got++
		}
	}
	if got != times {
		l.t.Errorf("got %d answers with the fault %s, want %d", got, kind, times)
	}
	if last && (len(l.answers) == 0 || l.answers[len(l.answers)-1].Fault != kind) {
		l.t.Errorf("the program asked for more after the fault %s: %v", kind, l.answers)
	}
}

// asked returns how many requests the feed has answered.
func (l *lab) asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.answers)
}

// key is the name in Redis of what the stream keeps there.
func (l *lab) key(of string) string { return "jobo:{" + l.env["FEED_NAME"] + "}:" + of }

// finish lets everything be well again, completes the run, and judges.
func (l *lab) finish(may allowance) {
	l.t.Helper()
	l.feed.ResetFaults()
	l.front.reset()
	l.wire.heal()
	l.redis.SetError("")
	l.run(app.ExitDone)
	l.judge(may)
}

// wrongPassword is a secret that Redis does not know.
const wrongPassword = "sesame-0pen"

// each runs the cases of a table, several at a time: most of a case is waiting, and
// so many of them are more than processors, which is what t.Parallel goes by.
func each[T any](t *testing.T, table map[string]T, do func(t *testing.T, c T)) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(3)
	for _, name := range slices.Sorted(maps.Keys(table)) {
		group.Go(func() error {
			t.Run(name, func(t *testing.T) { do(t, table[name]) })
			return nil
		})
	}
	_ = group.Wait() // none of them returns an error
}
