package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestSameSeedGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) []byte {
		c := newClock()
		o := unlimited(150)
		o.Seed, o.Clock = seed, c.Now
		o.Change = simulator.Change{EveryPages: 1, Update: 5, Insert: 2}
		s := simulator.New(o)
		var out []byte
		p := ask(t, s, "{}")
		for p.Next != nil {
			out = append(out, p.Body...)
			p = ask(t, s, with("{}", p.Next))
		}
		out = append(out, p.Body...)
		text, _ := s.Profile(decode(t, p.Rows[0]).ID)
		return append(out, text...)
	}
	if a, b := run(7), run(7); !bytes.Equal(a, b) {
		t.Errorf("two runs of one seed differ: %s", cmp.Diff(string(a), string(b)))
	}
	if bytes.Equal(run(7), run(8)) {
		t.Error("two seeds gave the same bytes")
	}
}

func TestRowsKeepTheContract(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(3000))
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	total := 0
	for id, row := range s.Truth() {
		total += len(row.Bytes)
		var members map[string]json.RawMessage
		if err := json.Unmarshal(row.Bytes, &members); err != nil || !utf8.Valid(row.Bytes) {
			t.Fatalf("row %s: %v", id, err)
		}
		for _, name := range []string{
			"id", "name", "website", "logo_url", "summary", "industries", "categories", "linkedin_url",
			"crunchbase_url", "ats", "listing_url", "discovered_at", "updated_at", "details_url",
		} {
			if _, ok := members[name]; !ok {
				t.Errorf("row %s: %s is missing", id, name)
			}
		}
		got := decode(t, row.Bytes)
		if got.ID != id || !uuid.MatchString(id) || strings.HasPrefix(id, simulator.ForeignIDPrefix) {
			t.Errorf("row %s: id is %q", id, got.ID)
		}
		if got.Name == "" || got.ATS == "" || !strings.HasPrefix(got.ListingURL, "https://") {
			t.Errorf("row %s: a member that is always there is empty: %+v", id, got)
		}
		if got.DetailsURL != nil && *got.DetailsURL != "http://feed.test/api/companies/"+id {
			t.Errorf("row %s: details_url is %s", id, *got.DetailsURL)
		}
		if !got.UpdatedAt.Equal(row.UpdatedAt) || row.Version != 1 {
			t.Errorf("row %s: updated_at %s, version %d, want %s, 1", id, got.UpdatedAt, row.Version, row.UpdatedAt)
		}
		var industries []string
		if err := json.Unmarshal(members["industries"], &industries); err != nil {
			t.Errorf("row %s: industries: %v", id, err)
		}
		tags := len(industries)
		slices.Sort(industries)
		if tags < 1 || tags > 3 || len(slices.Compact(industries)) != tags {
			t.Errorf("row %s: industries are %s", id, members["industries"])
		}
	}
	if mean := total / 3000; mean < 700 || mean > 1000 {
		t.Errorf("mean size of a row: got %d bytes, want 700 to 1000", mean)
	}
}

// The spellings that a consumer that re-encodes rows would lose.
var oddities = []string{
	`9007199254740993`, `18446744073709551617`, `1e400`, `0.1000000000000000055511151231257827021181583404541015625`,
	`1.30E+1`, `-0,1.0`, `\u00e9`, `https:\/\/`, `\ud83d\ude80`, `🚀`, "\n\t\"id\":", `"website":null`, `"logo_url":null`,
	`"summary":null`, `"linkedin_url":null`, `"crunchbase_url":null`, `"discovered_at":null`, `"details_url":null`,
	`+00:00"`, `株式会社`, `"categories":[]`, `\"two sprints\"`, `Müller`, `النور`, `{"headcount_estimate":`,
}

func TestRowsAreOddEnoughToProveByteExactness(t *testing.T) {
	t.Parallel()
	all := joined(simulator.New(unlimited(5000)))
	for _, odd := range oddities {
		if !bytes.Contains(all, []byte(odd)) {
			t.Errorf("no row has %q", odd)
		}
	}
	o := unlimited(5000)
	o.Plain = true
	plain := joined(simulator.New(o))
	for _, odd := range []string{`1e400`, `https:\/\/`, `\u00e9`, "\n\t"} {
		if bytes.Contains(plain, []byte(odd)) {
			t.Errorf("a plain row has %q", odd)
		}
	}
}

func joined(s *simulator.Simulator) []byte {
	var all []byte
	for _, row := range s.Select(simulator.Filters{}) {
		all = append(all, row.Bytes...)
	}
	return all
}

func TestServedRowsAreTheTruthByteForByte(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(500))
	truth := s.Truth()
	for _, raw := range scan(t, s, `{}`) {
		if id := decode(t, raw).ID; !bytes.Equal(raw, truth[id].Bytes) {
			t.Errorf("row %s: got %s, want %s", id, raw, truth[id].Bytes)
		}
	}
}

func TestUpdateMakesANewVersionAndKeepsWhatWasSold(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := unlimited(100)
	o.Clock = c.Now
	s := simulator.New(o)
	rows := s.Select(simulator.Filters{})
	id := rows[3].ID
	scan(t, s, `{}`)
	for range 3 {
		if err := s.Update(id); err != nil {
			t.Fatal(err)
		}
	}
	now, _ := s.Row(id)
	if now.Version != 4 || bytes.Equal(now.Bytes, rows[3].Bytes) {
		t.Errorf("newest: got version %d", now.Version)
	}
	before, after := decode(t, rows[3].Bytes), decode(t, now.Bytes)
	if before.Name != after.Name || !cmp.Equal(before.DiscoveredAt, after.DiscoveredAt) {
		t.Errorf("stable members moved: %+v, %+v", before, after)
	}
	// The clock stood still: the three changes are a microsecond apart.
	if want := c.Now().Add(2 * time.Microsecond); !now.UpdatedAt.Equal(want) {
		t.Errorf("updated_at: got %s, want %s", now.UpdatedAt, want)
	}
	sold := s.Served(id)
	if len(sold) != 1 || sold[0].Version != 1 || !bytes.Equal(sold[0].Bytes, rows[3].Bytes) {
		t.Errorf("sold versions: got %+v, want the first alone", sold)
	}
	scan(t, s, fmt.Sprintf(`{"updated_after":%q}`, rows[99].UpdatedAt.Format("2006-01-02T15:04:05.999999999Z07:00")))
	if sold = s.Served(id); len(sold) != 2 || sold[1].Version != 4 {
		t.Errorf("sold versions: got %d, want 1 and 4", len(sold))
	}
	if err := s.Update(id, "nobody"); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("update of an unknown id: got error %v", err)
	}
	if s.Served("nobody") != nil {
		t.Error("a row that does not exist was sold")
	}
}

func TestUpdatedAtNeverGoesBack(t *testing.T) {
	t.Parallel()
	c := newClock()
	o := unlimited(50)
	o.Clock = c.Now
	s := simulator.New(o)
	last := c.Now().Add(-1)
	for _, step := range []time.Duration{0, 5 * time.Second, -time.Hour, 0, 2 * time.Hour} {
		c.advance(step)
		row, _ := s.Row(s.Insert(1)[0])
		if !row.UpdatedAt.After(last) {
			t.Errorf("after a step of %s: got %s, not after %s", step, row.UpdatedAt, last)
		}
		last = row.UpdatedAt
	}
}

func TestRandomUpdatesHitDifferentRows(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(40))
	for _, n := range []int{0, 3, 39, 40, 99} {
		ids := s.UpdateRandom(n)
		want := min(n, 40)
		slices.Sort(ids)
		if got := len(slices.Compact(ids)); got != want {
			t.Errorf("update of %d: got %d different rows, want %d", n, got, want)
		}
	}
}
