package app

import (
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

// What each verb does is tested beside it; here, that its words reach it.
func TestEachVerbDoesItsOwnWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 60})
	do := func(code int, want string, args ...string) outcome {
		t.Helper()
		got := run(t.Context(), w.env, args...)
		if got.code != code || !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("producer %s: got exit code %d, want %d and %q in:\n%s%s", strings.Join(args, " "), got.code, code, want, got.stdout, got.stderr)
		}
		return got
	}
	topic := w.env["CAREER_SITES_TOPIC"]
	do(ExitFailed, topic, "topics", "check")
	do(ExitFailed, topic, "topics", "apply", "--dry-run")
	do(ExitFailed, topic, "topics", "check") // neither of the two has created anything
	do(ExitDone, topic, "topics", "apply")
	do(ExitDone, topic, "topics", "check")

	do(ExitDone, "backfill", "plan")
	do(ExitDone, "in sync", "sync")
	do(ExitDone, "{\n", "status", "-o", "json")
	do(ExitDone, w.env["FEED_NAME"], "status")
	do(ExitDone, `"feed"`, "state", "show")
	if table := do(ExitDone, w.env["FEED_NAME"], "state", "show", "-o", "table"); strings.HasPrefix(table.stdout, "{") {
		t.Errorf("state show -o table: got %s", table.stdout)
	}
	state := file(t, "state.json", do(ExitDone, `"records"`, "state", "export").stdout)

	// Nobody can be asked, and what was not confirmed is not done.
	before := w.progress(t, w.env)
	do(ExitUsage, "--yes", "state", "reset", "--backfill")
	do(ExitUsage, "--yes", "state", "import", state)
	if after := w.progress(t, w.env); after.Seq != before.Seq {
		t.Errorf("the state was written without a yes: %d records more", after.Seq-before.Seq)
	}
	do(ExitDone, "", "state", "reset", "--watermark", "2026-01-02", "--yes")
	if after := w.progress(t, w.env); after.Watermark.Format("2006-01-02") != "2026-01-02" {
		t.Errorf("got the watermark %s after the reset, want 2026-01-02", after.Watermark)
	}
	if got := w.feed.Ledger().Rows; got != 60 {
		t.Errorf("got %d rows bought, want the 60 of the sync", got)
	}
}
