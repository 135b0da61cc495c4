package checkpointtest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// Account is what an account does; see checkpoint.RedisAccount for the
// contract.
type Account interface {
	Reserve(ctx context.Context, ask checkpoint.Ask) (checkpoint.Grant, error)
	Settle(ctx context.Context, at time.Time, balance int64, purchases ...schemas.Purchase) error
	Lose(ctx context.Context, id, reason string, credits int64) error
	Open(ctx context.Context, feed string) ([]checkpoint.Reservation, error)
	Totals(ctx context.Context, at time.Time, run string) (checkpoint.Totals, error)
}

// Purse is an account of which nothing was spent yet.
type Purse struct {
	Account Account
	// Wipe loses all state.
	Wipe func()
}

// RunAccount runs the conformance suite of accounts. open returns a Purse of
// its own for each call, and cleans up with t.
func RunAccount(t *testing.T, open func(t *testing.T) Purse) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Purse){
		"each limit lets through what is left of it":           eachLimit,
		"the tightest limit shrinks the page":                  tightest,
		"a limit of zero lets nothing through":                 limitZero,
		"rows that cost nothing are not limited":               freeRows,
		"two that race for the last page share its allowance":  raceForLast,
		"feeds share day and month and not the run":            sharedByFeeds,
		"a reservation that nobody settles counts all day":     crashCounts,
		"what was not billed is free again":                    returned,
		"what was deducted counts, not what was reserved":      corrected,
		"a new day has its own allowance":                      newDay,
		"a new month has its own allowance":                    newMonth,
		"a run goes on over midnight":                          runOverMidnight,
		"a late settlement is charged to its day":              lateSettlement,
		"a caller whose clock is behind sees tomorrow's money": clockBehind,
		"what the checkpoint knows survives a wipe":            floorAfterLoss,
		"a checkpoint that knows less changes nothing":         floorBelow,
		"the wallet's floor stays":                             minBalance,
		"the stream's balance stands in for an unknown one":    unknownBalance,
		"asking again gives the same grant":                    reserveTwice,
		"settling again changes nothing":                       settleTwice,
		"purchases settle within the next request":             settleWithin,
		"a reported balance may come with the next request":    reportWithin,
		"lost pages stay listed until they are settled":        losePage,
		"reservations are listed oldest first":                 listed,
		"a forgotten reservation is dropped after 40 days":     forgotten,
		"a late answer does not raise the balance":             lateAnswer,
		"a wallet that was filled is seen":                     filledWallet,
		"a purchase without a report lowers the balance":       unreported,
		"a balance is overwritten without a purchase":          overwrite,
		"large amounts stay exact":                             largeAmounts,
		"impossible requests are refused":                      impossibleAsks,
		"no account call succeeds under an ended context":      endedAccountContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

// noon is a time in the middle of a day and of a month.
var noon = time.Date(2026, 11, 15, 12, 0, 0, 0, time.UTC)

// Ask returns what a stream asks that wants 50 rows at 50 credits, knows
// nothing and has no limits.
func Ask(id string) checkpoint.Ask {
	return checkpoint.Ask{
		ID: id, Feed: "feed", Run: "run", Rows: 50, Price: 50,
		RunMax: -1, DayMax: -1, MonthMax: -1, Balance: -1, At: noon,
	}
}

// ask returns Ask(id) with changes.
func ask(id string, change func(*checkpoint.Ask)) checkpoint.Ask {
	a := Ask(id)
	change(&a)
	return a
}

// reserve asks, and ends the test if that fails.
func (p Purse) reserve(t *testing.T, a checkpoint.Ask) checkpoint.Grant {
	t.Helper()
	g, err := p.Account.Reserve(t.Context(), a)
	if err != nil {
		t.Fatalf("reserve %s: %v", a.ID, err)
	}
	return g
}

// wantGrant checks how many rows an ask is granted, and why no more.
func (p Purse) wantGrant(t *testing.T, a checkpoint.Ask, rows int, tight checkpoint.Bound) checkpoint.Grant {
	t.Helper()
	g := p.reserve(t, a)
	if g.Rows != rows || g.Tight != tight {
		t.Errorf("grant of %s: got %d rows, bound %q, want %d, %q", a.ID, g.Rows, g.Tight, rows, tight)
	}
	return g
}

// settle closes one reservation at noon, or ends the test.
func (p Purse) settle(t *testing.T, balance int64, id string, credits int64) {
	t.Helper()
	if err := p.Account.Settle(t.Context(), noon, balance, schemas.Purchase{ID: id, Credits: credits}); err != nil {
		t.Fatalf("settle %s: %v", id, err)
	}
}

// wantTotals checks the counters at a time, of run "run", without BalanceAt.
func (p Purse) wantTotals(t *testing.T, at time.Time, want checkpoint.Totals) {
	t.Helper()
	got, err := p.Account.Totals(t.Context(), at, "run")
	if err != nil {
		t.Fatalf("totals: %v", err)
	}
	got.BalanceAt = time.Time{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("totals at %s (-want +got):\n%s", at.Format(time.DateTime), diff)
	}
}

// wantBalance checks the balance that Redis knows.
func (p Purse) wantBalance(t *testing.T, want int64) {
	t.Helper()
	got, err := p.Account.Totals(t.Context(), noon, "run")
	if err != nil || got.Balance != want {
		t.Errorf("balance: got %d, %v, want %d", got.Balance, err, want)
	}
}

// wantOpen checks the reservations of feed "feed".
func (p Purse) wantOpen(t *testing.T, want ...checkpoint.Reservation) {
	t.Helper()
	got, err := p.Account.Open(t.Context(), "feed")
	if err != nil {
		t.Fatalf("open reservations: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("open reservations (-want +got):\n%s", diff)
	}
}
