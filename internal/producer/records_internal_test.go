package producer

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

var update = flag.Bool("update", false, "write the golden files anew")

// dump is a record as a consumer gets it, one thing a line.
func dump(records []*kgo.Record) []byte {
	var b bytes.Buffer
	for i, r := range records {
		fmt.Fprintf(&b, "record %d\n  topic %s\n  key   %q\n  value %q\n", i, r.Topic, r.Key, r.Value)
		for _, h := range r.Headers {
			fmt.Fprintf(&b, "  %s: %s\n", h.Key, h.Value)
		}
	}
	return b.Bytes()
}

// goldenRows has a row of each sort.
func goldenRows() []feed.Row {
	return []feed.Row{
		{ID: "5b8f", UpdatedAt: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), Raw: []byte(`{ "id":"5b8f", "name":"A \u00e9" ,"new_member":1e400}`)},
		{ID: "c0ffee", UpdatedAt: time.Date(2026, 2, 3, 4, 5, 6, 123456789, time.UTC), Raw: []byte(`{"id":"c0ffee"}`)},
		{ID: "no time", Raw: []byte(`{"id":"no time","updated_at":"yesterday"}`)},
		{Raw: []byte(`null`), Reason: schemas.ReasonNotAnObject, Message: "the row is null, not an object"},
		{Raw: []byte(`{"id":7}`), Reason: schemas.ReasonBadID, Message: "id is a number, not a string"},
		{ID: "big", Raw: []byte(`{"id":"big","summary":"0123456789012345678901234567890123456789"}`)},
		{Raw: []byte(`{"id":"","summary":"0123456789012345678901234567890123456789012345678901234567890"}`), Reason: schemas.ReasonBadID, Message: "id is empty"},
	}
}

func TestRecordsAreWhatTheContractSays(t *testing.T) {
	t.Parallel()
	topics := Topics{Sites: "sites", DeadLetters: "dead", MaxRow: 60, MaxDeadLetter: 70, Source: "https://feed.example/api/career-sites/feed"}
	p := schemas.Progress{Feed: "career-sites", RunID: "01RUN", Op: "01OP", Pages: 12}
	got := dump(topics.records(topics.vet(goldenRows()), p))
	golden := filepath.Join("testdata", "records.golden")
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("records differ from %s (-update writes it):\n%s", golden, got)
	}
}

func TestARowsBytesAreItsRecordsValue(t *testing.T) {
	t.Parallel()
	raw := []byte(`{"id":"x","n":9007199254740993,"s":"\ud83d\ude00"}`)
	records := Topics{MaxRow: 100}.records([]feed.Row{{ID: "x", Raw: raw}}, schemas.Progress{})
	if !bytes.Equal(records[0].Value, raw) || string(records[0].Key) != "x" {
		t.Errorf("got %s: %s, want the row's own bytes", records[0].Key, records[0].Value)
	}
}

func TestEachAttemptHasRecordsOfItsOwn(t *testing.T) {
	t.Parallel()
	topics, rows := Topics{MaxRow: 100}, []feed.Row{{ID: "x", Raw: []byte("{}")}}
	first, second := topics.records(rows, schemas.Progress{}), topics.records(rows, schemas.Progress{})
	if first[0] == second[0] {
		t.Error("two attempts share a record, which sending changes")
	}
}

func TestARowThatJustFitsIsNoDeadLetter(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]schemas.DeadLetterReason{99: "", 100: "", 101: schemas.ReasonTooLarge} {
		rows := Topics{MaxRow: 100}.vet([]feed.Row{{ID: "x", Raw: make([]byte, size)}})
		if rows[0].Reason != want {
			t.Errorf("%d bytes where 100 fit: got reason %q, want %q", size, rows[0].Reason, want)
		}
	}
}

func TestTheFirstReasonStays(t *testing.T) {
	t.Parallel()
	rows := Topics{MaxRow: 1}.vet([]feed.Row{{Raw: []byte("null"), Reason: schemas.ReasonNotAnObject}})
	if rows[0].Reason != schemas.ReasonNotAnObject {
		t.Errorf("got %q, want %q", rows[0].Reason, schemas.ReasonNotAnObject)
	}
}
