//go:build unix

package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestRecordsAreTheRowsByteForByte(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 1000, Seed: 15})
	b.sync().expect(0)
	b.complete().atMost(0)

	// The comparison means something only if the feed has what a program that
	// decodes and encodes rows would change.
	records := b.records(b.sites())
	for _, peculiarity := range []string{
		`"headcount_estimate":`, `9007199254740993`, `18446744073709551617`, `1e400`, `1.30E+1`, // beyond float64
		`\u00e9`, `\ud83d\ude80`, `\/`, "\n\t\"", "α", `+00:00"`,
	} {
		found := 0
		for _, r := range records {
			if bytes.Contains(r.Value, []byte(peculiarity)) {
				found++
			}
		}
		if found == 0 {
			t.Errorf("no row has %q: the test shows less than it should", peculiarity)
		}
	}
}

func TestRecordsCarryTheDocumentedHeaders(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 120, Seed: 16})
	b.sync().expect(0)
	run := b.newest().RunID
	pages := make(map[string]int)
	for _, r := range b.records(b.sites()) {
		id := string(r.Key)
		row, ok := b.feed.Row(id)
		if !ok {
			t.Fatalf("record with key %q, which is no company", id)
		}
		updated := row.UpdatedAt.Format(time.RFC3339Nano)
		want := map[string]string{
			schemas.HeaderSpecVersion: schemas.SpecVersion, schemas.HeaderType: schemas.TypeCareerSite,
			schemas.HeaderSource:  b.feed.URL() + "/api/career-sites/feed#" + b.name,
			schemas.HeaderSubject: id, schemas.HeaderID: id + "@" + updated, schemas.HeaderTime: updated,
			schemas.HeaderContentType: schemas.ContentTypeJSON,
			schemas.HeaderFeed:        b.name, schemas.HeaderRunID: run, schemas.HeaderPage: header(r, schemas.HeaderPage),
		}
		if diff := cmp.Diff(want, headers(t, r)); diff != "" {
			t.Fatalf("headers of company %s (-want +got):\n%s", id, diff)
		}
		pages[header(r, schemas.HeaderPage)]++
	}
	if diff := cmp.Diff(map[string]int{"1": 50, "2": 50, "3": 20}, pages); diff != "" {
		t.Errorf("records by page (-want +got):\n%s", diff)
	}
}

// headers returns the headers of a record, each of which must be there once.
func headers(t *testing.T, r *kgo.Record) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, h := range r.Headers {
		if _, twice := out[h.Key]; twice {
			t.Errorf("company %s has two headers %s", r.Key, h.Key)
		}
		out[h.Key] = string(h.Value)
	}
	return out
}

func TestRowThatCannotBeARecordIsADeadLetter(t *testing.T) {
	t.Parallel()
	for reason, fault := range map[schemas.DeadLetterReason]simulator.Fault{
		schemas.ReasonBadID:       {Kind: simulator.KindRowWithoutID},
		schemas.ReasonNotAnObject: {Kind: simulator.KindNullRow},
		schemas.ReasonTooLarge:    {Kind: simulator.KindOversizedRow},
	} {
		t.Run(string(reason), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, simulator.Options{Rows: 120, Seed: 17})
			fault.When.Page = 2
			if err := b.feed.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			b.sync().expect(0)
			b.complete().atMost(0) // the page's other rows are in the topic
			letters := b.records(b.letters())
			if len(letters) != 1 {
				t.Fatalf("%d dead letters, want 1", len(letters))
			}
			letter := letters[0]
			size, digest := header(letter, schemas.HeaderSize), sha256.Sum256(letter.Value)
			switch {
			case header(letter, schemas.HeaderReason) != string(reason), header(letter, schemas.HeaderPage) != "2", header(letter, schemas.HeaderMessage) == "":
				t.Errorf("headers of the dead letter: %v; want reason %s and a message, of page 2", headers(t, letter), reason)
			case reason == schemas.ReasonTooLarge && (letter.Value != nil || len(size) < 7):
				t.Errorf("the dead letter has %d bytes for a row of %s, want none for one of megabytes", len(letter.Value), size)
			case reason != schemas.ReasonTooLarge && (size != strconv.Itoa(len(letter.Value)) || header(letter, schemas.HeaderSHA256) != hex.EncodeToString(digest[:])):
				t.Errorf("headers of the dead letter: %v; its value %q has %d bytes and digest %x", headers(t, letter), letter.Value, len(letter.Value), digest)
			}
		})
	}
}

func TestKcatCountsTheSameRecords(t *testing.T) {
	t.Parallel()
	kcat, err := exec.LookPath("kcat")
	if err != nil {
		t.Skip("kcat is not installed")
	}
	b := newBed(t, simulator.Options{Rows: 500, Seed: 18, Latency: 10 * time.Millisecond})
	// A killed instance leaves a page behind that was not committed, if it was
	// caught at the right moment.
	p := b.sync("BATCH_SIZE=25")
	until(t, "an answer", func() bool { return b.served.Load() >= 5 }, p)
	linger(seed(t), 20*time.Millisecond)
	p.kill()
	b.sync("BATCH_SIZE=25").expect(0)
	for _, topic := range []string{b.sites(), b.progress()} {
		out, err := exec.CommandContext(t.Context(), kcat, "-b", b.brokers, "-C", "-t", topic, "-e", "-q",
			"-X", "isolation.level=read_committed", "-f", `%k\n`).CombinedOutput()
		if err != nil {
			t.Fatalf("kcat: %v\n%s", err, out)
		}
		if got, want := strings.Count(string(out), "\n"), len(b.records(topic)); got != want {
			t.Errorf("kcat reads %d records of %s, want %d:\n%.2000s", got, topic, want, out)
		}
	}
	b.complete().atMost(1)
}
