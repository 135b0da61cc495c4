package simulator_test

import (
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestLedgerCountsToTheCredit(t *testing.T) {
	t.Parallel()
	o := unlimited(120)
	o.Balance = 20_000
	s := simulator.New(o)
	p1 := ask(t, s, `{}`)
	p2 := ask(t, s, with(`{}`, p1.Next))
	again := ask(t, s, with(`{}`, p1.Next))
	p3 := ask(t, s, with(`{}`, p2.Next))
	for i, tc := range []struct {
		p                 page
		deducted, balance int
	}{{p1, 2500, 17_500}, {p2, 2500, 15_000}, {again, 2500, 12_500}, {p3, 1000, 11_500}} {
		if got := tc.p.Header.Get("X-Credits-Deducted"); got != strconv.Itoa(tc.deducted) {
			t.Errorf("answer %d: X-Credits-Deducted %s, want %d", i, got, tc.deducted)
		}
		if got := tc.p.Header.Get("X-Credits-Balance"); got != strconv.Itoa(tc.balance) {
			t.Errorf("answer %d: X-Credits-Balance %s, want %d", i, got, tc.balance)
		}
	}
	l := s.Ledger()
	if l.Pages != 4 || l.Rows != 170 || l.Credits != 8500 || l.Balance != 11_500 || l.Duplicates != 50 || l.PagesAgain != 1 || l.Foreign != 0 {
		t.Errorf("ledger: got %+v", l)
	}
	if l.Versions() != 120 || len(l.Twice()) != 50 || l.Status[200] != 4 {
		t.Errorf("got %d versions, %d of them twice, %d answers 200; want 120, 50, 4", l.Versions(), len(l.Twice()), l.Status[200])
	}
	twice := decode(t, p2.Rows[0]).ID
	if got := l.Billed(twice, 1); got != 2 {
		t.Errorf("a row of the repeated page: billed %d times, want 2", got)
	}
	if got := l.Billed(decode(t, p3.Rows[0]).ID, 1); got != 1 {
		t.Errorf("a row of the last page: billed %d times, want 1", got)
	}
	if l.Billed(twice, 2) != 0 || l.Billed("nobody", 1) != 0 {
		t.Error("what was never sold was billed")
	}
}

func TestBillsSayWhoBoughtWhichPageAgain(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(120))
	buy := func(body string, header ...string) {
		t.Helper()
		header = append(header, "X-Api-Key", simulator.DefaultAPIKey)
		if w := send(t, s, http.MethodPost, "/api/career-sites/feed", body, header...); w.Code != http.StatusOK {
			t.Fatalf("got status %d", w.Code)
		}
	}
	p := ask(t, s, `{"batch_size":20}`)
	buy(with(`{}`, p.Next), "User-Agent", "producer/1")
	buy(with(`{}`, p.Next), "User-Agent", "producer/1", "X-Client", "replica-b")
	buy(`{"is_agency":false}`)
	l := s.Ledger()
	var again []int
	for _, b := range l.Bills {
		if b.Again {
			again = append(again, b.Page)
		}
	}
	if !slices.Equal(again, []int{3}) {
		t.Errorf("pages bought again: got %v, want [3]", again)
	}
	if l.Bills[1].Client != "producer/1" || l.Bills[2].Client != "replica-b" {
		t.Errorf("clients: got %q and %q", l.Bills[1].Client, l.Bills[2].Client)
	}
	if l.Bills[1].Cursor != *p.Next || l.Bills[0].Next != *p.Next || !l.Bills[0].HasMore || l.Bills[3].Filters != `{"is_agency":false}` {
		t.Errorf("bills: got %+v", l.Bills)
	}
	sold := l.Sold(l.Bills[0])
	if len(sold) != 20 || sold[0] != (simulator.Version{ID: decode(t, p.Rows[0]).ID, Version: 1}) {
		t.Errorf("rows of the first bill: got %v", sold)
	}
}

func TestWalletIsCheckedForTheRequestedPage(t *testing.T) {
	t.Parallel()
	o := unlimited(30) // fewer rows than a page
	o.Balance = 2499
	s := simulator.New(o)
	p := ask(t, s, `{}`)
	if p.Status != http.StatusPaymentRequired {
		t.Fatalf("full page for 2499 credits: got %d, want 402 though only 30 rows exist", p.Status)
	}
	if p.Header.Get("X-Credits-Required") != "2500" || p.Header.Get("X-Credits-Balance") != "2499" {
		t.Errorf("headers: got %v", p.Header)
	}
	mustContain(t, p.Body, `"credits_required":2500`)
	mustContain(t, p.Body, `"credits_balance":2499`)
	if p := ask(t, s, `{"batch_size":49}`); p.Status != http.StatusOK || len(p.Rows) != 30 {
		t.Errorf("49 rows for 2499 credits: got %d with %d rows", p.Status, len(p.Rows))
	}
	if got := s.Balance(); got != 999 {
		t.Errorf("balance: got %d, want 999", got)
	}
	if got := s.AddBalance(1501); got != 2500 {
		t.Errorf("balance after adding: got %d", got)
	}
	if p := ask(t, s, `{}`); p.Status != http.StatusOK {
		t.Errorf("exactly enough: got %d, want 200", p.Status)
	}
}

func TestPriceIsAnOption(t *testing.T) {
	t.Parallel()
	o := unlimited(10)
	o.Price = 3
	s := simulator.New(o)
	if p := ask(t, s, `{}`); p.Header.Get("X-Credits-Deducted") != "30" {
		t.Errorf("deducted: got %s, want 30", p.Header.Get("X-Credits-Deducted"))
	}
}

func TestClientThatLeavesBeforeTheDecisionIsNotBilled(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(10))
	arm(t, s, simulator.Fault{Kind: simulator.KindLatency, Delay: 1 << 40})
	gone(t, s)
	if l := s.Ledger(); l.Pages != 0 || l.Status[0] != 1 {
		t.Errorf("ledger: got %d pages and %v", l.Pages, l.Status)
	}
	arm(t, s, simulator.Fault{Kind: simulator.KindLatency, Delay: 1 << 40, Billed: true})
	gone(t, s)
	if l := s.Ledger(); l.Pages != 1 || l.Rows != 10 {
		t.Errorf("ledger after the decision: got %d pages, %d rows; want 1, 10", l.Pages, l.Rows)
	}
}
