package producer

import (
	"context"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// advance is a reservation for the next page of a scan that was made while the
// page before it was on its way: with Prefetch no time passes between the two.
// It is for a whole page or there is none, so that nothing is held back that
// another scan could use.
type advance struct {
	id   string
	rows int
}

// reserveNext begins to reserve for the page after o's, if o may. What it returns
// waits for the answer: out gets the advance, or what nobody needs is given back.
func (o *order) reserveNext(buy context.Context, out *outcome) func(work context.Context) {
	if !o.early || !out.full {
		return func(context.Context) {}
	}
	o.early = false // once an order
	ask := o.ask
	ask.ID, ask.At = ulid.Make().String(), time.Now().UTC()
	var rows int
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		grant, failed := o.account.Reserve(buy, ask)
		rows, err = grant.Rows, failed
	}()
	return func(work context.Context) {
		<-done
		if err == nil {
			o.sent(out)
		}
		switch p := out.purchase; {
		case err == nil && rows == 0:
		case err == nil && rows == ask.Rows && out.err == nil && p != nil && p.page.HasMore:
			out.next = &advance{id: ask.ID, rows: rows}
		default:
			giveBack(work, o.account, ask.ID)
		}
	}
}

// giveBack returns reservations that nobody needs. One that stays, because Redis
// is away, is found by the next take-over, and costs nothing.
func giveBack(ctx context.Context, account Account, ids ...string) {
	purchases := make([]schemas.Purchase, len(ids))
	for i, id := range ids {
		purchases[i].ID = id
	}
	_ = account.Settle(ctx, time.Now().UTC(), feed.Unknown, purchases...)
}

// mayReserveEarly reports whether pages may be reserved for before it is their
// turn: not while money is in doubt or short, where each page is its own decision,
// and not before a checkpoint says what is in the wallet, from which a successor
// can tell that nothing was billed.
func (e *epoch) mayReserveEarly() bool {
	return e.opts.Prefetch > 0 && e.opts.Budget.MinBalance == 0 && e.at.Balance != nil && !e.scarce && !e.money.inDoubt()
}

// giveBackAdvances returns what is reserved for pages that are not asked for.
func (e *epoch) giveBackAdvances() {
	ids := e.advances()
	if len(ids) == 0 {
		return
	}
	e.logger.Debug("reservations given back", zap.Int("pages", len(ids)))
	giveBack(e.work, e.money.account, ids...)
	for _, s := range e.scans {
		s.advance = nil
	}
}

// advances are the reservations that wait for their page.
func (l *Loop) advances() (ids []string) {
	for _, s := range l.scans {
		if s.advance != nil {
			ids = append(ids, s.advance.id)
		}
	}
	return ids
}
