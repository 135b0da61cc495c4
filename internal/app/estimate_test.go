package app

import (
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/schemas"
)

// noon is a day on which nothing happens.
func noon() time.Time { return time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC) }

// runs is a history: a backfill of 1000 rows a day ago, and then one run every
// six hours with so many rows.
func runs(rows ...int64) []schemas.Run {
	at := noon().Add(-24 * time.Hour)
	history := []schemas.Run{{Mode: schemas.Backfill, StartedAt: at, Rows: 990, Unchanged: 10}}
	for _, n := range rows {
		at = at.Add(6 * time.Hour)
		history = append(history, schemas.Run{Mode: schemas.Incremental, StartedAt: at, Rows: n - n/4, Unchanged: n / 4})
	}
	return history
}

func TestEstimates(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	ended := noon().Add(-24 * hour)
	incremental := func(history []schemas.Run, back time.Duration, have, records int64, overlap time.Duration) estimate {
		return estimateIncremental(schemas.Progress{History: history, Watermark: ended}, noon().Add(-back), noon(), have, records, overlap)
	}
	for name, c := range map[string]struct {
		got        estimate
		rows, most int64
	}{
		"first backfill":                                 {estimateBackfill(schemas.Progress{}, 0), unknown, unknown},
		"first backfill beside other streams":            {estimateBackfill(schemas.Progress{}, 5000), unknown, unknown},
		"backfill again":                                 {estimateBackfill(schemas.Progress{History: runs()}, 5000), 1000, unknown},
		"backfill again, the first long forgotten":       {estimateBackfill(schemas.Progress{Watermark: ended, History: runs(4, 4)[1:]}, 5000), unknown, 5000},
		"backfill again, the topic lost too":             {estimateBackfill(schemas.Progress{Watermark: ended}, 0), unknown, unknown},
		"rest of the first backfill":                     {estimateRest(schemas.Progress{Rows: 300}, 310), unknown, unknown},
		"rest of another backfill":                       {estimateRest(schemas.Progress{Rows: 300, Unchanged: 60, DeadLetters: 40, History: runs()}, 5000), 600, unknown},
		"rest of one that bought more":                   {estimateRest(schemas.Progress{Rows: 1300, History: runs()}, 5000), 0, unknown},
		"rest by the topic":                              {estimateRest(schemas.Progress{Rows: 300, Watermark: ended}, 5000), unknown, 4700},
		"changes, steady":                                {incremental(runs(60, 60, 60), 6*hour, 0, 0, 0), 60, 1000},
		"changes, uneven":                                {incremental(runs(30, 60, 90), 12*hour, 0, 0, 0), 120, 1000},
		"changes, and a run that bought some":            {incremental(runs(60, 60, 60), 6*hour, 20, 0, 0), 40, 980},
		"changes, with an overlap of an hour":            {incremental(runs(70, 70), 7*hour, 0, 0, hour), 70, 1000},
		"changes of a year, none of which is remembered": {incremental(runs(60), 365*24*hour, 0, 0, 0), unknown, 1000},
		"changes of no time":                             {incremental(runs(60), 0, 0, 0, 0), 0, 1000},
		"changes, never bought any":                      {incremental(runs(), 6*hour, 0, 5000, 0), unknown, 1000},
		"changes, nothing remembered":                    {incremental(nil, 6*hour, 0, 5000, 0), unknown, 5000},
		"changes, a clock that went back":                {incremental([]schemas.Run{runs()[0], {Mode: schemas.Incremental, StartedAt: ended.Add(-hour), Rows: 9}}, hour, 0, 0, 0), unknown, 1000},
	} {
		if c.got.rows != c.rows || c.got.most != c.most || c.got.basis == "" {
			t.Errorf("%s: got %+v, want %d rows, at most %d, and on what basis", name, c.got, c.rows, c.most)
		}
	}
}

func TestTightestLimitSetsTheTime(t *testing.T) {
	t.Parallel()
	paid := ratelimit.Windows{{N: 120, Per: time.Minute}, {N: 5000, Per: time.Hour}, {N: 50_000, Per: 24 * time.Hour}}
	for _, c := range []struct {
		rows   int64
		limits ratelimit.Windows
		want   time.Duration
		by     string
	}{
		{0, paid, 0, ""},
		{6_000, paid, 0, ""}, // 120 pages
		{6_001, paid, time.Minute, "120/m"},
		{60_000, paid, 9 * time.Minute, "120/m"},
		{500_000, paid, time.Hour + 23*time.Minute, "120/m"}, // the hour alone would allow it in one
		{1_000_000, paid, 3 * time.Hour, "5000/h"},
		{5_000_000, paid, 24 * time.Hour, "50000/d"},
		{1_000_000, nil, 0, ""},
	} {
		got, by := shortest(pagesOf(c.rows, 50), c.limits)
		name := ""
		if by.N > 0 {
			name = by.String()
		}
		if got != c.want || name != c.by {
			t.Errorf("%d rows within %s: got %s by %q, want %s by %q", c.rows, c.limits, got, name, c.want, c.by)
		}
	}
	if got := pagesOf(101, 0); got != 3 {
		t.Errorf("got %d pages of the default size for 101 rows, want 3", got)
	}
}

func TestCoverageSaysWhereItPauses(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		left int64
		e    estimate
	}{
		"no limit":                                                      {unlimited, estimate{rows: 10, most: 20}},
		"covers it (500 credits are left)":                              {500, estimate{rows: 10, most: 20}},
		"covers it (999 credits are left)":                              {999, estimate{rows: unknown, most: 19}},
		"covers 10 rows (549 credits are left)":                         {549, estimate{rows: unknown, most: unknown}},
		"does not cover it: pauses after 9 rows (499 credits are left)": {499, estimate{rows: 10, most: 20}},
		"does not cover it: pauses after 0 rows (0 credits are left)":   {0, estimate{rows: 1, most: 1}},
	} {
		if got := coverage(c.left, 50, c.e); got != want {
			t.Errorf("%d credits for %+v: got %q, want %q", c.left, c.e, got, want)
		}
	}
}

func TestPurseTakesTheHigherOfAccountAndCheckpoint(t *testing.T) {
	t.Parallel()
	balance := int64(900)
	at := schemas.Progress{
		RunID: "run", Credits: 100, Balance: &balance, CommittedAt: noon().Add(-time.Hour),
		Spent:     schemas.Spent{Date: "2026-03-14", Day: 300, Month: 500},
		Purchases: []schemas.Purchase{{ID: "settled-next", Credits: 40}},
	}
	b := Budget{PerRow: 50, PerRun: 1000, PerDay: 1000, PerMonth: -1, MinBalance: 200}
	account := facts{
		at: noon(), counted: true, totals: checkpoint.Totals{Day: 400, Month: 450, Reserved: 150, Balance: 800, BalanceAt: noon()},
		open: []checkpoint.Reservation{
			{ID: "settled-next", Run: "run", Credits: 50, Day: "2026-03-14"},
			{ID: "open", Run: "run", Credits: 50, Day: "2026-03-14"},
			{ID: "of another run", Run: "older", Credits: 50, Day: "2026-03-14"},
			{ID: "of yesterday", Run: "run", Credits: 50, Day: "2026-03-13"},
		},
	}
	lost := account
	lost.totals = checkpoint.Totals{Balance: -1}
	lost.open = nil
	tomorrow := facts{at: noon().Add(24 * time.Hour)}
	for name, c := range map[string]struct {
		facts                                      facts
		run, runReserved, day, dayReserved, month  int64
		leftOfDay, leftOfMonth, balance, spendable int64
	}{
		"by the account":          {account, 100, 50, 440, 100, 500, 460, unlimited, 800, 600},
		"after Redis was lost":    {lost, 100, 0, 300, 0, 500, 700, unlimited, 900, 700},
		"by the checkpoint alone": {facts{at: noon()}, 100, 0, 300, 0, 500, 700, unlimited, 900, 700},
		"a day later":             {tomorrow, 100, 0, 0, 0, 500, 1000, unlimited, 900, 700},
	} {
		p := c.facts.purse(b, at)
		run, day, month := p.allowances[0], p.allowances[1], p.allowances[2]
		if run.spent != c.run || run.reserved != c.runReserved || day.spent != c.day || day.reserved != c.dayReserved || month.spent != c.month {
			t.Errorf("%s: got %+v, want %+v", name, p.allowances, c)
		}
		if day.left() != c.leftOfDay || month.left() != c.leftOfMonth || p.balance != c.balance || p.spendable() != c.spendable || p.shared != c.facts.counted {
			t.Errorf("%s: got %d left of the day, %d of the month, %+v, want %+v", name, day.left(), month.left(), p, c)
		}
	}
	if p := (facts{at: noon().AddDate(0, 1, 0)}).purse(Budget{}, at); p.allowances[2].spent != 0 || p.allowances[0].left() != unlimited {
		t.Errorf("got %+v a month later without budgets, want nothing spent and no limits", p.allowances)
	}
	if p := (facts{at: noon()}).purse(b, schemas.Progress{}); p.spendable() != unknown {
		t.Errorf("got %d to spend from a wallet that nobody knows, want that it is unknown", p.spendable())
	}
}
