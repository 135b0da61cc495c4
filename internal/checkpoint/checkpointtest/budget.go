package checkpointtest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

func eachLimit(t *testing.T, p Purse) {
	for bound, set := range map[checkpoint.Bound]func(*checkpoint.Ask){
		checkpoint.BoundRun:   func(a *checkpoint.Ask) { a.RunMax = 2549 },
		checkpoint.BoundDay:   func(a *checkpoint.Ask) { a.DayMax = 2549 },
		checkpoint.BoundMonth: func(a *checkpoint.Ask) { a.MonthMax = 2549 },
	} {
		p.Wipe()
		first := p.wantGrant(t, ask("first", func(a *checkpoint.Ask) { set(a); a.Rows = 30 }), 30, "")
		if first.Run != 1500 || first.Day != 1500 || first.Month != 1500 || first.Balance != -1 {
			t.Errorf("with limit %s: got %+v, want 1500 of each and no balance", bound, first)
		}
		p.settle(t, -1, "first", 1500)
		p.wantGrant(t, ask("second", set), 20, bound)
		p.wantGrant(t, ask("third", set), 0, bound)
		p.wantTotals(t, noon, checkpoint.Totals{Run: 1500, Day: 1500, Month: 1500, Reserved: 1000, Balance: -1})
	}
}

func tightest(t *testing.T, p Purse) {
	p.wantGrant(t, ask("a", func(a *checkpoint.Ask) {
		a.RunMax, a.DayMax, a.MonthMax, a.MinBalance, a.Balance = 500, 400, 300, 100, 300
	}), 4, checkpoint.BoundBalance)
	p.wantGrant(t, ask("b", func(a *checkpoint.Ask) {
		a.RunMax, a.DayMax, a.MonthMax = 600, 500, 500
	}), 6, checkpoint.BoundDay)
}

func limitZero(t *testing.T, p Purse) {
	p.wantGrant(t, ask("a", func(a *checkpoint.Ask) { a.DayMax = 0 }), 0, checkpoint.BoundDay)
	p.wantOpen(t)
	// Nothing was reserved under this id, so that it may be asked again.
	p.wantGrant(t, Ask("a"), 50, "")
}

func freeRows(t *testing.T, p Purse) {
	p.wantGrant(t, ask("a", func(a *checkpoint.Ask) { a.Price, a.RunMax, a.MinBalance, a.Balance = 0, 0, 10, 0 }), 50, "")
	p.wantGrant(t, ask("b", func(a *checkpoint.Ask) { a.Rows = 0 }), 0, "")
}

func raceForLast(t *testing.T, p Purse) {
	var (
		wg     sync.WaitGroup
		grants [2]checkpoint.Grant
		errs   [2]error
	)
	for i, id := range []string{"a", "b"} {
		wg.Go(func() {
			grants[i], errs[i] = p.Account.Reserve(t.Context(), ask(id, func(a *checkpoint.Ask) { a.Feed, a.DayMax = id, 2500 }))
		})
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	if grants[0].Rows+grants[1].Rows != 50 || grants[0].Rows*grants[1].Rows != 0 {
		t.Errorf("got %d and %d rows, want 50 for one and none for the other", grants[0].Rows, grants[1].Rows)
	}
}

func sharedByFeeds(t *testing.T, p Purse) {
	p.reserve(t, ask("a", func(a *checkpoint.Ask) { a.Feed, a.Run = "other", "their run" }))
	g := p.reserve(t, Ask("b"))
	if g.Run != 2500 || g.Day != 5000 || g.Month != 5000 {
		t.Errorf("with two open: got %+v, want run 2500, day and month 5000", g)
	}
	p.settle(t, -1, "a", 2500)
	p.wantTotals(t, noon, checkpoint.Totals{Day: 2500, Month: 2500, Reserved: 2500, Balance: -1})
}

func newDay(t *testing.T, p Purse) {
	p.reserve(t, Ask("spent"))
	p.settle(t, -1, "spent", 2500)
	p.reserve(t, Ask("crashed"))
	g := p.wantGrant(t, ask("c", func(a *checkpoint.Ask) {
		a.DayMax, a.At = 2500, time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	}), 50, "")
	if g.Day != 2500 || g.Month != 5000 || g.Run != 5000 {
		t.Errorf("on the next day: got %+v, want day 2500, month and run 5000", g)
	}
	p.wantTotals(t, noon.AddDate(0, 0, 1), checkpoint.Totals{Run: 2500, Month: 2500, Reserved: 2500, Balance: -1})
}

func newMonth(t *testing.T, p Purse) {
	last := time.Date(2026, 11, 30, 23, 59, 59, 999e6, time.FixedZone("west", -60)) // 00:00:59 in UTC
	p.reserve(t, ask("a", func(a *checkpoint.Ask) { a.At = last.Add(-2 * time.Minute) }))
	p.settle(t, -1, "a", 2500)
	limited := func(id string, at time.Time) checkpoint.Ask {
		return ask(id, func(a *checkpoint.Ask) { a.MonthMax, a.At = 2500, at })
	}
	p.wantGrant(t, limited("b", last.Add(-2*time.Minute)), 0, checkpoint.BoundMonth)
	p.wantGrant(t, limited("c", last), 50, "")
}

func runOverMidnight(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	p.settle(t, -1, "a", 2500)
	p.wantGrant(t, ask("b", func(a *checkpoint.Ask) { a.RunMax, a.At = 3000, noon.AddDate(0, 0, 1) }), 10, checkpoint.BoundRun)
}

func clockBehind(t *testing.T, p Purse) {
	p.reserve(t, ask("a", func(a *checkpoint.Ask) { a.At = noon.AddDate(0, 0, 1) }))
	p.wantGrant(t, ask("b", func(a *checkpoint.Ask) { a.DayMax = 2500 }), 0, checkpoint.BoundDay)
}

func floorAfterLoss(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	p.Wipe()
	knows := func(id, feed string, spent int64) checkpoint.Ask {
		return ask(id, func(a *checkpoint.Ask) {
			a.Feed, a.DayMax, a.RunSpent, a.DaySpent, a.MonthSpent = feed, 5000, spent, spent+100, spent+200
		})
	}
	g := p.wantGrant(t, knows("b", "feed", 2500), 48, checkpoint.BoundDay)
	if g.Run != 4900 || g.Day != 5000 || g.Month != 5100 {
		t.Errorf("after a wipe: got %+v, want 4900, 5000, 5100", g)
	}
	// The share of another feed is added; that of the first one is not doubled.
	p.settle(t, -1, "b", 0)
	p.wantGrant(t, knows("c", "other", 1000), 26, checkpoint.BoundDay)
	p.wantGrant(t, knows("d", "feed", 2500), 0, checkpoint.BoundDay)
}

func floorBelow(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	p.settle(t, -1, "a", 2500)
	p.wantGrant(t, ask("b", func(a *checkpoint.Ask) {
		a.RunMax, a.RunSpent, a.DaySpent, a.MonthSpent = 3000, 500, 500, 500
	}), 10, checkpoint.BoundRun)
}

func largeAmounts(t *testing.T, p Purse) {
	const huge = 1<<53 - 1
	p.wantGrant(t, ask("a", func(a *checkpoint.Ask) { a.Rows, a.Price, a.DayMax = 1, huge-1, huge }), 1, "")
	p.wantOpen(t, checkpoint.Reservation{ID: "a", Feed: "feed", Run: "run", Credits: huge - 1, Day: "2026-11-15"})
	p.settle(t, huge, "a", huge-1)
	p.wantTotals(t, noon, checkpoint.Totals{Run: huge - 1, Day: huge - 1, Month: huge - 1, Balance: huge})
	p.wantGrant(t, ask("b", func(a *checkpoint.Ask) { a.Price, a.DayMax = 1, huge }), 1, checkpoint.BoundDay)
	// One credit short of a whole row.
	p.Wipe()
	p.wantGrant(t, ask("c", func(a *checkpoint.Ask) { a.Rows, a.Price, a.DayMax = 1<<51-1, 4, (1<<51-1)*4-1 }), 1<<51-2, checkpoint.BoundDay)
}
