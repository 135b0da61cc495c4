package producer

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/schemas"
)

// order is one page to buy: what it asks for and on what terms. It is filled on
// a goroutine of its own, which touches nothing of the loop but the scan's
// memory of cursors, which is the order's while the request is under way.
type order struct {
	pager   Pager
	account Account
	scan    *scan
	query   feed.Query
	ask     checkpoint.Ask
	pause   time.Duration // before the first request
	// granted is what was reserved for it already, nil for nothing; early says that
	// it may do the same for the page after it.
	granted *advance
	early   bool
}

// outcome is what came of an order.
type outcome struct {
	scan     *scan
	purchase *purchase // where err is nil
	err      error
	full     bool // every row that was wanted was granted
	again    bool // the outcome of the request is unknown, and it may be made again
	passing  bool // Redis did not answer: nothing was bought
	unknown  int  // tries whose outcome stayed unknown
	doubt    doubt
	next     *advance           // reserved for the page after this one; nil for nothing
	settled  []schemas.Purchase // purchases that are settled in Redis now
	unsent   []schemas.Purchase // and those that are not, although the order had them to settle
}

// order makes the order for the page behind the scan's tail. early says that it
// may reserve for the one after it, too.
func (l *Loop) order(s *scan, early bool) order {
	o := order{
		granted: s.advance, early: early,
		pager: l.pager, account: l.money.account, scan: s, query: l.query(s),
		ask: l.money.ask(l.at, l.opts.BatchSize, len(l.held) == 0),
	}
	if s.unknown > 0 {
		o.pause = rand.N(firstPause << s.unknown) //nolint:gosec // nobody gains by guessing it
	}
	s.advance = nil
	return o
}

// firstPause is the longest pause after the first try whose outcome is unknown,
// halved.
const firstPause = 250 * time.Millisecond

// fill buys the page, or as much of it as is allowed. buy ends when nothing more
// may be begun, work when what is under way has to end.
func (o order) fill(buy, work context.Context) outcome {
	out := outcome{scan: o.scan, unsent: o.ask.Settle}
	rest(buy, o.pause)
	for probed := false; ; {
		grant, err := o.reserve(buy, &out)
		if err != nil {
			out.err, out.passing = err, !retry.IsPermanent(err)
			return out
		}
		out.full = grant.Rows == o.ask.Rows
		// A floor under the wallet needs to know what is in it.
		if o.ask.MinBalance > 0 && !probed && (grant.Balance < 0 || grant.Tight == checkpoint.BoundBalance) {
			probed = true
			if out.err = o.probe(buy, work, grant); out.err != nil {
				out.passing = checkpoint.IsDown(out.err)
				return out
			}
			continue
		}
		if grant.Rows == 0 {
			out.err = exhausted(o.ask, grant)
			return out
		}
		reserved := o.reserveNext(buy, &out)
		fewer := o.buy(buy, work, grant, &out)
		reserved(work)
		if fewer == 0 {
			return out
		}
		o.ask.Rows = fewer
	}
}

// reservePolicy is for a Redis that is away for a moment; the lease ends first
// if it stays away.
func reservePolicy() retry.Policy {
	return retry.Policy{Base: 100 * time.Millisecond, Cap: 2 * time.Second, Tries: 20}
}

// lasting marks what no other try cures: anything but a server that is away.
func lasting(err error) error {
	if err == nil || checkpoint.IsDown(err) {
		return err
	}
	return retry.Permanent(err)
}

// reserve reserves what the page may cost, unless that is done already.
func (o *order) reserve(ctx context.Context, out *outcome) (grant checkpoint.Grant, err error) {
	if a := o.granted; a != nil {
		o.granted, o.ask.ID = nil, a.id
		return checkpoint.Grant{Rows: a.rows, Balance: feed.Unknown}, nil
	}
	o.ask.ID, o.ask.At = ulid.Make().String(), time.Now().UTC()
	err = retry.Do(ctx, reservePolicy(), func(ctx context.Context) (err error) {
		grant, err = o.account.Reserve(ctx, o.ask)
		return lasting(err)
	})
	if err == nil {
		o.sent(out)
	}
	return grant, err
}

// sent takes note that a reservation settled what the order had to settle.
func (o *order) sent(out *outcome) {
	out.settled, out.unsent, o.ask.Settle = append(out.settled, o.ask.Settle...), nil, nil
	// From here on Redis knows better what is in the wallet.
	o.ask.Reported, o.ask.Balance = false, feed.Unknown
}

// probe asks the feed for a page that no company can be on, which is free, for
// the sake of the balance that comes with it.
func (o *order) probe(buy, work context.Context, grant checkpoint.Grant) error {
	var returned []schemas.Purchase
	if grant.Rows > 0 {
		returned = []schemas.Purchase{{ID: o.ask.ID}}
	}
	page, err := o.pager.Page(buy, feed.Nothing())
	balance := page.Balance
	var payment *feed.PaymentError
	if errors.As(err, &payment) {
		balance, err = payment.Balance, nil
	}
	failed := retry.Do(work, reservePolicy(), func(ctx context.Context) error {
		return lasting(o.account.Settle(ctx, time.Now().UTC(), balance, returned...))
	})
	if err == nil {
		err = failed
	}
	return err
}

// buy makes the request that grant allows and says in out what came of it. It
// returns how many rows to ask for instead where the wallet covers fewer, and
// otherwise zero.
func (o *order) buy(buy, work context.Context, grant checkpoint.Grant, out *outcome) (fewer int) {
	o.query.BatchSize = grant.Rows
	page, err := o.pager.Page(buy, o.query)
	if err == nil {
		err = o.scan.seen.Judge(o.query, page)
	}
	most := int64(grant.Rows) * o.ask.Price // what one try may have cost
	out.err = err
	if err == nil {
		out.purchase = &purchase{id: o.ask.ID, scan: o.scan, page: page, cost: o.cost(page.Credits, len(page.Rows))}
		out.unknown = page.UnknownTries
		out.doubt = doubt{credits: int64(out.unknown) * most, reason: reasonUnknown}
		return 0
	}
	var unknown *feed.UnknownOutcomeError
	out.unknown, out.again = page.UnknownTries+feed.UnknownTries(err), errors.As(err, &unknown)
	if lost := int64(out.unknown)*most + o.spoilt(err, out.again, most); lost > 0 {
		// Kept, so that a successor finds out what became of it.
		out.doubt = doubt{id: o.ask.ID, credits: lost, reason: reasonUnknown}
		if failed := o.account.Lose(work, o.ask.ID, reasonUnknown, lost); failed != nil {
			out.err = errors.Join(err, failed)
		}
		return 0
	}
	balance := feed.Unknown
	var payment *feed.PaymentError
	if errors.As(err, &payment) {
		balance = payment.Balance
	}
	if failed := o.account.Settle(work, time.Now().UTC(), balance, schemas.Purchase{ID: o.ask.ID}); failed != nil {
		// It stays reserved: until its day is over, or a successor settles it.
		out.doubt = doubt{id: o.ask.ID, reason: reasonUnknown}
	}
	if payment == nil {
		return 0
	}
	if fewer = o.covered(payment); fewer == 0 {
		out.err = &PausedError{By: Wallet, Balance: balance, Price: o.ask.Price, Err: err}
	}
	return fewer
}

// cost is what so many rows cost: told, or by their price where nothing was.
func (o *order) cost(told int64, rows int) int64 {
	if told == feed.Unknown {
		return int64(rows) * o.ask.Price
	}
	return told
}

// spoilt is what an answer cost that is no page. A body that was cut off is
// counted as a try already, for most: if it came with its bill, that is told.
func (o *order) spoilt(err error, counted bool, most int64) int64 {
	var refused *feed.PageError
	switch {
	case !errors.As(err, &refused), counted && refused.Credits == feed.Unknown:
		return 0
	case counted:
		return refused.Credits - most
	}
	return o.cost(refused.Credits, refused.Rows)
}

// covered is how many rows, fewer than were asked for, the wallet may still cover.
func (o *order) covered(payment *feed.PaymentError) int {
	asked := o.query.BatchSize
	if payment.Balance == feed.Unknown {
		return asked / 2
	}
	each := o.ask.Price
	if payment.Required > 0 { // what the feed itself reckons with
		each = max(each, payment.Required/int64(asked))
	}
	return min(int(max(payment.Balance-o.ask.MinBalance, 0)/each), asked-1)
}
