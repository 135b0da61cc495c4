package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// badKinds is all that chaos does to companies, if enough of them are chosen.
var badKinds = []string{
	"status 404 for a profile", "status 410 for a profile", "status 500 for a profile", "body cut for a profile",
	"no answer for a profile", "slow answer for a profile", "status 429 for a profile",
}

// spoilt returns what chaos plans for the companies of a feed of so many rows.
func spoilt(t *testing.T, seed uint64, rows int, choice string) (c *chaos, faults []simulator.Fault, announced string) {
	t.Helper()
	feed, err := simulator.Start(t.Context(), "127.0.0.1:0", simulator.Options{Rows: rows, Plain: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = feed.Close() })
	s, err := selection.Parse(choice)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c = newChaos(seed, &out)
	if err := c.spoil(feed, s); err != nil {
		t.Fatal(err)
	}
	for _, armed := range feed.Faults() {
		faults = append(faults, armed.Fault)
	}
	return c, faults, out.String()
}

func TestEachKindHasACompanyOfItsOwn(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		c, faults, out := spoilt(t, seed, 100, "true")
		var kinds []string
		ids := make(map[string]bool)
		for _, f := range faults {
			kinds = append(kinds, profileName(f.Kind, f.Status))
			ids[f.When.ID] = true
			if f.When.Route != simulator.RouteCompanies || !strings.Contains(out, "company "+f.When.ID+" meets: ") {
				t.Errorf("seed %d: got %+v announced as %q, want a fault of that company", seed, f, out)
			}
			reason, gone := c.lost(f.When.ID)
			want := map[int]schemas.DeadLetterReason{404: schemas.ReasonNotFound, 410: schemas.ReasonGone}[f.Status]
			if reason != want || gone != (want != "") || gone != (f.Count < 0) {
				t.Errorf("seed %d: got the reason %q for %+v, want %q", seed, reason, f, want)
			}
		}
		if !slices.Equal(kinds, badKinds) || len(ids) != len(badKinds) {
			t.Errorf("seed %d: got %q for %d companies, want each once", seed, kinds, len(ids))
		}
	}
}

func TestOnlyChosenCompaniesAreBad(t *testing.T) {
	t.Parallel()
	if _, faults, out := spoilt(t, 1, 100, ""); len(faults) != 0 || out != "" {
		t.Errorf("got %+v and %q where nobody is chosen, want nothing", faults, out)
	}
	if c, faults, _ := spoilt(t, 1, 2, "true"); len(faults) != 2 || len(c.gone) != 2 {
		t.Errorf("got %+v for two companies, want both to be gone", faults)
	}
	none := (*chaos)(nil)
	if _, gone := none.lost("somebody"); gone || none.spoil(nil, nil) != nil {
		t.Error("without chaos a company is gone")
	}
}

func TestTheSeedDecidesTheBadCompanies(t *testing.T) {
	t.Parallel()
	text := func(seed uint64) string {
		_, _, out := spoilt(t, seed, 100, "true")
		return out
	}
	if a, b := text(5), text(5); a != b {
		t.Errorf("got %s and %s from the same seed", a, b)
	}
	if text(5) == text(6) {
		t.Error("got the same bad companies from another seed")
	}
}
