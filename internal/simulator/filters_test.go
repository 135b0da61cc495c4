package simulator_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// facts are what filters look at, read from the public profile: the filters are
// checked against what the API says about a company, not against its own code.
type facts struct {
	Industries   []string `json:"industries"`
	CompanySize  string   `json:"company_size"`
	CountryCode  string   `json:"country_code"`
	FundingStage string   `json:"funding_stage"`
	CompanyType  string   `json:"company_type"`
	FoundingYear string   `json:"founding_year"`
	IsAgency     bool     `json:"is_agency"`
	site
}

func (f facts) founded() int {
	year, _ := strconv.Atoi(f.FoundingYear) // 0: not known
	return year
}

func allFacts(t *testing.T, s *simulator.Simulator) map[string]facts {
	t.Helper()
	out := make(map[string]facts)
	for id, row := range s.Truth() {
		var f facts
		text, _ := s.Profile(id)
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatal(err)
		}
		f.site = decode(t, row.Bytes)
		out[id] = f
	}
	return out
}

func TestFiltersSelectWhatTheContractSays(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(700))
	all := allFacts(t, s)
	for body, match := range map[string]func(facts) bool{
		`{"industries":["fintech"]}`: func(f facts) bool { return slices.Contains(f.Industries, "fintech") },
		`{"industries":["fintech","biotech","none such"]}`: func(f facts) bool {
			return slices.Contains(f.Industries, "fintech") || slices.Contains(f.Industries, "biotech")
		},
		`{"company_sizes":["1-10","51-200"]}`: func(f facts) bool { return f.CompanySize == "1-10" || f.CompanySize == "51-200" },
		`{"country_codes":["DE","JP"]}`:       func(f facts) bool { return f.CountryCode == "DE" || f.CountryCode == "JP" },
		`{"funding_stages":["seed"]}`:         func(f facts) bool { return f.FundingStage == "seed" },
		`{"company_types":["non_profit"]}`:    func(f facts) bool { return f.CompanyType == "non_profit" },
		`{"founded_after":2010}`:              func(f facts) bool { return f.founded() >= 2010 },
		`{"is_agency":true}`:                  func(f facts) bool { return f.IsAgency },
		`{"is_agency":false}`:                 func(f facts) bool { return !f.IsAgency },
		`{"industries":["fintech","gaming"],"country_codes":["US"],"is_agency":false}`: func(f facts) bool {
			return (slices.Contains(f.Industries, "fintech") || slices.Contains(f.Industries, "gaming")) && f.CountryCode == "US" && !f.IsAgency
		},
	} {
		t.Run(body, func(t *testing.T) {
			t.Parallel()
			want := make(map[string]bool)
			for id, f := range all {
				if match(f) {
					want[id] = true
				}
			}
			if len(want) == 0 || len(want) == len(all) {
				t.Fatalf("the filter separates nothing: %d of %d", len(want), len(all))
			}
			compareIDs(t, scan(t, s, body), want)
		})
	}
}

func TestFilterOnWhatNobodyHasFindsNothing(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(200))
	for _, body := range []string{
		`{"country_codes":["XX"]}`, `{"funding_stages":[""]}`, `{"company_types":["Non_Profit"]}`, `{"founded_after":2100}`,
	} {
		if rows := scan(t, s, body); len(rows) != 0 {
			t.Errorf("%s: got %d rows, want none", body, len(rows))
		}
	}
}

func TestWindowBoundsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(400))
	rows := s.Select(simulator.Filters{})
	at := rows[200].UpdatedAt
	found := decode(t, rows[100].Bytes).DiscoveredAt
	for i := 101; found == nil; i++ {
		found = decode(t, rows[i].Bytes).DiscoveredAt
	}
	known := func(s site, test func(time.Time) bool) bool { return s.DiscoveredAt != nil && test(*s.DiscoveredAt) }
	elsewhere := at.In(time.FixedZone("", 5*3600+1800))
	for name, tc := range map[string]struct {
		body  string
		match func(site) bool
	}{
		"updated_after is exclusive": {
			fmt.Sprintf(`{"updated_after":%q}`, at.Format(time.RFC3339Nano)),
			func(s site) bool { return s.UpdatedAt.After(at) },
		},
		"updated_after in another zone": {
			fmt.Sprintf(`{"updated_after":%q}`, elsewhere.Format(time.RFC3339Nano)),
			func(s site) bool { return s.UpdatedAt.After(at) },
		},
		"updated_after a microsecond before": {
			fmt.Sprintf(`{"updated_after":%q}`, at.Add(-time.Microsecond).Format(time.RFC3339Nano)),
			func(s site) bool { return !s.UpdatedAt.Before(at) },
		},
		"discovered_after is inclusive": {
			fmt.Sprintf(`{"discovered_after":%q}`, found.Format(time.RFC3339Nano)),
			func(s site) bool { return known(s, func(d time.Time) bool { return !d.Before(*found) }) },
		},
		"discovered_before is exclusive": {
			fmt.Sprintf(`{"discovered_before":%q}`, found.Format(time.RFC3339Nano)),
			func(s site) bool { return known(s, func(d time.Time) bool { return d.Before(*found) }) },
		},
		"a second of discovery": {
			fmt.Sprintf(`{"discovered_after":%q,"discovered_before":%q}`, found.Format(time.RFC3339Nano), found.Add(time.Second).Format(time.RFC3339Nano)),
			func(s site) bool { return known(s, func(d time.Time) bool { return d.Equal(*found) }) },
		},
		"the year 1 is before everything": {
			`{"updated_after":"0001-01-01T00:00:00Z"}`,
			func(site) bool { return true },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := make(map[string]bool)
			for _, row := range rows {
				if s := decode(t, row.Bytes); tc.match(s) {
					want[s.ID] = true
				}
			}
			if len(want) == 0 {
				t.Fatal("no row to find")
			}
			compareIDs(t, scan(t, s, tc.body), want)
		})
	}
}

func compareIDs(t *testing.T, rows []json.RawMessage, want map[string]bool) {
	t.Helper()
	got := make(map[string]bool, len(rows))
	for _, raw := range rows {
		id := decode(t, raw).ID
		if got[id] {
			t.Errorf("row %s came twice", id)
		}
		if !want[id] {
			t.Errorf("row %s does not pass the filter", id)
		}
		got[id] = true
	}
	if len(got) != len(want) {
		t.Errorf("rows: got %d, want %d", len(got), len(want))
	}
}
