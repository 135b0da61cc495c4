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
	page, err := o.pager.Page(buy, nothing())
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

// nothing is a query that selects no company: none was discovered before the
// first one could be, or will have been updated by then.
func nothing() feed.Query {
	before := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	return feed.Query{
		Filters:      feed.Filters{DiscoveredBefore: &before},
		UpdatedAfter: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), BatchSize: 1,
	}
}

// buy makes the request that grant allows and says in out what came of it. It
// returns how many rows to ask for instead where the wallet covers fewer, and
// otherwise zero.
func (o *order) buy(buy, work context.Context, grant checkpoint.Grant, out *outcome) int {
	o.query.BatchSize = grant.Rows
	page, err := o.pager.Page(buy, o.query)
	if err == nil {
		err = o.scan.seen.Judge(o.query, page)
	}
	most := int64(grant.Rows) * o.ask.Price // what one try may have cost
	out.err = nil
	if err == nil {
		cost := page.Credits
		if cost == feed.Unknown {
			cost = int64(len(page.Rows)) * o.ask.Price
		}
		out.purchase = &purchase{id: o.ask.ID, scan: o.scan, page: page, cost: cost}
		out.unknown = page.UnknownTries
		out.doubt = doubt{credits: int64(out.unknown) * most, reason: reasonUnknown}
		return 0
	}
	out.err, out.unknown = err, page.UnknownTries+feed.UnknownTries(err)
	var refused *feed.PageError
	var unknown *feed.UnknownOutcomeError
	var payment *feed.PaymentError
	out.again = errors.As(err, &unknown)
	lost := int64(out.unknown) * most
	if errors.As(err, &refused) {
		told := refused.Credits
		switch {
		case told == feed.Unknown && !out.again:
			lost += int64(refused.Rows) * o.ask.Price
		case told != feed.Unknown && out.again:
			lost += told - most // a body that was cut off came with its bill
		case told != feed.Unknown:
			lost += told
		}
	}
	if lost > 0 {
		// Kept, so that a successor finds out what became of it.
		out.doubt = doubt{id: o.ask.ID, credits: lost, reason: reasonUnknown}
		if failed := o.account.Lose(work, o.ask.ID, reasonUnknown, lost); failed != nil {
			out.err = errors.Join(err, failed)
		}
		return 0
	}
	balance := feed.Unknown
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
	fewer := o.query.BatchSize / 2
	if balance != feed.Unknown {
		each := o.ask.Price
		if payment.Required > 0 { // what the feed itself reckons with
			each = max(each, payment.Required/int64(o.query.BatchSize))
		}
		fewer = min(int(max(balance-o.ask.MinBalance, 0)/each), o.query.BatchSize-1)
	}
	if fewer == 0 {
		out.err = &PausedError{By: Wallet, Balance: balance, Price: o.ask.Price, Err: err}
	}
	return fewer
}
