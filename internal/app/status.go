package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// StatusReport is where a stream stands. Times are UTC, money is in credits. It
// holds no cursor, only a digest: whoever has a cursor can buy with it.
type StatusReport struct {
	Feed string    `json:"feed"`
	At   time.Time `json:"at"`
	// Service is what the process that answers is doing; nil where none is at work.
	Service *ServiceStatus `json:"service,omitempty"`
	// Source says who told what follows: kafka, or where that has nothing or is
	// away, redis or service. Empty means that nobody has a checkpoint.
	Source string     `json:"source,omitempty"`
	Run    *RunStatus `json:"run,omitempty"`
	// Watermark is up to where the topic is complete; zero means that no run has
	// reached its end.
	Watermark    time.Time `json:"watermark,omitzero"`
	WatermarkAge int64     `json:"watermark_age_seconds,omitempty"`

	Money MoneyStatus `json:"money"`
	Lease LeaseStatus `json:"lease"`
	Kafka Witness     `json:"kafka"`
	Redis Witness     `json:"redis"`
	// Agreement is "agree", or in which way Redis differs from Kafka, which is the
	// one that counts; empty where one of them could not be asked.
	Agreement string `json:"agreement,omitempty"`
	// History has the newest runs that reached their end, the last one last.
	History []schemas.Run `json:"history,omitempty"`
}

// ServiceStatus is what a running service says of itself.
type ServiceStatus struct {
	producer.State
	// PagesInHand are bought and not committed yet.
	PagesInHand int `json:"pages_in_hand"`
}

// ScanStatus is how far a scan is: the only one of a run, or one of its windows.
type ScanStatus struct {
	Phase     schemas.Phase `json:"phase"`
	Pages     int64         `json:"pages"`
	Rows      int64         `json:"rows"`
	Unchanged int64         `json:"unchanged"`
	Credits   int64         `json:"credits"`
	// Cursor is a digest of where the scan goes on; "start" where it has no cursor.
	Cursor         string    `json:"cursor,omitempty"`
	CursorIssuedAt time.Time `json:"cursor_issued_at,omitzero"`
	CursorAge      int64     `json:"cursor_age_seconds,omitempty"`
}

// RunStatus is the newest run.
type RunStatus struct {
	ID        string       `json:"id"`
	Mode      schemas.Mode `json:"mode"`
	StartedAt time.Time    `json:"started_at"`
	// Reset says that an operator wrote the state and no run was made since.
	Reset string `json:"reset,omitempty"`
	ScanStatus
	DeadLetters int64          `json:"dead_letters"`
	Restarts    int            `json:"restarts,omitempty"`
	Windows     []WindowStatus `json:"windows,omitempty"`
}

// WindowStatus is one window of a backfill that is cut.
type WindowStatus struct {
	Window           int       `json:"window"`
	DiscoveredAfter  time.Time `json:"discovered_after,omitzero"`
	DiscoveredBefore time.Time `json:"discovered_before,omitzero"`
	ScanStatus
}

// MoneyStatus is the wallet, the budgets and the waste.
type MoneyStatus struct {
	// Balance is nil where the feed never said what is in the wallet.
	Balance       *int64         `json:"balance,omitempty"`
	BalanceAt     time.Time      `json:"balance_at,omitzero"`
	MinBalance    int64          `json:"min_balance,omitempty"`
	CreditsPerRow int64          `json:"credits_per_row"`
	Budgets       []BudgetStatus `json:"budgets"`
	// Counted is "account" where what all streams of the API key spent is counted,
	// "checkpoint" where only this stream's own share is known: without an API
	// key, or without Redis.
	Counted string      `json:"counted"`
	Waste   WasteStatus `json:"waste"`
}

// BudgetStatus is one budget: of the run, the day or the month.
type BudgetStatus struct {
	Budget string `json:"budget"`
	// Limit and Left are nil where there is no limit.
	Limit    *int64 `json:"limit,omitempty"`
	Left     *int64 `json:"left,omitempty"`
	Spent    int64  `json:"spent"`
	Reserved int64  `json:"reserved"`
}

// WasteStatus is what was spent for nothing since the stream was begun.
type WasteStatus struct {
	schemas.Waste
	Total int64 `json:"total"`
}

// LeaseStatus is who may buy. TTL is negative where the lease never ends.
type LeaseStatus struct {
	Held  bool    `json:"held"`
	Owner string  `json:"owner,omitempty"`
	Token uint64  `json:"token,omitempty"`
	TTL   float64 `json:"ttl_seconds,omitempty"`
}

// Witness is what one of the servers has as the stream's checkpoint.
type Witness struct {
	// Error says why the server could not be asked.
	Error       string    `json:"error,omitempty"`
	Found       bool      `json:"found"`
	Fence       uint64    `json:"fence,omitempty"`
	Seq         uint64    `json:"seq,omitempty"`
	Op          string    `json:"op,omitempty"`
	CommittedAt time.Time `json:"committed_at,omitzero"`
}

// Live is what a running service adds to a report.
type Live struct {
	State producer.State
	View  producer.View
}

// Status prints where the stream stands, as a table or as json. It changes
// nothing. Where Kafka or Redis is away it shows what the other one says, and
// returns why.
func Status(ctx context.Context, c Producer, format string, out io.Writer) error {
	d, err := openDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	report, away := gather(ctx, d, nil)
	if format == "json" {
		err = writeJSON(out, report)
	} else {
		err = report.table(out)
	}
	if err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	return away
}

// gather returns where the stream stands; live is nil where no service is at
// work. Its error says what could not be asked, and the report has the rest.
func gather(ctx context.Context, d *desk, live *Live) (StatusReport, error) {
	f := d.look(ctx)
	at, source := f.stands()
	if source == "" && live != nil && live.View.Progress.Seq > 0 {
		at, source = live.View.Progress, "service"
	}
	r := StatusReport{
		Feed: d.c.FeedName, At: f.at, Source: source, Agreement: f.agreement(),
		Kafka: witness(f.kafka.Own, f.kafkaErr), Redis: witness(f.copied, f.redisErr),
		Lease:   LeaseStatus{Held: f.holder.Held, Owner: f.holder.Owner, Token: f.holder.Token, TTL: f.holder.TTL.Seconds()},
		History: at.History,
	}
	if live != nil {
		r.Service = &ServiceStatus{State: live.State, PagesInHand: live.View.Held}
	}
	if at.Seq > 0 {
		r.Run = runStatus(at, f)
		if r.Watermark = at.Watermark; !at.Watermark.IsZero() {
			r.WatermarkAge = int64(f.at.Sub(at.Watermark).Seconds())
		}
	}
	r.Money = moneyStatus(d.c.Budget, f.purse(d.c.Budget, at), at)
	if live != nil && live.View.Balance != feed.Unknown && live.View.Progress.Seq > 0 {
		r.Money.Balance, r.Money.BalanceAt = &live.View.Balance, f.at
	}
	return r, f.errs()
}

func witness(at schemas.Progress, err error) Witness {
	w := Witness{Found: at.Seq > 0, Fence: at.Fence, Seq: at.Seq, Op: at.Op, CommittedAt: at.CommittedAt}
	if err != nil {
		w.Error = err.Error()
	}
	return w
}

func runStatus(at schemas.Progress, f facts) *RunStatus {
	r := &RunStatus{
		ID: at.RunID, Mode: at.Mode, StartedAt: at.RunStartedAt, Reset: at.Reset,
		ScanStatus: scanStatus(at, f.at), DeadLetters: at.DeadLetters, Restarts: at.Restarts,
	}
	if at.Windows > 0 {
		r.Cursor = "" // each window has its own
	}
	for i := 1; i <= at.Windows; i++ {
		if w, ok := f.kafka.Windows[i]; ok && w.RunID == at.RunID {
			r.Windows = append(r.Windows, WindowStatus{
				Window: i, DiscoveredAfter: w.DiscoveredAfter, DiscoveredBefore: w.DiscoveredBefore, ScanStatus: scanStatus(w, f.at),
			})
		}
	}
	return r
}

func scanStatus(at schemas.Progress, now time.Time) ScanStatus {
	s := ScanStatus{Phase: at.Phase, Pages: at.Pages, Rows: at.Rows, Unchanged: at.Unchanged, Credits: at.Credits}
	if at.Phase == schemas.Paging {
		s.Cursor, s.CursorIssuedAt = feed.Cursor(at.Cursor).String(), at.CursorIssuedAt
		if !at.CursorIssuedAt.IsZero() {
			s.CursorAge = int64(now.Sub(at.CursorIssuedAt).Seconds())
		}
	}
	return s
}

func moneyStatus(b Budget, p purse, at schemas.Progress) MoneyStatus {
	m := MoneyStatus{
		BalanceAt: p.balanceAt, MinBalance: p.floor, CreditsPerRow: rowPrice(b, at),
		Counted: "checkpoint", Waste: WasteStatus{Waste: at.Waste, Total: at.Waste.Total()},
	}
	if p.shared {
		m.Counted = "account"
	}
	if p.balance >= 0 {
		m.Balance = &p.balance
	}
	for _, a := range p.allowances {
		s := BudgetStatus{Budget: a.name, Spent: a.spent, Reserved: a.reserved}
		if left := a.left(); left >= 0 {
			s.Limit, s.Left = &a.limit, &left
		}
		m.Budgets = append(m.Budgets, s)
	}
	return m
}

// writeJSON writes v for people and programs.
func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
