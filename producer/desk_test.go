//go:build unix

package main_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// desk is a stream that the program refuses to go on with, and the user who reads
// what it says.
type desk struct {
	*bed
	dir      string            // where the user is
	settings []string          // what the user has set
	since    time.Time         // the watermark before it went wrong
	filters  simulator.Filters // what the settings select
	sites    string            // the topic that they name
	lacking  bool              // that topic lacks what was published before
}

// at starts a command of the user.
func (d *desk) at(command string) *process {
	d.t.Helper()
	return shell(d.t, d.dir, d.settings, command)
}

// way is a command that a refusal offers, and what it has to cost.
type way string

const (
	changed   way = "what changed since the watermark"
	all       way = "every row that the settings select"
	asBefore  way = "what changed, into the topic from before"
	elsewhere way = "every row that the settings select, as another stream"
)

var command = regexp.MustCompile(`(?m)^ +((?:[A-Z_]+=\S+ )*producer .*)$`)

// offers returns the commands in a message, in their order.
func offers(message string) []string {
	var out []string
	for _, m := range command.FindAllStringSubmatch(message, -1) {
		out = append(out, m[1])
	}
	return out
}

// instant is what differs in a command from one stream to the next.
var instant = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`)

// kind is the part of a command that is the same for each stream.
func (d *desk) kind(command string) string {
	return strings.ReplaceAll(instant.ReplaceAllString(command, "TIME"), d.name, "NAME")
}

func TestEveryRefusalOffersWaysThatWork(t *testing.T) {
	t.Parallel()
	for name, s := range situations() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := s.desk(t)
			printed := d.refused(s.words...)
			var kinds []string
			for _, c := range printed {
				kinds = append(kinds, d.kind(c))
			}
			if want := slices.Sorted(maps.Keys(s.ways)); !slices.Equal(slices.Sorted(slices.Values(kinds)), want) {
				t.Errorf("the ways are %q, want %q", kinds, want)
			}
			for i, kind := range kinds {
				t.Run(kind, func(t *testing.T) {
					t.Parallel()
					mine, commands := d, printed
					if i > 0 {
						mine = s.desk(t)
						commands = mine.refused(s.words...)
					}
					mine.t = t
					mine.take(commands[i], s.ways[kind])
				})
			}
		})
	}
}

// refused checks that the stream is refused for nothing spent, and returns the
// commands that the user is offered.
func (d *desk) refused(words ...string) []string {
	d.t.Helper()
	before := d.feed.Ledger()
	p := d.at("producer sync")
	p.says(4, append(words, d.name, "nothing was bought", "ways to go on")...)
	if after := d.feed.Ledger(); len(after.Status) != len(before.Status) || after.Pages != before.Pages {
		d.t.Errorf("the feed was asked: answers by status %v, before %v", after.Status, before.Status)
	}
	return offers(p.message())
}

// take does what the user is told, and then checks what it cost and brought.
func (d *desk) take(command string, w way) {
	d.t.Helper()
	if w == elsewhere && d.mini == nil {
		d.t.Skip("the stream has one name for all tests, which share these servers")
	}
	selected, topic := d.filters, d.sites
	if w != all && w != elsewhere {
		selected.UpdatedAfter = &d.since
	}
	if w == asBefore {
		topic = d.bed.sites()
	}
	bought := d.feed.Ledger().Rows
	took := d.at(command)
	took.expect(0)
	d.t.Logf("%s\n%s", command, took.stderr.String())
	again := command // it names another stream or topic for good
	if !strings.HasSuffix(command, "producer sync") {
		again = "producer sync"
		if cost := d.feed.Ledger().Rows - bought; cost != 0 {
			d.t.Errorf("%s bought %d rows by itself", command, cost)
		}
		d.at(again).expect(0)
	}
	if got, want := d.feed.Ledger().Rows-bought, len(d.feed.Select(selected)); got != want {
		d.t.Errorf("%d rows were bought, want %d: %s", got, want, w)
	}
	if !d.lacking || w == asBefore {
		selected = d.filters // the rows from before are there too
	}
	records := d.holds(topic, selected)
	// The feed tells its time in whole seconds, so that one more sync may buy what
	// changed in the second before the last one. It has nothing to publish.
	d.at(again).expect(0)
	if got := d.holds(topic, selected); got != records {
		d.t.Errorf("one more sync published %d records, want none: nothing has changed", got-records)
	}
}

// holds checks that a topic has the newest version of every row that is selected,
// and returns how many records it has.
func (d *desk) holds(topic string, selected simulator.Filters) int {
	d.t.Helper()
	newest := make(map[string][]byte)
	records := d.records(topic)
	for _, r := range records {
		newest[string(r.Key)] = r.Value
	}
	for _, row := range d.feed.Select(selected) {
		if !bytes.Equal(newest[row.ID], row.Bytes) {
			d.t.Errorf("company %s: topic %s does not have version %d", row.ID, topic, row.Version)
		}
	}
	return len(records)
}

func TestOldFiltersAreStillGood(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"other filters after a run": 10, "other filters within the first run": 70} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := situations()[name].desk(t)
			d.refused("set the FILTER_ settings back")
			d.filters = simulator.Filters{}
			bought := d.feed.Ledger().Rows
			shell(t, d.dir, d.bed.settings("LEASE_TTL=15s"), "producer sync").expect(0)
			if got := d.feed.Ledger().Rows - bought; got != want {
				t.Errorf("%d rows were bought, want the %d that were left", got, want)
			}
			d.holds(d.sites, d.filters)
		})
	}
}

func TestExportedStateGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	old := newBed(t, simulator.Options{Rows: 900, Seed: 41})
	if old.mini == nil {
		t.Skip("there is only one real cluster")
	}
	dir := t.TempDir()
	from := old.settings("BACKFILL_WINDOWS=4", "PREFETCH=1", "BATCH_SIZE=20")
	shell(t, dir, append(from, "CREDITS_MAX_PER_RUN=20000"), "producer sync").says(3, "CREDITS_MAX_PER_RUN")
	shell(t, dir, from, "producer state export > state.json").expect(0)
	if state, err := os.ReadFile(filepath.Join(dir, "state.json")); err != nil || !bytes.Contains(state, []byte(`"window": 4`)) {
		t.Fatalf("the exported state lacks the windows (%v): %.2000s", err, state)
	}
	other := newBed(t, simulator.Options{Rows: -1})
	to := append(slices.Clone(from), "KAFKA_BROKERS="+other.brokers, "REDIS_URL="+other.url)
	shell(t, dir, to, "producer state import --yes < state.json").expect(0)
	shell(t, dir, to, "producer sync").expect(0)
	if l := old.feed.Ledger(); l.Duplicates != 0 || l.PagesAgain != 0 {
		t.Errorf("%d rows and %d pages were bought twice, want none", l.Duplicates, l.PagesAgain)
	}
	other.name = old.name
	moved := make(map[string]bool)
	for _, r := range other.records(old.sites()) {
		moved[string(r.Key)] = true
	}
	last := other.newest()
	if last.Rows != int64(old.feed.Ledger().Rows) || int(last.Rows) != len(moved)+400 {
		t.Errorf("the run ends with %d rows of which %d are here, want %d and all but 400", last.Rows, len(moved), old.feed.Ledger().Rows)
	}
}
