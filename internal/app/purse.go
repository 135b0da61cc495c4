package app

import (
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// unlimited and unknown are how numbers say that there is no limit, and that
// nobody can tell.
const (
	unlimited int64 = -1
	unknown   int64 = -1
)

// allowance is one of the bounds of what may be spent, in credits.
type allowance struct {
	name, setting string
	// limit is unlimited where there is none. spent and reserved count against it.
	limit, spent, reserved int64
}

// left is what may still be spent, unlimited where there is no limit.
func (a allowance) left() int64 {
	if a.limit < 0 {
		return unlimited
	}
	return max(a.limit-a.spent-a.reserved, 0)
}

// purse is the money of a stream.
type purse struct {
	allowances []allowance
	// balance is the wallet, unknown where the feed never said. floor has to stay
	// in it.
	balance, floor int64
	balanceAt      time.Time
	// shared says that all streams of the API key are counted, and not this one
	// alone.
	shared bool
}

// spendable is what the wallet covers, unknown where its balance is.
func (p purse) spendable() int64 {
	if p.balance < 0 {
		return unknown
	}
	return max(p.balance-p.floor, 0)
}

// purse adds up what was spent by the account in Redis and by the checkpoint. Of
// the two the higher one counts, as it does in a reservation: Redis may have lost
// its counters.
func (f facts) purse(b Budget, at schemas.Progress) purse {
	b = b.limits()
	own := at.Spent.On(f.at)
	run := allowance{name: "run", setting: "CREDITS_MAX_PER_RUN", limit: b.PerRun, spent: at.Credits}
	day := allowance{name: "day", setting: "CREDITS_MAX_PER_DAY", limit: b.PerDay, spent: own.Day}
	month := allowance{name: "month", setting: "CREDITS_MAX_PER_MONTH", limit: b.PerMonth, spent: own.Month}
	p := purse{balance: unknown, floor: max(b.MinBalance, 0), shared: f.counted}
	if at.Balance != nil {
		p.balance, p.balanceAt = *at.Balance, at.CommittedAt
	}
	if f.counted {
		over := f.settled(at)
		day.spent, month.spent = max(day.spent, f.totals.Day+over.paid), max(month.spent, f.totals.Month+over.paid)
		if f.copied.RunID == at.RunID { // whose counter was asked for
			run.spent = max(run.spent, f.totals.Run+over.paid)
		}
		day.reserved = max(f.totals.Reserved-over.reserved, 0)
		month.reserved, run.reserved = day.reserved, over.left
		if !f.totals.BalanceAt.IsZero() {
			p.balance, p.balanceAt = f.totals.Balance, f.totals.BalanceAt
		}
	}
	p.allowances = []allowance{run, day, month}
	return p
}

// settlement is what today's open reservations of the stream come to.
type settlement struct {
	// reserved is held by purchases that the checkpoint accounts for already, and
	// paid what they cost: the next start settles them. left is held by the others
	// of the run.
	reserved, paid, left int64
}

func (f facts) settled(at schemas.Progress) settlement {
	cost := make(map[string]int64, len(at.Purchases))
	for _, p := range at.Purchases {
		cost[p.ID] = p.Credits
	}
	var s settlement
	for _, r := range f.open {
		paid, over := cost[r.ID]
		switch {
		case r.Day != f.at.Format(time.DateOnly):
		case over:
			s.reserved += r.Credits
			s.paid += paid
		case r.Run == at.RunID:
			s.left += r.Credits
		}
	}
	return s
}
