package checkpointtest

import (
	"context"
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// dayMax is the limit in the model, floor what has to stay in the wallet.
const (
	dayMax = 60_000
	floor  = 5000
)

// WalletModel returns a property for rapid.Check: pages are reserved, billed and
// answered in whatever order, the wallet is filled and calls are sent again, and
// neither the day's limit nor the wallet's floor is ever passed. A purchase
// without another beside it brings the balance up to date.
func WalletModel(ctx context.Context, p Purse) func(*rapid.T) {
	return func(t *rapid.T) {
		p.Wipe()
		m := &walletModel{ctx: ctx, account: p.Account, wallet: 30_000}
		t.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"reserve": m.reserve,
			"bill":    m.bill,
			"answer":  m.answer,
			"again":   m.again,
			"fill":    m.fill,
		})
	}
}

// page is a purchase under way.
type page struct {
	id      string
	credits int64 // reserved, then what was billed
	billed  bool
	report  int64 // the wallet in the feed's answer
	alone   bool  // no other page was under way at any time
}

type walletModel struct {
	ctx     context.Context
	account Account
	wallet  int64 // the feed's
	spent   int64 // billed in all
	pages   []*page
	known   bool // the account was told a balance

	made    int
	last    schemas.Purchase // settled
	lastAsk checkpoint.Ask
}

func (m *walletModel) reserve(t *rapid.T) {
	if !m.known && len(m.pages) > 0 {
		t.Skip("nobody can say what the page under way leaves")
	}
	m.made++
	a := Ask(fmt.Sprintf("p%d", m.made))
	a.DayMax, a.MinBalance, a.Balance = dayMax, floor, m.wallet
	a.Rows = rapid.IntRange(1, 80).Draw(t, "rows")
	g, err := m.account.Reserve(m.ctx, a)
	if err != nil {
		t.Fatalf("reserve: %v", err)
	}
	m.lastAsk = a
	if g.Rows == 0 {
		return
	}
	alone := len(m.pages) == 0
	for _, other := range m.pages {
		other.alone = false
	}
	m.pages = append(m.pages, &page{id: a.ID, credits: int64(g.Rows) * a.Price, alone: alone})
}

// draw returns a page that was billed, or not; nil if there is none.
func (m *walletModel) draw(t *rapid.T, billed bool) *page {
	var some []*page
	for _, p := range m.pages {
		if p.billed == billed {
			some = append(some, p)
		}
	}
	if len(some) == 0 {
		t.Skip("no such page is under way")
	}
	return rapid.SampledFrom(some).Draw(t, "page")
}

// bill is what the feed does: it takes the money of a page, or of a part of it.
func (m *walletModel) bill(t *rapid.T) {
	p := m.draw(t, false)
	p.credits = rapid.Int64Range(0, p.credits/50).Draw(t, "rows") * 50
	m.wallet, m.spent = m.wallet-p.credits, m.spent+p.credits
	p.billed, p.report = true, m.wallet
}

// answer settles a page that was billed some time ago.
func (m *walletModel) answer(t *rapid.T) {
	p := m.draw(t, true)
	balance := p.report
	if rapid.IntRange(0, 3).Draw(t, "mute") == 0 {
		balance = -1
	}
	m.last = schemas.Purchase{ID: p.id, Credits: p.credits}
	m.settle(t, balance)
	m.pages = slices.DeleteFunc(m.pages, func(other *page) bool { return other == p })
	m.known = m.known || balance >= 0
	if got := m.totals(t).Balance; p.alone && balance >= 0 && got != balance {
		t.Fatalf("balance after %s alone: got %d, want %d", p.id, got, balance)
	}
}

// again sends calls whose reply was lost.
func (m *walletModel) again(t *rapid.T) {
	before := m.totals(t)
	if m.last.ID != "" {
		m.settle(t, -1)
	}
	if open := slices.ContainsFunc(m.pages, func(p *page) bool { return p.id == m.lastAsk.ID }); open {
		if _, err := m.account.Reserve(m.ctx, m.lastAsk); err != nil {
			t.Fatalf("reserve again: %v", err)
		}
	}
	if after := m.totals(t); after != before {
		t.Fatalf("totals after calls were sent again: got %+v, want %+v", after, before)
	}
}

func (m *walletModel) settle(t *rapid.T, balance int64) {
	if err := m.account.Settle(m.ctx, noon, balance, m.last); err != nil {
		t.Fatalf("settle %s: %v", m.last.ID, err)
	}
}

// fill is what the owner of the wallet does.
func (m *walletModel) fill(t *rapid.T) {
	m.wallet += rapid.Int64Range(1, 400).Draw(t, "rows") * 50
	for _, p := range m.pages {
		p.alone = p.alone && !p.billed // its report is older than this
	}
}

func (m *walletModel) totals(t *rapid.T) checkpoint.Totals {
	got, err := m.account.Totals(m.ctx, noon, "run")
	if err != nil {
		t.Fatalf("totals: %v", err)
	}
	return got
}

// check compares what can be seen after each step.
func (m *walletModel) check(t *rapid.T) {
	var open, answers int64
	got := m.totals(t)
	reserved, err := m.account.Open(m.ctx, "feed")
	if err != nil || len(reserved) != len(m.pages) {
		t.Fatalf("open: got %d, %v, want %d", len(reserved), err, len(m.pages))
	}
	for _, r := range reserved {
		open += r.Credits
		i := slices.IndexFunc(m.pages, func(p *page) bool { return p.id == r.ID })
		if i < 0 {
			t.Fatalf("open: got %s, which is settled", r.ID)
		}
		if m.pages[i].billed {
			answers += m.pages[i].credits
		}
	}
	if got.Reserved != open || got.Day != m.spent-answers || m.spent > dayMax || got.Day+open > dayMax {
		t.Fatalf("got %+v, want %d spent and %d reserved, within %d", got, m.spent-answers, open, dayMax)
	}
	if m.wallet < floor {
		t.Fatalf("wallet: got %d, want at least %d", m.wallet, floor)
	}
	// What the account takes to be there is there, but for what was billed and
	// is still reserved.
	if m.known && got.Balance > m.wallet+answers {
		t.Fatalf("balance: got %d, want at most %d", got.Balance, m.wallet+answers)
	}
}
