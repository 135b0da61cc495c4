package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

// keepOpen is how long a reservation that nobody settles is listed.
const keepOpen = 40 * 24 * time.Hour

// budgetLoss is what goes with a key of a budget.
const budgetLoss = "what was reserved or spent by processes that are not running is then not counted; " +
	"a stream's own share comes back with its next request"

// Bound is what kept a grant below what was asked.
type Bound string

// The bounds of a grant, in the order in which they are named where several
// are equally tight.
const (
	BoundRun     Bound = "run"
	BoundDay     Bound = "day"
	BoundMonth   Bound = "month"
	BoundBalance Bound = "balance"
)

// Ask is what a purchase may cost. All money is in credits.
type Ask struct {
	// ID is that of the reservation, and unique. Asking again with the ID of one
	// that is open gets the same rows again.
	ID string
	// Feed is the stream, Run the run that the purchase belongs to.
	Feed, Run string
	// Rows are wanted, at Price credits each. Zero means that they cost nothing.
	Rows  int
	Price int64
	// RunMax, DayMax and MonthMax are the limits. Negative means none, zero that
	// nothing may be spent.
	RunMax, DayMax, MonthMax int64
	// MinBalance is what has to stay in the wallet. Zero means that the wallet is
	// not looked at.
	MinBalance int64

	// RunSpent, DaySpent and MonthSpent are what the stream itself knows to have
	// spent, from its checkpoint, as of At. Its counters are never taken to be
	// less, because Redis may have lost them. What they count must not be open
	// any more once Settle is done, or it counts twice.
	RunSpent, DaySpent, MonthSpent int64
	// Balance is the wallet as the stream knows it, -1 if it does not. It is used
	// only where Redis has no balance, unless Reported says that the feed told it
	// with the last of Settle: then it is what Redis.Settle would be given.
	Balance  int64
	Reported bool

	// At is now. Its day and month, UTC, are charged.
	At time.Time
	// Settle are purchases that are over, with what each cost; 0 means that
	// nothing was billed. They are settled in the same call, first.
	Settle []schemas.Purchase
}

// Grant is what was reserved.
type Grant struct {
	// Rows is from 0 to Ask.Rows. Zero means that nothing was reserved.
	Rows int
	// Tight is what made Rows smaller than asked; empty means nothing.
	Tight Bound
	// Run, Day and Month are what is spent and reserved, this reservation
	// included, Day and Month by all streams of the API key.
	Run, Day, Month int64
	// Balance is the wallet as Redis knows it, else Ask.Balance; -1 is unknown.
	Balance int64
}

// Reservation is money that may have been spent.
type Reservation struct {
	ID, Feed, Run string
	// Credits are reserved; with a Reason, they are what the page cost.
	Credits int64
	// Day is the one that it counts on, UTC, as 2006-01-02.
	Day string
	// Reason says why the page was lost; empty means that the reservation is
	// open.
	Reason string
}

// Totals are the counters of an account, in credits.
type Totals struct {
	// Run, Day and Month are spent, Day and Month by all streams of the API key;
	// Reserved counts as spent until its day is over.
	Run, Day, Month, Reserved int64
	// Balance is what the feed last reported, less what was settled since without
	// a report; -1 is unknown. BalanceAt is when it reported; zero means never.
	Balance   int64
	BalanceAt time.Time
}

// budgetKeys returns the prefix of the keys of the budgets of apiKey. The digest
// tells keys apart and gives none of them away.
func budgetKeys(apiKey secret.String) string {
	return "jobo:{key-" + apiKey.Fingerprint() + "}:budget:"
}

// check says what is wrong with a.
func (a Ask) check() error {
	if a.ID == "" || a.Feed == "" || a.Run == "" || a.At.IsZero() {
		return fmt.Errorf("reservation %q of feed %q for run %q: id, feed, run and time must be set", a.ID, a.Feed, a.Run)
	}
	if a.Rows < 0 || a.Price < 0 || a.Price > maxExact || (a.Price > 0 && int64(a.Rows) > maxExact/a.Price) {
		return fmt.Errorf("reservation %s: %d rows at %d credits: must not be negative or cost 2^53 or more", a.ID, a.Rows, a.Price)
	}
	if max(a.RunSpent, a.DaySpent, a.MonthSpent, a.Balance, a.MinBalance) > maxExact {
		return fmt.Errorf("reservation %s: amounts must be below 2^53 credits", a.ID)
	}
	return checkPurchases(a.Settle)
}

// limits are those of run, day and month. One that is too large to be exact is
// none.
func (a Ask) limits() [3]int64 {
	limits := [3]int64{a.RunMax, a.DayMax, a.MonthMax}
	for i, l := range limits {
		if l < 0 || l > maxExact {
			limits[i] = -1
		}
	}
	return limits
}

// checkPurchases says which of them cannot be settled.
func checkPurchases(purchases []schemas.Purchase) error {
	for _, p := range purchases {
		if p.Credits < 0 || p.Credits > maxExact {
			return fmt.Errorf("purchase %s for %d credits: must not be negative, and be below 2^53", p.ID, p.Credits)
		}
	}
	return nil
}

// checkBalance says what is wrong with a balance. Any that is negative is
// unknown.
func checkBalance(balance int64) error {
	if balance > maxExact {
		return fmt.Errorf("balance of %d credits: must be below 2^53", balance)
	}
	return nil
}

// checkLoss says what is wrong with the arguments of a Lose.
func checkLoss(id, reason string, credits int64) error {
	if reason == "" {
		return errors.New("lose reservation " + id + ": the reason is missing")
	}
	return checkPurchases([]schemas.Purchase{{ID: id, Credits: credits}})
}

// dated is a reservation and when it was made.
type dated struct {
	Reservation
	at int64 // Unix time in ms
}

// oldestFirst returns those of feed in the order in which they were made.
func oldestFirst(all []dated, feed string) []Reservation {
	slices.SortFunc(all, func(a, b dated) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.ID, b.ID)) })
	var list []Reservation
	for _, r := range all {
		if r.Feed == feed {
			list = append(list, r.Reservation)
		}
	}
	return list
}

// day is the name of the day of at.
func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }
