package main

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/alecthomas/kong"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// watch is a log that tells when the n-th sync is through.
type watch struct {
	mu   sync.Mutex
	text bytes.Buffer
	left int
	done chan struct{}
}

func newWatch(syncs int) *watch { return &watch{left: syncs, done: make(chan struct{})} }

// Write implements io.Writer.
func (w *watch) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if bytes.Contains(p, []byte(`"in sync"`)) {
		if w.left--; w.left == 0 {
			close(w.done)
		}
	}
	return w.text.Write(p)
}

// String is what was written so far.
func (w *watch) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// local is a running pipeline.
type local struct {
	out, logs *watch
	ended     chan error // what run returned
	cancel    context.CancelFunc
}

// start runs the pipeline and returns when it is in sync for the n-th time.
func start(t *testing.T, o options, n int) *local {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &local{out: newWatch(0), logs: newWatch(n), ended: make(chan error, 1), cancel: cancel}
	go func() { l.ended <- run(ctx, o, l.out, l.logs) }()
	select {
	case <-l.logs.done:
	case err := <-l.ended:
		cancel()
		t.Fatalf("it ended by itself: %v\n%s", err, l.logs)
	}
	return l
}

// stop ends it as a signal does, and checks that this is no failure.
func (l *local) stop(t *testing.T) {
	t.Helper()
	l.cancel()
	if err := <-l.ended; err != nil {
		t.Errorf("got %v after the stop, want no error", err)
	}
}

func TestFlagsAndTheirDefaults(t *testing.T) {
	t.Parallel()
	parse := func(args ...string) (o options) {
		parser, err := kong.New(&o, kong.Vars{"select": defaultSelect})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.Parse(args); err != nil {
			t.Fatalf("%q: %v", args, err)
		}
		return o
	}
	got := parse()
	if got.Once || got.Chaos || got.Rows != 1000 || got.Seed != 1 || got.Latency.String() != "20ms" || got.Interval.String() != "30s" {
		t.Errorf("got the defaults %+v, want the documented ones", got)
	}
	if got.Select != defaultSelect {
		t.Errorf("got the selection %q, want %q", got.Select, defaultSelect)
	}
	if got.KafkaPort != 9092 || got.RedisPort != 6379 || got.FeedPort != 8080 {
		t.Errorf("got the ports %d, %d, %d, want those of the real servers", got.KafkaPort, got.RedisPort, got.FeedPort)
	}
	if got := parse("--select", `ats == "lever"`).Select; got != `ats == "lever"` {
		t.Errorf("got the selection %q, want the one that was given", got)
	}
	if got := parse("--once", "--chaos", "--rows=5", "--seed", "9"); !got.Once || !got.Chaos || got.Rows != 5 || got.Seed != 9 {
		t.Errorf("got %+v, want once, chaos, 5 rows, seed 9", got)
	}
}

func TestTheLocalStackNeedsNoNetwork(t *testing.T) {
	t.Parallel()
	l := start(t, options{Rows: 1, Interval: forever}, 1)
	defer l.stop(t)
	for _, line := range strings.Split(l.out.String(), "\n") {
		if strings.Contains(line, "://") && !strings.Contains(line, "http://127.0.0.1:") {
			t.Errorf("%q names another machine", line)
		}
	}
}
