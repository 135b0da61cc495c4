package schemas_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/schemas"
)

var update = flag.Bool("update", false, "write the goldens in testdata instead of comparing with them")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// halfway is a progress in the middle of an incremental run: no member is zero.
func halfway() schemas.Progress {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000_000, time.UTC)
	return schemas.Progress{
		V: schemas.ProgressVersion, Feed: "career-sites", Fence: 7, Seq: 42, Op: "01J00000000000000000000042",
		RunID: "01J00000000000000000000001", Mode: schemas.Incremental, RunStartedAt: at, Phase: schemas.Paging,
		UpdatedAfter: at.Add(-time.Hour), Filters: json.RawMessage(`{"industries":["biotech","fintech"]}`), Fingerprint: "0123456789abcdef",
		Cursor: "Y3Vyc29y", CursorIssuedAt: at.Add(time.Minute), BatchSize: 50, Watermark: at.Add(-45 * time.Minute),
		Pages: 3, Rows: 148, DeadLetters: 2, Credits: 7500, Restarts: 1, UnknownTries: 4, CommittedAt: at.Add(61 * time.Second),
	}
}

// finished is the first run of a stream, through and with nothing to tell.
func finished() schemas.Progress {
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	return schemas.Progress{
		V: schemas.ProgressVersion, Feed: "career-sites", Fence: 1, Seq: 1, Op: "01J00000000000000000000043",
		RunID: "01J00000000000000000000002", Mode: schemas.Backfill, RunStartedAt: at, Phase: schemas.Done,
		Filters: json.RawMessage(`{}`), Fingerprint: "44136fa355b3678a", BatchSize: 50, Watermark: at, Pages: 1, CommittedAt: at,
	}
}

// The goldens are what records on real topics look like: a change that alters
// them, or that can't read them any more, needs a new version of the format.
func TestProgressKeepsItsBytes(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]schemas.Progress{"halfway": halfway(), "finished": finished()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := "testdata/progress-v1-" + name + ".json"
			encoded, err := p.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, append(encoded, '\n'), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(bytes.TrimSpace(golden)), string(encoded)); diff != "" {
				t.Errorf("encoded progress (-golden +got):\n%s", diff)
			}
			decoded, err := schemas.DecodeProgress(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(p, decoded); diff != "" {
				t.Errorf("decoded golden (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMembersOfALaterMinorFormatAreSkipped(t *testing.T) {
	t.Parallel()
	encoded, err := halfway().Encode()
	if err != nil {
		t.Fatal(err)
	}
	later := append([]byte(`{"later":{"from":"2026-01-01"},`), encoded[1:]...)
	got, err := schemas.DecodeProgress(later)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(halfway(), got); diff != "" {
		t.Errorf("progress with an unknown member (-want +got):\n%s", diff)
	}
}

func TestFiltersThatAreNotJSONAreNotEncoded(t *testing.T) {
	t.Parallel()
	p := halfway()
	p.Filters = json.RawMessage(`{`)
	if b, err := p.Encode(); err == nil || !strings.Contains(err.Error(), `feed "career-sites"`) {
		t.Errorf("got %q, %v, want an error that names the feed", b, err)
	}
}

func TestDecodeProgressRefuses(t *testing.T) {
	t.Parallel()
	without := func(member string) string {
		var members map[string]json.RawMessage
		encoded, err := halfway().Encode()
		if err == nil {
			err = json.Unmarshal(encoded, &members)
		}
		if _, there := members[member]; err != nil || !there {
			t.Fatalf("no member %q to leave out (%v)", member, err)
		}
		delete(members, member)
		b, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	whole := without("cursor") // a cursor may be missing: this one is good
	if _, err := schemas.DecodeProgress([]byte(whole)); err != nil {
		t.Fatalf("a progress without a cursor: %v", err)
	}
	cases := map[string]struct{ value, want string }{
		"nothing":            {"", "decode progress"},
		"null":               {"null", "not a progress record"},
		"an empty object":    {"{}", "not a progress record"},
		"a list":             {"[]", "decode progress"},
		"half a record":      {whole[:len(whole)/2], "decode progress"},
		"two records":        {whole + whole, "decode progress"},
		"a career site":      {`{"id":"7f1c","name":"Acme","updated_at":"2026-01-01T00:00:00Z"}`, "not a progress record"},
		"no version":         {without("v"), "not a progress record"},
		"no feed":            {without("feed"), "not a progress record"},
		"no sequence number": {without("seq"), "not a progress record"},
		"no operation":       {without("op"), "not a progress record"},
		"no run":             {without("run_id"), "not a progress record"},
		"a negative version": {strings.Replace(whole, `"v":1`, `"v":-1`, 1), "not a progress record"},
		"a newer version":    {strings.Replace(whole, `"v":1`, `"v":2`, 1), "format version 2, this program reads up to 1: use a newer one"},
		"a negative fence":   {strings.Replace(whole, `"fence":7`, `"fence":-7`, 1), "decode progress"},
		"a time in words":    {strings.Replace(whole, `"committed_at":"2026-03-04T05:07:08.089Z"`, `"committed_at":"yesterday"`, 1), "decode progress"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.value == whole {
				t.Fatal("the case changes nothing")
			}
			got, err := schemas.DecodeProgress([]byte(c.value))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
			if diff := cmp.Diff(schemas.Progress{}, got); diff != "" {
				t.Errorf("beside the error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNewerOrdersByFenceThenSequence(t *testing.T) {
	t.Parallel()
	type point struct{ fence, seq uint64 }
	// Ascending: a later take-over is newer however far an older one came.
	chain := []point{{0, 0}, {0, 1}, {1, 2}, {1, 900}, {2, 3}, {2, 4}, {1 << 40, 1}}
	for i, a := range chain {
		for j, b := range chain {
			p, q := schemas.Progress{Fence: a.fence, Seq: a.seq}, schemas.Progress{Fence: b.fence, Seq: b.seq}
			if got, want := p.Newer(q), i > j; got != want {
				t.Errorf("%v.Newer(%v): got %t, want %t", a, b, got, want)
			}
		}
	}
}

// What one consumer reads and writes again, another reads as the same.
func FuzzDecodeProgress(f *testing.F) {
	for _, p := range []schemas.Progress{halfway(), finished()} {
		encoded, err := p.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(encoded)
	}
	f.Add([]byte(`{"v":1,"feed":"a","seq":1,"op":"b","run_id":"c","filters":{ "x" : "<\u2028>" },"watermark":"2026-01-01T00:00:00+23:59"}`))
	f.Add([]byte(`{"v":2}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := schemas.DecodeProgress(value)
		if err != nil {
			return
		}
		first, err := p.Encode()
		if err != nil {
			t.Fatalf("encode what was decoded from %q: %v", value, err)
		}
		again, err := schemas.DecodeProgress(first)
		if err != nil {
			t.Fatalf("decode %q: %v", first, err)
		}
		second, err := again.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(first, second) {
			t.Errorf("got %q after a round trip, want %q", second, first)
		}
		if p.Newer(again) || again.Newer(p) {
			t.Errorf("a round trip moved the progress from %d/%d to %d/%d", p.Fence, p.Seq, again.Fence, again.Seq)
		}
	})
}

func TestADayThatIsOverCountsNoMoreAndAMonthLikewise(t *testing.T) {
	t.Parallel()
	at := schemas.Spent{Date: "2026-03-30", Day: 5, Month: 50}
	for now, want := range map[string]schemas.Spent{
		"2026-03-30": at,
		"2026-03-31": {Date: "2026-03-31", Month: 50},
		"2026-04-01": {Date: "2026-04-01"},
		"2027-03-30": {Date: "2027-03-30"},
	} {
		day, err := time.Parse(time.DateOnly, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := at.On(day.Add(23 * time.Hour)); got != want {
			t.Errorf("on %s: got %+v, want %+v", now, got, want)
		}
	}
	if got := (schemas.Spent{}).On(time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)); got != (schemas.Spent{Date: "2026-03-04"}) {
		t.Errorf("nothing spent: got %+v", got)
	}
}
