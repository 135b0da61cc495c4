package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// What each verb does is tested beside it; here, that its words reach it.
func TestEachVerbOfTheEnricherDoesItsOwnWork(t *testing.T) {
	t.Parallel()
	h := newHall(t, simulator.Options{Rows: 10})
	h.topics(t)
	h.publish(t, h.letter("dead", schemas.ReasonGone, 0, ""))
	do := func(code int, want string, args ...string) {
		t.Helper()
		got := enrich(t.Context(), h.env, args...)
		if got.code != code || !strings.Contains(got.stdout+got.stderr, want) {
			t.Errorf("enricher %s: got exit code %d, want %d and %q in:\n%s%s", strings.Join(args, " "), got.code, code, want, got.stdout, got.stderr)
		}
	}
	do(ExitDone, "to redrive  1 companies", "redrive", "--dry-run")
	do(ExitDone, "to redrive  0 companies", "redrive", "--dry-run", "--reason=not_found")
	do(ExitDone, "published 2 requests", "request", "--reason=why not", "--force", "a", "b")
	do(ExitDone, "redriven  1 companies", "redrive", "--since=1h", "--limit=3")
	do(ExitDone, "3 in "+h.env["REQUESTS_TOPIC"], "plan", "--enrich-select=")
	do(ExitDone, `"group": "`+h.env["ENRICH_GROUP"]+`"`, "status", "-o", "json")
	do(ExitDone, "gone: 1", "status")
	do(ExitDone, "it answers", "check")
	var stdout, stderr bytes.Buffer
	code := RunEnricher(t.Context(), Env{
		Args: []string{"request", "-"}, LookupEnv: h.env.lookup, Stdin: strings.NewReader("c\n"), Stdout: &stdout, Stderr: &stderr,
	})
	if code != ExitDone || !strings.Contains(stdout.String(), "published 1 requests") {
		t.Errorf("request -: got exit code %d, %q and %q, want one request", code, stdout.String(), stderr.String())
	}
	h.wantRequested(t, map[string]schemas.CompanyRequest{
		"a": {ID: "a", Reason: "why not", Force: true}, "b": {ID: "b", Reason: "why not", Force: true}, "c": {ID: "c"},
		"dead": {ID: "dead", Reason: "redrive: gone", Force: true},
	})
}
