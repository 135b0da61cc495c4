package checkpoint

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

// RedisAccount is the money of one API key: what all the processes that use it
// on one server spent, and what they may be spending now. Its methods may be
// called from any goroutine. Each may fail with an *UnavailableError, after
// which the call may be made again, and with a *CorruptError.
type RedisAccount struct {
	store  *Redis
	prefix string
}

// Account returns the account of apiKey. It asks nothing of the server.
func (s *Redis) Account(apiKey secret.String) *RedisAccount {
	return &RedisAccount{store: s, prefix: budgetKeys(apiKey)}
}

// Reserve reserves the cost of as many of the rows as all limits allow, before
// they are bought. An open reservation counts as spent on its day, in that
// day's month and by its run, until it is settled or the day is over. Nothing
// is wrong with a grant of no rows.
func (a *RedisAccount) Reserve(ctx context.Context, ask Ask) (Grant, error) {
	if err := ask.check(); err != nil {
		return Grant{}, err
	}
	args := []any{ask.At.UnixMilli(), day(ask.At), ask.ID, ask.Feed, ask.Run, ask.Rows, ask.Price}
	for _, limit := range ask.limits() {
		args = append(args, limit)
	}
	args = append(args, ask.RunSpent, ask.DaySpent, ask.MonthSpent, ask.MinBalance, max(ask.Balance, -1), flag(ask.Reported))
	reply, err := a.run(ctx, a.store.script.reserve, append(args, pairs(ask.Settle)...)...)
	if err != nil {
		return Grant{}, fmt.Errorf("reserve %d rows: %w", ask.Rows, err)
	}
	n, err := numbers(reply[1], reply[3], reply[4], reply[5], reply[6])
	if err != nil {
		return Grant{}, fmt.Errorf("reserve %d rows: %w", ask.Rows, err)
	}
	return Grant{Rows: int(n[0]), Tight: Bound(reply[2]), Run: n[1], Day: n[2], Month: n[3], Balance: n[4]}, nil
}

// Settle closes reservations: what each purchase cost is moved from reserved to
// spent, on the day of its reservation, and the rest is free again. One that is
// not open is left alone, so that it may be settled again.
//
// Balance is what the feed said with the last of the purchases, -1 if it did
// not. It replaces the one that stands; where other answers may have overtaken
// it, what is certain of the two does. With no purchases it replaces the balance
// whatever it is.
func (a *RedisAccount) Settle(ctx context.Context, at time.Time, balance int64, purchases ...schemas.Purchase) error {
	if err := errors.Join(checkBalance(balance), checkPurchases(purchases)); err != nil {
		return err
	}
	args := append([]any{at.UnixMilli(), max(balance, -1)}, pairs(purchases)...)
	if _, err := a.run(ctx, a.store.script.settle, args...); err != nil {
		return fmt.Errorf("settle %d purchases: %w", len(purchases), err)
	}
	return nil
}

// Lose notes that a page was bought for credits and cannot be published by this
// process. The reservation stays, with the reason, until a successor settles
// it. One that is not open is left alone.
func (a *RedisAccount) Lose(ctx context.Context, id, reason string, credits int64) error {
	if err := checkLoss(id, reason, credits); err != nil {
		return err
	}
	if _, err := a.run(ctx, a.store.script.lose, id, reason, credits); err != nil {
		return fmt.Errorf("lose reservation %s: %w", id, err)
	}
	return nil
}

// Open returns all reservations of feed that are not settled, oldest first:
// those whose day is over, too, for 40 days.
func (a *RedisAccount) Open(ctx context.Context, feed string) ([]Reservation, error) {
	key := a.prefix + "open"
	h, err := a.store.client.HGetAll(ctx, key).Result()
	if err != nil {
		return nil, fmt.Errorf("list reservations: %w", a.explain(err))
	}
	all := make([]dated, 0, len(h))
	for id, value := range h {
		r := struct {
			Reservation
			Credits, At int64 `json:",string"`
		}{}
		if err := json.Unmarshal([]byte(value), &r); err != nil {
			return nil, fmt.Errorf("list reservations: %w", corruptField(key, id))
		}
		r.ID, r.Reservation.Credits = id, r.Credits
		all = append(all, dated{Reservation: r.Reservation, at: r.At})
	}
	return oldestFirst(all, feed), nil
}

// Totals returns the counters as of at; run may be empty.
func (a *RedisAccount) Totals(ctx context.Context, at time.Time, run string) (Totals, error) {
	reply, err := a.run(ctx, a.store.script.totals, day(at), run)
	if err != nil {
		return Totals{}, fmt.Errorf("sum up the budgets: %w", err)
	}
	n, err := numbers(reply[1:]...)
	if err != nil {
		return Totals{}, fmt.Errorf("sum up the budgets: %w", err)
	}
	t := Totals{Run: n[0], Day: n[1], Month: n[2], Reserved: n[3], Balance: n[4]}
	if n[5] > 0 {
		t.BalanceAt = time.UnixMilli(n[5]).UTC()
	}
	return t, nil
}

// run calls a script of the budgets. Its reply begins with OK and is whole.
func (a *RedisAccount) run(ctx context.Context, script *budgetScript, args ...any) ([]string, error) {
	reply, err := script.Run(ctx, a.store.client, []string{a.prefix + "open", a.prefix + "wallet"}, args...).StringSlice()
	switch {
	case err != nil:
		return nil, a.explain(err)
	case len(reply) == 3 && reply[0] == "CORRUPT":
		return nil, corruptField(reply[1], reply[2])
	case len(reply) != script.reply || reply[0] != "OK":
		return nil, fmt.Errorf("unexpected reply %q", reply)
	}
	return reply, nil
}

// explain is Redis.explain. The server does not say which key has another type.
func (a *RedisAccount) explain(err error) error {
	err = a.store.explain(err, "", "")
	var corrupt *CorruptError
	if errors.As(err, &corrupt) {
		return &CorruptError{Key: a.prefix + "...", Reason: "one of these keys is not a hash", Loses: budgetLoss}
	}
	return err
}

// corruptField says that a field of a hash is not what a script wrote.
func corruptField(key, field string) error {
	return &CorruptError{Key: key, Reason: fmt.Sprintf("field %q cannot be read", field), Loses: budgetLoss}
}

// numbers reads what a script wrote.
func numbers(texts ...string) ([]int64, error) {
	list := make([]int64, len(texts))
	for i, text := range texts {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reply %q: %w", strings.Join(texts, " "), err)
		}
		list[i] = n
	}
	return list, nil
}

// pairs are purchases as the scripts take them.
func pairs(purchases []schemas.Purchase) []any {
	args := make([]any, 0, 2*len(purchases))
	for _, p := range purchases {
		args = append(args, p.ID, p.Credits)
	}
	return args
}

// flag is b as the scripts take it.
func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
