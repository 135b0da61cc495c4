package producer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// Budget says what may be spent, in credits; 1,000 are one US dollar. The zero
// value sets no limit.
type Budget struct {
	// PerRow is the price of a row until the feed says what it takes; zero means
	// 50.
	PerRow int64
	// PerRun, PerDay and PerMonth limit what a run of this stream, and what all
	// streams of the API key together, may spend; days and months are UTC. Nil
	// means no limit.
	PerRun, PerDay, PerMonth *int64
	// MinBalance is what has to stay in the wallet.
	MinBalance int64
	// WarnBalance is the balance below which a warning is logged; nil means never.
	WarnBalance *int64
}

// unlimited is how checkpoint.Ask has no limit.
const unlimited = -1

func limit(p *int64) int64 {
	if p == nil {
		return unlimited
	}
	return *p
}

// money knows what was spent, what that brought, and what may be spent still.
// It is owned by the goroutine of Sync.
type money struct {
	account Account
	logger  *zap.Logger
	feed    string
	budget  Budget
	price   int64 // credits a row

	// wallet is what it must hold if nothing was billed but the pages that came;
	// known says whether that can be said at all. least is the lowest balance that
	// came with a page since nothing was under way: answers that cross each other
	// tell older ones.
	wallet int64
	known  bool
	least  int64
	fresh  bool // the feed told the wallet, and Redis does not know it yet
	mute   bool // the feed does not say what is in the wallet
	low    bool // the warning was given

	doubts    []doubt
	pending   schemas.Waste      // found, and in no committed record yet
	resolved  []schemas.Purchase // what pending is made of
	unsettled []schemas.Purchase // committed, and not yet settled in Redis
	asked     []schemas.Purchase // of those, what a request has to settle that is under way
	cleared   []doubt            // doubts that came to nothing, as far as one could see then
	redisLost bool               // Redis was empty at the take-over: it can't know of a crash
}

func newMoney(o Options, account Account, logger *zap.Logger) money {
	return money{account: account, logger: logger, feed: o.Feed, budget: o.Budget, price: o.Budget.PerRow, least: feed.Unknown}
}

// ask are the terms for the next page. settled says that every page that came is
// committed, so that the wallet is that of what this request settles.
func (m *money) ask(at schemas.Progress, rows int, settled bool) checkpoint.Ask {
	// What another request is settling is still reserved, or is counted already:
	// as something that the stream has spent it would count twice.
	twice := int64(0)
	for _, p := range m.asked {
		twice += p.Credits
	}
	settle := m.unsettled
	m.asked, m.unsettled = append(m.asked, settle...), nil
	now := time.Now().UTC()
	ask := checkpoint.Ask{
		Feed: m.feed, Run: at.RunID, Rows: rows, Price: m.price,
		RunMax: limit(m.budget.PerRun), DayMax: limit(m.budget.PerDay), MonthMax: limit(m.budget.PerMonth),
		MinBalance: m.budget.MinBalance, Balance: feed.Unknown, At: now, RunSpent: max(at.Credits-twice, 0), Settle: settle,
	}
	spent := at.Spent.On(now)
	ask.DaySpent, ask.MonthSpent = max(spent.Day-twice, 0), max(spent.Month-twice, 0)
	if m.known {
		ask.Balance, ask.Reported = m.wallet, m.fresh && settled && len(settle) > 0
		m.fresh = m.fresh && !ask.Reported
	}
	return ask
}

// noticed takes note of what an order did in Redis, and of what it left open.
func (m *money) noticed(o outcome) {
	drop := func(list []schemas.Purchase, gone []schemas.Purchase) []schemas.Purchase {
		return slices.DeleteFunc(list, func(p schemas.Purchase) bool { return slices.Contains(gone, p) })
	}
	m.asked = drop(drop(m.asked, o.settled), o.unsent)
	m.unsettled = append(m.unsettled, o.unsent...)
	if o.doubt.credits > 0 {
		m.doubts = append(m.doubts, o.doubt)
	}
}

// inDoubt reports whether the next page has to be bought alone, so that its
// balance says what became of earlier money.
func (m *money) inDoubt() bool { return len(m.doubts) > 0 || !m.known && !m.mute }

// bought takes note of a page that came. quiet says that no other request was
// under way, so that the wallet is known; ours are the reservations of this
// process that are open.
func (m *money) bought(ctx context.Context, at schemas.Progress, p *purchase, ours []string, quiet bool) {
	m.correct(p)
	m.wallet -= p.cost
	if m.mute = p.page.Balance == feed.Unknown; m.mute {
		if m.budget.MinBalance > 0 && m.known {
			m.logger.Warn("the feed does not say what is in the wallet any more: CREDITS_MIN_BALANCE can't be held")
		}
		if m.known = false; quiet {
			m.reckon(unlimited) // it can't be told: assume the worst
		}
		return
	}
	if m.least == feed.Unknown || p.page.Balance < m.least {
		m.least = p.page.Balance
	}
	if quiet {
		gap := int64(unlimited)
		if m.known {
			gap = m.wallet - m.least
		}
		if gap > 0 && len(m.doubts) == 0 {
			m.look(ctx, ours, gap)
		}
		m.reckon(gap)
		m.wallet, m.known, m.fresh, m.least = m.least, true, true, feed.Unknown
	}
	m.warn(at, p.page.Balance)
}

// correct takes over the price that the feed takes.
func (m *money) correct(p *purchase) {
	rows := int64(len(p.page.Rows))
	if rows == 0 || p.page.Credits <= 0 {
		return
	}
	each := (p.page.Credits + rows - 1) / rows
	if each != m.price {
		m.logger.Warn("the feed takes another price than CREDITS_PER_ROW says: budgets and prices follow the feed",
			zap.Int64("credits_per_row", each), zap.Int64("expected", m.price))
		m.price = each
	}
}

// enter writes into next, the record of a transaction with pages, what was spent;
// rest are pages that were bought besides.
func (m *money) enter(g *group, rest []*purchase) {
	next, now := &g.next, g.next.CommittedAt
	g.wasted, g.resolved = m.pending, slices.Clone(m.resolved)
	next.Waste.Crash += m.pending.Crash
	next.Waste.UnknownOutcome += m.pending.UnknownOutcome
	next.Waste.Fenced += m.pending.Fenced
	next.CreditsPerRow = m.price
	next.Spent = next.Spent.On(now)
	spent := m.pending.Total()
	next.Purchases = slices.Concat(m.asked, m.unsettled, m.resolved)
	for _, p := range g.pages {
		spent += p.cost
		next.Purchases = append(next.Purchases, schemas.Purchase{ID: p.id, Credits: p.cost})
	}
	next.Spent.Day += spent
	next.Spent.Month += spent
	if m.known {
		balance := m.wallet
		for _, p := range rest {
			balance += p.cost
		}
		next.Balance = &balance
	}
}

// confirm takes note that g is committed.
func (m *money) confirm(g *group) {
	m.pending.Crash -= g.wasted.Crash
	m.pending.UnknownOutcome -= g.wasted.UnknownOutcome
	m.pending.Fenced -= g.wasted.Fenced
	m.resolved = slices.DeleteFunc(m.resolved, func(p schemas.Purchase) bool { return slices.Contains(g.resolved, p) })
	m.unsettled = append(m.unsettled, g.resolved...)
	for _, p := range g.pages {
		m.unsettled = append(m.unsettled, schemas.Purchase{ID: p.id, Credits: p.cost})
	}
}

// lost takes note of a page that is given up: its cost is known.
func (m *money) lost(p *purchase) {
	m.pending.Fenced += p.cost
	m.resolved = append(m.resolved, schemas.Purchase{ID: p.id, Credits: p.cost})
}

// rebase forgets what this process knew and starts from a committed record.
func (m *money) rebase(at schemas.Progress) {
	m.pending, m.resolved, m.doubts, m.cleared = schemas.Waste{}, nil, nil, nil
	m.unsettled, m.asked, m.least = nil, nil, feed.Unknown
	if m.known = at.Balance != nil; m.known {
		m.wallet = *at.Balance
		m.low = m.budget.WarnBalance != nil && m.wallet < *m.budget.WarnBalance
	}
	if at.CreditsPerRow > 0 {
		m.price = at.CreditsPerRow
	}
}

// settle closes what is committed and still reserved. Failing that it is done by
// the next start, which finds it in the checkpoint.
func (m *money) settle(ctx context.Context) {
	if len(m.unsettled) == 0 && !m.known {
		return
	}
	balance := feed.Unknown
	if m.known {
		balance = m.wallet
	}
	if err := m.account.Settle(ctx, time.Now().UTC(), balance, m.unsettled...); err != nil {
		m.logger.Warn("what was spent is not settled in Redis yet; the next start does it", zap.Error(err))
		return
	}
	m.unsettled = nil
}

// warn says once at each crossing that the wallet runs low.
func (m *money) warn(at schemas.Progress, balance int64) {
	if m.budget.WarnBalance == nil {
		return
	}
	low := balance < *m.budget.WarnBalance
	if low && !m.low {
		fields := []zap.Field{zap.Int64("balance", balance), zap.Int64("warn_below", *m.budget.WarnBalance), zap.Int64("rows_left", balance/m.price)}
		if pace := dailyPace(at, time.Now()); pace > 0 {
			fields = append(fields, zap.String("days_left", fmt.Sprintf("%.1f", float64(balance)/pace)))
		}
		m.logger.Warn("the wallet runs low", fields...)
	}
	m.low = low
}

// dailyPace is how many credits the last runs took a day; zero where there is
// nothing to tell it from.
func dailyPace(at schemas.Progress, now time.Time) float64 {
	first, spent := at.RunStartedAt, at.Credits
	for _, run := range at.History {
		if run.Mode == schemas.Incremental {
			spent += run.Credits
			if run.StartedAt.Before(first) {
				first = run.StartedAt
			}
		}
	}
	days := now.Sub(first).Hours() / 24
	if days <= 0 {
		return 0
	}
	return float64(spent) / max(days, 1)
}
