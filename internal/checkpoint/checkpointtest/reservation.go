package checkpointtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

func crashCounts(t *testing.T, p Purse) {
	p.reserve(t, Ask("crashed"))
	evening := noon.Add(11 * time.Hour)
	p.wantGrant(t, ask("next", func(a *checkpoint.Ask) { a.At, a.DayMax = evening, 2600 }), 2, checkpoint.BoundDay)
	p.wantOpen(t,
		checkpoint.Reservation{ID: "crashed", Feed: "feed", Run: "run", Credits: 2500, Day: "2026-11-15"},
		checkpoint.Reservation{ID: "next", Feed: "feed", Run: "run", Credits: 100, Day: "2026-11-15"})
}

func returned(t *testing.T, p Purse) {
	limited := func(id string) checkpoint.Ask { return ask(id, func(a *checkpoint.Ask) { a.RunMax = 2500 }) }
	p.wantGrant(t, limited("a"), 50, "")
	p.settle(t, -1, "a", 0)
	p.wantOpen(t)
	p.wantGrant(t, limited("b"), 50, "")
}

func corrected(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	p.settle(t, -1, "a", 3000)
	p.wantTotals(t, noon, checkpoint.Totals{Run: 3000, Day: 3000, Month: 3000, Balance: -1})
}

func lateSettlement(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	tomorrow := noon.AddDate(0, 0, 1)
	if err := p.Account.Settle(t.Context(), tomorrow, -1, schemas.Purchase{ID: "a", Credits: 2500}); err != nil {
		t.Fatal(err)
	}
	p.wantTotals(t, tomorrow, checkpoint.Totals{Run: 2500, Month: 2500, Balance: -1})
	p.wantTotals(t, noon, checkpoint.Totals{Run: 2500, Day: 2500, Month: 2500, Balance: -1})
}

func reserveTwice(t *testing.T, p Purse) {
	limited := ask("a", func(a *checkpoint.Ask) { a.DayMax = 1000 })
	first := p.wantGrant(t, limited, 20, checkpoint.BoundDay)
	if second := p.reserve(t, limited); second != first {
		t.Errorf("second grant: got %+v, want %+v", second, first)
	}
	p.wantTotals(t, noon, checkpoint.Totals{Reserved: 1000, Balance: -1})
}

func settleTwice(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	for range 2 {
		p.settle(t, 7500, "a", 2500)
		p.wantTotals(t, noon, checkpoint.Totals{Run: 2500, Day: 2500, Month: 2500, Balance: 7500})
	}
	p.settle(t, -1, "never reserved", 100)
	if err := p.Account.Lose(t.Context(), "a", "fenced", 2500); err != nil {
		t.Fatal(err)
	}
	p.wantTotals(t, noon, checkpoint.Totals{Run: 2500, Day: 2500, Month: 2500, Balance: 7500})
	p.wantOpen(t)
}

func settleWithin(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	again := ask("b", func(a *checkpoint.Ask) {
		a.RunMax, a.RunSpent, a.Settle = 3000, 2000, []schemas.Purchase{{ID: "a", Credits: 2000}}
	})
	for range 2 {
		g := p.wantGrant(t, again, 20, checkpoint.BoundRun)
		if g.Run != 3000 {
			t.Errorf("run: got %d, want 3000", g.Run)
		}
	}
}

func losePage(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	for range 2 {
		if err := p.Account.Lose(t.Context(), "a", "fenced", 2400); err != nil {
			t.Fatal(err)
		}
		p.wantOpen(t, checkpoint.Reservation{ID: "a", Feed: "feed", Run: "run", Credits: 2400, Day: "2026-11-15", Reason: "fenced"})
	}
	p.wantTotals(t, noon, checkpoint.Totals{Reserved: 2400, Balance: -1})
	p.settle(t, -1, "a", 2400)
	p.wantOpen(t)
	p.wantTotals(t, noon, checkpoint.Totals{Run: 2400, Day: 2400, Month: 2400, Balance: -1})
}

func listed(t *testing.T, p Purse) {
	p.wantOpen(t)
	var want []checkpoint.Reservation
	for i, id := range []string{"c", "a", "b"} {
		p.reserve(t, ask(id, func(a *checkpoint.Ask) { a.At = noon.Add(time.Duration(i) * time.Millisecond) }))
		want = append(want, checkpoint.Reservation{ID: id, Feed: "feed", Run: "run", Credits: 2500, Day: "2026-11-15"})
	}
	p.reserve(t, ask("d", func(a *checkpoint.Ask) { a.Feed = "other" }))
	p.wantOpen(t, want...)
}

func forgotten(t *testing.T, p Purse) {
	p.reserve(t, Ask("old"))
	old := checkpoint.Reservation{ID: "old", Feed: "feed", Run: "run", Credits: 2500, Day: "2026-11-15"}
	limit := noon.AddDate(0, 0, 40)
	if err := p.Account.Settle(t.Context(), limit, -1); err != nil {
		t.Fatal(err)
	}
	p.wantOpen(t, old)
	if err := p.Account.Settle(t.Context(), limit.Add(time.Millisecond), -1); err != nil {
		t.Fatal(err)
	}
	p.wantOpen(t)
}

func impossibleAsks(t *testing.T, p Purse) {
	for name, change := range map[string]func(*checkpoint.Ask){
		"no id":             func(a *checkpoint.Ask) { a.ID = "" },
		"no feed":           func(a *checkpoint.Ask) { a.Feed = "" },
		"no run":            func(a *checkpoint.Ask) { a.Run = "" },
		"no time":           func(a *checkpoint.Ask) { a.At = time.Time{} },
		"negative rows":     func(a *checkpoint.Ask) { a.Rows = -1 },
		"negative price":    func(a *checkpoint.Ask) { a.Price = -1 },
		"a product of 2^53": func(a *checkpoint.Ask) { a.Rows, a.Price = 1<<26, 1<<27 },
		"too much spent":    func(a *checkpoint.Ask) { a.DaySpent = 1 << 53 },
		"a negative cost":   func(a *checkpoint.Ask) { a.Settle = []schemas.Purchase{{ID: "x", Credits: -1}} },
	} {
		if g, err := p.Account.Reserve(t.Context(), ask("a", change)); err == nil {
			t.Errorf("%s: got %+v, want an error", name, g)
		}
	}
	for name, err := range map[string]error{
		"a cost of 2^53":    p.Account.Settle(t.Context(), noon, -1, schemas.Purchase{ID: "a", Credits: 1 << 53}),
		"a balance of 2^53": p.Account.Settle(t.Context(), noon, 1<<53),
		"no reason":         p.Account.Lose(t.Context(), "a", "", 1),
		"a negative loss":   p.Account.Lose(t.Context(), "a", "fenced", -1),
	} {
		if err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	p.wantOpen(t)
}

func endedAccountContext(t *testing.T, p Purse) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, reserveErr := p.Account.Reserve(ctx, Ask("a"))
	_, openErr := p.Account.Open(ctx, "feed")
	_, totalsErr := p.Account.Totals(ctx, noon, "run")
	for name, err := range map[string]error{
		"reserve": reserveErr, "open": openErr, "totals": totalsErr,
		"settle": p.Account.Settle(ctx, noon, 1), "lose": p.Account.Lose(ctx, "a", "fenced", 1),
	} {
		if !errors.Is(err, context.Canceled) || checkpoint.IsDown(err) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
}
