package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// MemoryAccount is an account in the memory of one process, with the semantics
// of RedisAccount. Several streams may share it. The zero value is an account
// that nothing was spent of.
type MemoryAccount struct {
	mu    sync.Mutex
	state accountState
	down  error
}

// accountState is all that a server would lose.
type accountState struct {
	open     map[string]*entry
	counters map[string]map[string]int64 // by kind:name, then by feed

	balance   *int64 // nil: unknown
	balanceAt time.Time
	settled   int64 // by all, ever
}

// entry is a reservation as it is kept.
type entry struct {
	dated
	rows    int
	tight   Bound
	settled int64 // accountState.settled when it was made
}

// NewMemoryAccount returns an account that nothing was spent of.
func NewMemoryAccount() *MemoryAccount { return &MemoryAccount{} }

// enter locks a for one call. The caller unlocks it if there is no error.
func (a *MemoryAccount) enter(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	if a.down != nil {
		defer a.mu.Unlock()
		return a.down
	}
	if a.state.open == nil {
		a.state = accountState{open: map[string]*entry{}, counters: map[string]map[string]int64{}}
	}
	return nil
}

// Reserve is RedisAccount.Reserve.
func (a *MemoryAccount) Reserve(ctx context.Context, ask Ask) (Grant, error) {
	if err := ask.check(); err != nil {
		return Grant{}, err
	}
	if err := a.enter(ctx); err != nil {
		return Grant{}, fmt.Errorf("reserve %d rows: %w", ask.Rows, err)
	}
	defer a.mu.Unlock()
	s, today := &a.state, day(ask.At)
	reported := int64(-1)
	if ask.Reported {
		reported = ask.Balance
	}
	s.drop(ask.At)
	s.settle(ask.At, reported, ask.Settle)

	names := counterNames(ask.Run, today)
	var sums [3]int64
	for i, floor := range [3]int64{ask.RunSpent, ask.DaySpent, ask.MonthSpent} {
		if floor > s.counters[names[i]][ask.Feed] {
			s.count(names[i], ask.Feed, floor)
		}
		sums[i] = s.sum(names[i])
	}
	all, ofRun := s.reserved(today, ask.Feed, ask.Run)
	sums[0] += ofRun
	sums[1] += all
	sums[2] += all
	grant := Grant{Rows: ask.Rows, Balance: max(ask.Balance, -1)}
	if s.balance != nil {
		grant.Balance = *s.balance
	}
	if held := s.open[ask.ID]; held != nil {
		grant.Rows, grant.Tight = held.rows, held.tight
	} else {
		grant.shrink(ask, sums, all)
		credits := int64(grant.Rows) * ask.Price
		s.reserve(ask, grant, credits)
		for i := range sums {
			sums[i] += credits
		}
	}
	grant.Run, grant.Day, grant.Month = sums[0], sums[1], sums[2]
	return grant, nil
}

// shrink takes rows away until all limits of ask allow the rest. sums are spent
// or reserved by run, day and month, reserved is the part of the day.
func (g *Grant) shrink(ask Ask, sums [3]int64, reserved int64) {
	if ask.Price == 0 {
		return
	}
	bound := func(name Bound, left int64) {
		if n := int(max(left, 0) / ask.Price); n < g.Rows {
			g.Rows, g.Tight = n, name
		}
	}
	for i, limit := range ask.limits() {
		if limit >= 0 {
			bound([]Bound{BoundRun, BoundDay, BoundMonth}[i], limit-sums[i])
		}
	}
	if ask.MinBalance > 0 && g.Balance >= 0 {
		bound(BoundBalance, g.Balance-reserved-ask.MinBalance)
	}
}

// Settle is RedisAccount.Settle.
func (a *MemoryAccount) Settle(ctx context.Context, at time.Time, balance int64, purchases ...schemas.Purchase) error {
	if err := errors.Join(checkBalance(balance), checkPurchases(purchases)); err != nil {
		return err
	}
	if err := a.enter(ctx); err != nil {
		return fmt.Errorf("settle %d purchases: %w", len(purchases), err)
	}
	defer a.mu.Unlock()
	a.state.drop(at)
	a.state.settle(at, balance, purchases)
	return nil
}

// Lose is RedisAccount.Lose.
func (a *MemoryAccount) Lose(ctx context.Context, id, reason string, credits int64) error {
	if err := checkLoss(id, reason, credits); err != nil {
		return err
	}
	if err := a.enter(ctx); err != nil {
		return fmt.Errorf("lose reservation %s: %w", id, err)
	}
	defer a.mu.Unlock()
	if r := a.state.open[id]; r != nil {
		r.Reason, r.Credits = reason, credits
	}
	return nil
}

// Open is RedisAccount.Open.
func (a *MemoryAccount) Open(ctx context.Context, feed string) ([]Reservation, error) {
	if err := a.enter(ctx); err != nil {
		return nil, fmt.Errorf("list reservations: %w", err)
	}
	defer a.mu.Unlock()
	all := make([]dated, 0, len(a.state.open))
	for _, r := range a.state.open {
		all = append(all, r.dated)
	}
	return oldestFirst(all, feed), nil
}

// Totals is RedisAccount.Totals.
func (a *MemoryAccount) Totals(ctx context.Context, at time.Time, run string) (Totals, error) {
	if err := a.enter(ctx); err != nil {
		return Totals{}, fmt.Errorf("sum up the budgets: %w", err)
	}
	defer a.mu.Unlock()
	s, names := &a.state, counterNames(run, day(at))
	t := Totals{Run: s.sum(names[0]), Day: s.sum(names[1]), Month: s.sum(names[2]), Balance: -1, BalanceAt: s.balanceAt}
	t.Reserved, _ = s.reserved(day(at), "", "")
	if s.balance != nil {
		t.Balance = *s.balance
	}
	return t, nil
}

// Wipe plays FLUSHALL.
func (a *MemoryAccount) Wipe() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.state = accountState{}
}

// SetError makes every call fail with err, as if the server were away; nil
// brings it back with its data.
func (a *MemoryAccount) SetError(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.down = err
}
