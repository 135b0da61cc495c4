package app

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestSyncBackfillsAndThenBuysWhatChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 130})
	topic := w.env["CAREER_SITES_TOPIC"]

	result := w.sync(t, nil)
	if result.Progress.Mode != schemas.Backfill || result.Pages != 3 || result.Rows != 130 || result.Credits != 6500 {
		t.Errorf("got %s of %d pages, %d rows, %d credits, want backfill of 3, 130, 6500", result.Progress.Mode, result.Pages, result.Rows, result.Credits)
	}
	w.holds(t, topic, w.feed.Select(simulator.Filters{}), 130)

	w.feed.UpdateRandom(7)
	w.feed.Insert(4)
	result = w.sync(t, nil)
	if result.Progress.Mode != schemas.Incremental || result.Rows != 11 || result.Stopped {
		t.Errorf("got %s of %d rows, stopped %t, want incremental of 11, not stopped", result.Progress.Mode, result.Rows, result.Stopped)
	}
	w.holds(t, topic, w.feed.Select(simulator.Filters{}), 141)
	w.boughtOnce(t)

	progress := w.progress(t, w.env)
	if progress.Phase != schemas.Done || progress.RunID != result.Progress.RunID || progress.Rows != 11 {
		t.Errorf("got progress %s of run %s with %d rows, want done, %s, 11", progress.Phase, progress.RunID, progress.Rows, result.Progress.RunID)
	}
}

// filter is one of the ten: what a user sets, and what the feed should make of it.
type filter struct {
	env  environment
	want simulator.Filters
}

func filters(t *testing.T, w *world) map[string]filter {
	t.Helper()
	all := w.feed.Select(simulator.Filters{})
	updated := all[len(all)/2].UpdatedAt
	discovered := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	year, yes, no := 2010, true, false
	return map[string]filter{
		"industries":        {environment{"FILTER_INDUSTRIES": "fintech,biotech"}, simulator.Filters{Industries: []string{"fintech", "biotech"}}},
		"company_sizes":     {environment{"FILTER_COMPANY_SIZES": "11-50, 10001+"}, simulator.Filters{CompanySizes: []string{"11-50", "10001+"}}},
		"country_codes":     {environment{"FILTER_COUNTRY_CODES": "DE,US"}, simulator.Filters{CountryCodes: []string{"DE", "US"}}},
		"funding_stages":    {environment{"FILTER_FUNDING_STAGES": "seed"}, simulator.Filters{FundingStages: []string{"seed"}}},
		"company_types":     {environment{"FILTER_COMPANY_TYPES": "non_profit"}, simulator.Filters{CompanyTypes: []string{"non_profit"}}},
		"founded_after":     {environment{"FILTER_FOUNDED_AFTER": "2010"}, simulator.Filters{FoundedAfter: &year}},
		"is_agency":         {environment{"FILTER_IS_AGENCY": "true"}, simulator.Filters{IsAgency: &yes}},
		"is_agency, false":  {environment{"FILTER_IS_AGENCY": "false"}, simulator.Filters{IsAgency: &no}},
		"updated_after":     {environment{"FILTER_UPDATED_AFTER": updated.Format(time.RFC3339Nano)}, simulator.Filters{UpdatedAfter: &updated}},
		"discovered_after":  {environment{"FILTER_DISCOVERED_AFTER": "2025-06-01"}, simulator.Filters{DiscoveredAfter: &discovered}},
		"discovered_before": {environment{"FILTER_DISCOVERED_BEFORE": "2025-06-01T02:00:00+02:00"}, simulator.Filters{DiscoveredBefore: &discovered}},
		"two at once":       {environment{"FILTER_INDUSTRIES": "fintech,biotech,energy,gaming", "FILTER_FOUNDED_AFTER": "2010"}, simulator.Filters{Industries: []string{"fintech", "biotech", "energy", "gaming"}, FoundedAfter: &year}},
	}
}

func TestEachFilterSelectsWhatTheFeedSelects(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 300})
	for name, f := range filters(t, w) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := w.feed.Select(f.want)
			if len(want) == 0 || len(want) == w.feed.Len() {
				t.Fatalf("the filter selects %d of %d rows, so it shows nothing", len(want), w.feed.Len())
			}
			env := stream()
			if result := w.sync(t, env.with(f.env)); result.Rows != int64(len(want)) {
				t.Errorf("got %d rows, want %d", result.Rows, len(want))
			}
			w.holds(t, env["CAREER_SITES_TOPIC"], want, len(want))
		})
	}
}

// Two selections of one feed, on the same topics. Neither takes the other's rows
// for those of a stream that lost its progress.
func TestTwoStreamsShareTheTopics(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Rows: 200})
	year := 2015
	young := environment{"FEED_NAME": w.env["FEED_NAME"] + "-young", "FILTER_FOUNDED_AFTER": "2015"}
	money := environment{"FEED_NAME": w.env["FEED_NAME"] + "-money", "FILTER_INDUSTRIES": "fintech,insurance"}
	union := func() []simulator.Row {
		rows := make(map[string]simulator.Row)
		for _, f := range []simulator.Filters{{FoundedAfter: &year}, {Industries: []string{"fintech", "insurance"}}} {
			for _, row := range w.feed.Select(f) {
				rows[row.ID] = row
			}
		}
		return slices.Collect(maps.Values(rows))
	}

	bought := w.sync(t, young).Rows + w.sync(t, money).Rows
	w.holds(t, w.env["CAREER_SITES_TOPIC"], union(), int(bought))

	w.feed.UpdateRandom(200)
	for _, env := range []environment{money, young} {
		result := w.sync(t, env)
		if result.Progress.Mode != schemas.Incremental || result.Rows == 0 {
			t.Errorf("%s: got %s of %d rows, want an incremental run with some", env["FEED_NAME"], result.Progress.Mode, result.Rows)
		}
		bought += result.Rows
	}
	w.holds(t, w.env["CAREER_SITES_TOPIC"], union(), int(bought))

	newest, _ := w.read(t, w.env["PROGRESS_TOPIC"])
	want := []string{money["FEED_NAME"], young["FEED_NAME"]}
	if got := slices.Sorted(maps.Keys(newest)); !slices.Equal(got, want) {
		t.Errorf("got the progress of %q, want that of %q", got, want)
	}
}

func TestAStoppedSyncFinishesItsPageAndIsGoneOnWith(t *testing.T) {
	t.Parallel()
	ctx, o := stopAfter(t, 2)
	o.Rows = 200
	w := newWorld(t, o)
	w.env["BATCH_SIZE"] = "5" // many pages: the stop is not in time to the page
	config := mustParse(t, w.env, "sync")
	var log strings.Builder
	result, err := Sync(ctx, config, Log{}.New(&log))
	if err != nil || !result.Stopped {
		t.Fatalf("got stopped %t and %v, want it stopped and no error", result.Stopped, err)
	}
	if result.Pages < 2 || result.Progress.Phase != schemas.Paging {
		t.Errorf("got %d pages and phase %s, want 2 or a few more and paging", result.Pages, result.Progress.Phase)
	}
	if !strings.Contains(log.String(), "stopped, the next run goes on from here") {
		t.Errorf("the log does not say that it was stopped: %s", log.String())
	}
	// What was bought is in the topic, nothing else is.
	sold := w.feed.Ledger()
	if _, records := w.read(t, w.env["CAREER_SITES_TOPIC"]); records != sold.Rows {
		t.Errorf("got %d records, want the %d rows that were bought", records, sold.Rows)
	}
	rest := w.sync(t, nil)
	if rest.Progress.RunID != result.Progress.RunID || rest.Pages+result.Pages != 40 {
		t.Errorf("got %d pages of run %s, want the rest of 40 of %s", rest.Pages, rest.Progress.RunID, result.Progress.RunID)
	}
	w.holds(t, w.env["CAREER_SITES_TOPIC"], w.feed.Select(simulator.Filters{}), 200)
	w.boughtOnce(t)
}
