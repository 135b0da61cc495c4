package app

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestExportMovesAStreamToAnotherClusterWithoutBuyingTwice(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]environment{
		"one scan": {"BATCH_SIZE": "10"}, "windows": {"BATCH_SIZE": "10", "BACKFILL_WINDOWS": "3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, simulator.Options{Rows: 300})
			b.pause(t, "500", more)
			before := b.progress(t, b.env)
			there := newBench(t, simulator.Options{Rows: 1})
			there.feed = b.feed // another cluster, the same feed
			there.env = b.env.with(environment{"KAFKA_BROKERS": there.env["KAFKA_BROKERS"], "REDIS_URL": there.env["REDIS_URL"]})
			var out bytes.Buffer
			asked := 0
			if err := StateImport(t.Context(), there.config(t, more), bytes.NewReader(b.export(t)), answering(true, &asked), &out); err != nil || asked != 1 {
				t.Fatalf("import: asked %d times, %v", asked, err)
			}
			contains(t, out.String(), "no checkpoint", "paging, at page", "is empty: this moves the state", "written: ")
			at := there.progress(t, there.env)
			if at.RunID != before.RunID || at.Cursor != before.Cursor || at.Rows != before.Rows || at.Reset != "import" || at.TopicID == before.TopicID {
				t.Errorf("got %+v, want the run of %+v on another topic", at, before)
			}
			contains(t, there.plan(t, more), "resumes backfill "+before.RunID, "none of them again")
			there.sync(t, more)
			b.boughtOnce(t)
			want := b.feed.Select(simulator.Filters{})
			if at.Windows > 0 { // which have no company without discovered_at
				want = b.feed.Select(simulator.Filters{DiscoveredBefore: &at.RunStartedAt})
			}
			ledger := b.feed.Ledger()
			if versions := ledger.Versions(); versions != len(want) || versions < 200 {
				t.Errorf("got %d companies, want all %d", versions, len(want))
			}
		})
	}
}

func TestExportIsReadOnlyAndWarnsOfARunAtWork(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	var out, warn bytes.Buffer
	if err := StateExport(t.Context(), b.config(t, nil), &out, &warn); err == nil || out.Len() > 0 || !strings.Contains(err.Error(), "nothing to export") {
		t.Errorf("got %v and %q, want that there is nothing to export", err, out.String())
	}
	b.pause(t, "250", nil)
	before := b.progress(t, b.env)
	b.hold(t)
	if err := StateExport(t.Context(), b.config(t, environment{"JOBO_API_KEY": ""}), &out, &warn); err != nil {
		t.Fatal(err)
	}
	contains(t, warn.String(), "the-other-one", "bought again by the importing side")
	var file stateFile
	if err := json.Unmarshal(out.Bytes(), &file); err != nil || file.Format != "careerstream-state/1" || file.Feed != b.env["FEED_NAME"] || len(file.Records) != 1 || file.ExportedAt.IsZero() {
		t.Fatalf("got %s (%v), want one record", out.String(), err)
	}
	got, err := schemas.DecodeProgress(file.Records[0])
	if err != nil || got.Cursor != before.Cursor || got.Op != before.Op || b.progress(t, b.env).Op != before.Op {
		t.Errorf("got %+v (%v), want %+v, and nothing written", got, err, before)
	}
	// Redis tells who is at work; it is not needed otherwise.
	warn.Reset()
	if err := StateExport(t.Context(), b.config(t, environment{"REDIS_URL": "redis://" + closedAddress(t)}), new(bytes.Buffer), &warn); err != nil {
		t.Errorf("got %v without Redis, want the file all the same", err)
	}
}

func TestImportOfAWrongFileChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	file, before, dump := string(b.export(t)), b.progress(t, b.env), b.stack.Redis.Dump()
	paging := strings.NewReplacer(`"phase": "done"`, `"phase": "paging"`, `"filters":`, `"windows": 2, "filters":`)
	for name, c := range map[string]struct{ file, want string }{
		"no file at all":        {"", "expected the file"},
		"something else":        {`{"hello":"world"}`, `format is ""`},
		"another version":       {strings.Replace(file, "state/1", "state/2", 1), `format is "careerstream-state/2"`},
		"another stream":        {strings.ReplaceAll(file, b.env["FEED_NAME"], "other-feed"), "set FEED_NAME=other-feed"},
		"cut off":               {file[:len(file)/2], "expected the file"},
		"no records":            {`{"format":"careerstream-state/1","feed":"` + b.env["FEED_NAME"] + `"}`, "no record of the stream"},
		"a record that is none": {strings.Replace(file, `"seq"`, `"sequence"`, 1), "record 1"},
		"windows left out":      {paging.Replace(file), "0 of 2 windows"},
	} {
		asked := 0
		err := StateImport(t.Context(), b.config(t, nil), strings.NewReader(c.file), answering(true, &asked), new(bytes.Buffer))
		if exitCode(err) != ExitFailed || asked != 0 || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v after %d questions, want %q in it and no question", name, err, asked, c.want)
		}
	}
	if got := b.progress(t, b.env); got.Op != before.Op || b.stack.Redis.Dump() != dump {
		t.Errorf("got op %s, want the %s of before, and Redis as it was", got.Op, before.Op)
	}
}

func TestImportSaysWhatItMovesBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.pause(t, "250", nil)
	old := b.export(t)
	b.sync(t, nil)
	ledger := b.feed.Ledger()
	var out bytes.Buffer
	asked := 0
	if err := StateImport(t.Context(), b.config(t, nil), bytes.NewReader(old), answering(true, &asked), &out); err != nil {
		t.Fatal(err)
	}
	contains(t, out.String(), "what is here is newer")
	// The rows of the topic are ahead of that: what lies between is bought again, as
	// was agreed to, and not published again.
	r, err := Sync(t.Context(), mustParse(t, b.env, "sync"), zap.NewNop())
	again := b.sold(ledger)
	if err != nil || again == 0 || r.Rows != 0 || r.Unchanged != int64(again) {
		t.Errorf("got %v, %d rows bought again, %d published and %d unchanged; want some bought and all of them unchanged", err, again, r.Rows, r.Unchanged)
	}
}
