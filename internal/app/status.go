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
		r.Money.Balance, r.Money.BalanceAt = &live.View.Balance, live.View.BalanceAt
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
