package app

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// ends checks how a run of the program ended. All of words are in what it said
// about its failure, which is the last that it said and stands there once.
func ends(t *testing.T, got outcome, code int, words ...string) {
	t.Helper()
	if got.code != code {
		t.Fatalf("got exit code %d, want %d: %s", got.code, code, got.stderr)
	}
	if got.stdout != "" {
		t.Errorf("got %q on standard output, want nothing", got.stdout)
	}
	if want := min(len(words), 1); strings.Count(got.stderr, "producer: ") != want {
		t.Errorf("got %d reports, want %d: %s", strings.Count(got.stderr, "producer: "), want, got.stderr)
	}
	_, said, _ := strings.Cut(got.stderr, "producer: ")
	for _, word := range words {
		if !strings.Contains(said, word) {
			t.Errorf("got %q, want %q in it", said, word)
		}
	}
	if strings.Contains(got.stderr, "goroutine ") {
		t.Errorf("there is a stack trace: %s", got.stderr)
	}
}

func TestExit0WhenInSync(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 60})
	for range 2 {
		got := run(t.Context(), w.env, "sync")
		ends(t, got, ExitDone)
		lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
		var last map[string]any
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last["msg"] != "in sync" {
			t.Errorf("got the last line %q (%v), want the summary of the run", lines[len(lines)-1], err)
		}
	}
	w.holds(t, w.env["CAREER_SITES_TOPIC"], w.feed.Select(simulator.Filters{}), 60)
}

func TestExit0WhenStopped(t *testing.T) {
	t.Parallel()
	ctx, o := stopAfter(t, 1)
	o.Rows = 200
	w := newWorld(t, o)
	w.env["BATCH_SIZE"] = "5"
	ends(t, run(ctx, w.env, "sync"), ExitDone)
	if got := w.progress(t, w.env); got.Pages < 1 || got.Phase != schemas.Paging {
		t.Errorf("got %d pages and phase %s, want the page in hand and not all of them", got.Pages, got.Phase)
	}
	// Told to stop before it had begun: nothing is bought, and that is no failure.
	bought := w.feed.Ledger().Pages
	for _, cause := range []error{nil, errors.New("terminated")} {
		ended, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		ends(t, run(ended, w.env, "sync"), ExitDone)
	}
	if got := w.feed.Ledger().Pages; got != bought {
		t.Errorf("got %d pages bought after the stop, want none", got-bought)
	}
}

func TestExit1WhenSomethingFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 60, ForbiddenKeys: []string{"key-without-feed"}})
	ends(t, run(t.Context(), w.env.with(environment{"JOBO_API_KEY": "unknown-key"}), "sync"), ExitFailed, "401", "JOBO_API_KEY")
	ends(t, run(t.Context(), w.env.with(environment{"JOBO_API_KEY": "key-without-feed"}), "sync"), ExitFailed, "403", "plan")
	ends(t, run(t.Context(), w.env.with(stream()).with(environment{"TOPICS_CREATE": "false"}), "sync"), ExitFailed, "does not exist", "TOPICS_CREATE=true")
	nobody := closedAddress(t)
	ends(t, run(t.Context(), w.env.with(environment{"REDIS_URL": "redis://" + nobody}), "sync"), ExitFailed, nobody)
	if got := w.feed.Ledger().Rows; got != 0 {
		t.Errorf("got %d rows bought, want none", got)
	}
}

// closedAddress returns an address on which nobody answers.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func TestExit3WhenTheWalletIsEmptyAndTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 120, Balance: 2500}) // one page
	ends(t, run(t.Context(), w.env, "sync"), ExitPaused, "paused: the wallet holds 0 credits", "state is kept", "when the wallet is filled")
	w.feed.SetBalance(10_000)
	ends(t, run(t.Context(), w.env, "sync"), ExitDone)
	w.holds(t, w.env["CAREER_SITES_TOPIC"], w.feed.Select(simulator.Filters{}), 120)
	w.boughtOnce(t)
}

func TestExit4WhenGoingOnWouldSpendWhatNobodyAgreedTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 60})
	ends(t, run(t.Context(), w.env, "sync"), ExitDone)
	bought := w.feed.Ledger().Rows
	ends(t, run(t.Context(), w.env.with(environment{"FILTER_IS_AGENCY": "true"}), "sync"), ExitRefused,
		"refused to spend", "the filters changed", "nothing was bought", "FEED_NAME")
	other := stream()
	ends(t, run(t.Context(), w.env.with(environment{"PROGRESS_TOPIC": other["PROGRESS_TOPIC"]}), "sync"), ExitRefused,
		"refused to spend", "no checkpoint", "nothing was bought", "PROGRESS_TOPIC")
	if got := w.feed.Ledger().Rows; got != bought {
		t.Errorf("got %d rows bought by refusing, want none", got-bought)
	}
}

func TestExit5WhileAnotherInstanceIsAlive(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 10})
	store, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: w.redisURL(), Feed: w.env["FEED_NAME"]})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	lease, err := checkpoint.Hold(t.Context(), store, checkpoint.HoldOptions{TTL: 10 * time.Second, Owner: "the-other-one"})
	if err != nil {
		t.Fatal(err)
	}
	// It waits a little more than the TTL that it knows, for a holder that died.
	ends(t, run(t.Context(), w.env.with(environment{"LEASE_TTL": "500ms"}), "sync"), ExitBusy, "the-other-one", "no more is bought here")
	if got := w.feed.Ledger().Pages; got != 0 {
		t.Errorf("got %d pages bought, want none", got)
	}
	if err := lease.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends(t, run(t.Context(), w.env, "sync"), ExitDone)
}
