package checkpointtest

import (
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// fill notes what an operator sees in the wallet.
func (p Purse) fill(t *testing.T, balance int64) {
	t.Helper()
	if err := p.Account.Settle(t.Context(), noon, balance); err != nil {
		t.Fatalf("overwrite the balance: %v", err)
	}
}

func minBalance(t *testing.T, p Purse) {
	p.fill(t, 4000)
	keep := func(id string) checkpoint.Ask {
		return ask(id, func(a *checkpoint.Ask) { a.MinBalance, a.Balance = 1000, 1_000_000 })
	}
	if g := p.wantGrant(t, keep("a"), 50, ""); g.Balance != 4000 {
		t.Errorf("balance: got %d, want the 4000 that the account knows", g.Balance)
	}
	p.wantGrant(t, keep("b"), 10, checkpoint.BoundBalance)
	p.wantGrant(t, keep("c"), 0, checkpoint.BoundBalance)
	// Without a floor the wallet is not looked at: the feed itself refuses.
	p.wantGrant(t, Ask("d"), 50, "")
	p.settle(t, -1, "d", 0)
	p.settle(t, 1500, "a", 2500)
	p.wantGrant(t, keep("e"), 0, checkpoint.BoundBalance)
	p.settle(t, 1500, "b", 0)
	p.wantGrant(t, keep("f"), 10, checkpoint.BoundBalance)
}

func unknownBalance(t *testing.T, p Purse) {
	keep := func(id string, balance int64) checkpoint.Ask {
		return ask(id, func(a *checkpoint.Ask) { a.MinBalance, a.Balance = 1000, balance })
	}
	if g := p.wantGrant(t, keep("a", -1), 50, ""); g.Balance != -1 {
		t.Errorf("balance: got %d, want -1", g.Balance)
	}
	if g := p.wantGrant(t, keep("b", 4000), 10, checkpoint.BoundBalance); g.Balance != 4000 {
		t.Errorf("balance: got %d, want the stream's 4000", g.Balance)
	}
	p.wantBalance(t, -1)
}

func reportWithin(t *testing.T, p Purse) {
	p.fill(t, 10_000)
	p.reserve(t, Ask("a"))
	p.reserve(t, ask("b", func(a *checkpoint.Ask) {
		a.Balance, a.Reported, a.Settle = 7000, true, []schemas.Purchase{{ID: "a", Credits: 2500}}
	}))
	p.wantBalance(t, 7000)
	p.reserve(t, ask("c", func(a *checkpoint.Ask) { a.Balance, a.Settle = 9000, []schemas.Purchase{{ID: "b", Credits: 2500}} }))
	p.wantBalance(t, 4500)
}

// Two pages are bought at the same time; the answer to the first one comes last.
func lateAnswer(t *testing.T, p Purse) {
	p.fill(t, 10_000)
	p.reserve(t, Ask("first"))
	p.reserve(t, Ask("second"))
	p.settle(t, 5000, "second", 2500)
	p.wantBalance(t, 5000)
	p.settle(t, 7500, "first", 2500)
	p.wantBalance(t, 5000)
	p.settle(t, 7500, "first", 2500) // sent again
	p.wantBalance(t, 5000)
	p.reserve(t, Ask("third"))
	p.settle(t, 2500, "third", 2500)
	p.wantBalance(t, 2500)
}

func filledWallet(t *testing.T, p Purse) {
	p.fill(t, 5000)
	p.reserve(t, Ask("a"))
	p.settle(t, 102_500, "a", 2500)
	p.wantBalance(t, 102_500)
	// Also where answers may overtake each other: by the rise that is certain.
	p.reserve(t, Ask("b"))
	p.reserve(t, Ask("c"))
	p.settle(t, 97_500, "c", 2500)
	p.settle(t, 1_097_500, "b", 2500)
	p.wantBalance(t, 1_095_000)
}

func unreported(t *testing.T, p Purse) {
	p.fill(t, 4000)
	p.reserve(t, Ask("a"))
	p.settle(t, -1, "a", 2500)
	p.wantBalance(t, 1500)
	p.settle(t, -1, "a", 2500)
	p.wantBalance(t, 1500)
	p.reserve(t, Ask("b"))
	p.settle(t, -1, "b", 2500)
	p.wantBalance(t, 0)
}

func overwrite(t *testing.T, p Purse) {
	p.reserve(t, Ask("a"))
	for _, balance := range []int64{100, 5000, 0} {
		p.fill(t, balance)
		p.wantBalance(t, balance)
	}
	if err := p.Account.Settle(t.Context(), noon.Add(time.Second), -1); err != nil {
		t.Fatal(err)
	}
	got, err := p.Account.Totals(t.Context(), noon, "run")
	if err != nil || got.Balance != 0 || !got.BalanceAt.Equal(noon) {
		t.Errorf("after a look that found nothing: got %d of %s, %v, want 0 of noon", got.Balance, got.BalanceAt, err)
	}
}
