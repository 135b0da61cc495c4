package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// status returns what Status says in both forms, neither of which may hold a
// cursor.
func (b *bench) status(t *testing.T, c Producer) (report StatusReport, table string, err error) {
	t.Helper()
	var asJSON, asTable bytes.Buffer
	err = Status(t.Context(), c, "json", &asJSON)
	again := Status(t.Context(), c, "table", &asTable)
	if (err == nil) != (again == nil) {
		t.Errorf("got %v as json and %v as a table, want both or neither to fail", err, again)
	}
	if bad := json.Unmarshal(asJSON.Bytes(), &report); bad != nil {
		t.Fatalf("status: %v in %s", bad, asJSON.String())
	}
	if b.feed.Ledger().Pages > 0 {
		b.noCursor(t, asJSON.String()+asTable.String())
	}
	return report, asTable.String(), err
}

func TestStatusAfterABackfill(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130, Balance: 100_000})
	b.sync(t, nil)
	r, table, err := b.status(t, b.config(t, environment{"CREDITS_MAX_PER_DAY": "10000", "CREDITS_MIN_BALANCE": "500"}))
	if err != nil {
		t.Fatal(err)
	}
	at := b.progress(t, b.env)
	if r.Run == nil || r.Run.ID != at.RunID || r.Run.Mode != schemas.Backfill || r.Run.Phase != schemas.Done || r.Run.Pages != 3 || r.Run.Rows != 130 || r.Run.Credits != 6500 || r.Run.Cursor != "" {
		t.Errorf("got run %+v, want backfill %s, done, with 3 pages, 130 rows, 6500 credits and no cursor", r.Run, at.RunID)
	}
	if r.Source != "kafka" || r.Agreement != "agree" || r.Kafka.Op != at.Op || r.Redis.Op != at.Op || r.Kafka.Seq != at.Seq || !r.Kafka.CommittedAt.Equal(at.CommittedAt) {
		t.Errorf("got source %q, agreement %q, kafka %+v, redis %+v, want both at op %s, seq %d", r.Source, r.Agreement, r.Kafka, r.Redis, at.Op, at.Seq)
	}
	if !r.Watermark.Equal(at.Watermark) || r.Watermark.IsZero() || len(r.History) != 1 || r.Lease.Held {
		t.Errorf("got watermark %s, %d runs in history, lease held %t, want %s, 1, false", r.Watermark, len(r.History), r.Lease.Held, at.Watermark)
	}
	m := r.Money
	if m.Balance == nil || *m.Balance != 93_500 || m.BalanceAt.IsZero() || m.Counted != "account" || m.MinBalance != 500 || m.CreditsPerRow != 50 || m.Waste.Total != 0 {
		t.Errorf("got money %+v, want a balance of 93500, of which 500 stay, by the account, and no waste", m)
	}
	day := m.Budgets[1]
	if day.Budget != "day" || day.Spent != 6500 || day.Limit == nil || *day.Limit != 10_000 || *day.Left != 3500 || m.Budgets[2].Limit != nil {
		t.Errorf("got budgets %+v, want 3500 of 10000 left of the day, and no limit a month", m.Budgets)
	}
	contains(t, table, "backfill "+at.RunID+", done", "3 pages, 130 rows", "93500 credits (USD 93.50)", "3500 of 10000 left; spent 6500", "held by nobody", "agree", "last runs")
}

func TestStatusInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.pause(t, "250", environment{"BATCH_SIZE": "25"}) // 2500 credits
	b.hold(t)
	r, table, err := b.status(t, b.config(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	at := b.progress(t, b.env)
	if r.Run.Phase != schemas.Paging || r.Run.Pages != 2 || r.Run.Rows != 50 || r.Run.Cursor != feed.Cursor(at.Cursor).String() || !r.Run.CursorIssuedAt.Equal(at.CursorIssuedAt) || !r.Watermark.IsZero() {
		t.Errorf("got %+v, watermark %s, want 2 pages, 50 rows, the digest of the cursor and no watermark", r.Run, r.Watermark)
	}
	if !r.Lease.Held || r.Lease.Owner != "the-other-one" || r.Lease.Token == 0 || r.Lease.TTL <= 0 {
		t.Errorf("got lease %+v, want it held by the-other-one", r.Lease)
	}
	contains(t, table, "paging", "2 pages, 50 rows", "held by the-other-one", "no run has reached its end", r.Run.Cursor)
}

func TestStatusShowsEachWindow(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 300})
	b.pause(t, "500", environment{"BATCH_SIZE": "10", "BACKFILL_WINDOWS": "3"})
	r, table, err := b.status(t, b.config(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	var pages, rows int64
	for _, w := range r.Run.Windows {
		pages, rows = pages+w.Pages, rows+w.Rows
	}
	if len(r.Run.Windows) != 3 || pages != r.Run.Pages || rows != r.Run.Rows || rows == 0 || r.Run.Cursor != "" {
		t.Errorf("got %d windows with %d pages and %d rows, want 3 with the %d and %d of the run, which has no cursor itself", len(r.Run.Windows), pages, rows, r.Run.Pages, r.Run.Rows)
	}
	if first, last := r.Run.Windows[0], r.Run.Windows[2]; !first.DiscoveredAfter.IsZero() || first.DiscoveredBefore.IsZero() || !last.DiscoveredBefore.IsZero() {
		t.Errorf("got windows from %s and to %s, want both open", first.DiscoveredAfter, last.DiscoveredBefore)
	}
	contains(t, table, "window 1", "window 3")
}

func TestStatusSaysHowRedisDiffers(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 130})
	b.pause(t, "250", nil)
	first := b.progress(t, b.env)
	b.sync(t, nil)
	last := b.progress(t, b.env)
	ahead := last
	ahead.Seq, ahead.Op, ahead.Pages = last.Seq+3, "not-committed", last.Pages+3
	key := "jobo:{" + b.env["FEED_NAME"] + "}:checkpoint"
	for _, c := range []struct {
		name, want string
		change     func()
	}{
		{"behind", "redis behind by 2 transactions", func() { b.rewind(t, first) }},
		{"ahead", "redis ahead: it has page 6 of run " + last.RunID, func() { b.rewind(t, ahead) }},
		{"empty", "redis empty", func() { b.stack.Redis.FlushAll() }},
		{"corrupt", "redis corrupt: key " + key, func() {
			if err := b.stack.Redis.Set(key, "what is this"); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		c.change()
		r, table, err := b.status(t, b.config(t, nil))
		if err != nil || !strings.HasPrefix(r.Agreement, c.want) {
			t.Errorf("%s: got %q (%v), want it to begin with %q", c.name, r.Agreement, err, c.want)
		}
		if r.Source != "kafka" || r.Run.Pages != last.Pages || r.Kafka.Op != last.Op {
			t.Errorf("%s: got %d pages from %s, want the %d of Kafka", c.name, r.Run.Pages, r.Source, last.Pages)
		}
		contains(t, table, c.want, map[bool]string{true: "refuses", false: "repairs"}[c.name == "ahead"])
	}
	// The account went with the rest; the checkpoint remembers what was spent.
	if r, _, _ := b.status(t, b.config(t, nil)); r.Money.Budgets[1].Spent != 6500 || *r.Money.Balance != *last.Balance {
		t.Errorf("got %+v spent and a balance of %d, want 6500 and %d", r.Money.Budgets[1], *r.Money.Balance, *last.Balance)
	}
}

func TestStatusWithOneServerAwayShowsTheOther(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	at := b.progress(t, b.env)

	c := b.config(t, environment{"REDIS_URL": "redis://" + closedAddress(t)})
	r, table, err := b.status(t, c)
	if !checkpoint.IsDown(err) || r.Redis.Error == "" || r.Kafka.Op != at.Op || r.Run.Rows != 60 || r.Agreement != "" || r.Money.Counted != "checkpoint" || r.Money.Budgets[1].Spent != 3000 {
		t.Errorf("got %v and %+v, want that Redis is down, and what Kafka has", err, r)
	}
	contains(t, table, "not known: redis at", "60 rows", "spent 3000", "this stream alone")

	b.stack.Kafka.Close()
	r, table, err = b.status(t, b.config(t, nil))
	if err == nil || exitCode(err) != ExitFailed || r.Kafka.Error == "" || r.Source != "redis" || r.Redis.Op != at.Op || r.Run.Rows != 60 || r.Agreement != "" || r.Money.Counted != "account" {
		t.Errorf("got %v and %+v, want that Kafka is down, and what Redis has", err, r)
	}
	contains(t, table, "as redis says", "not known: ", b.env["KAFKA_BROKERS"])

	if r, _, err = b.status(t, c); err == nil || r.Source != "" || r.Run != nil || r.Redis.Error == "" || r.Kafka.Error == "" {
		t.Errorf("got %v and %+v, want that both are down", err, r)
	}
}

func TestStatusNeedsNoKeyAndSaysWhatItCannotCount(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	// Another stream of the key counts against the same budgets.
	b.sync(t, stream())
	if r, _, _ := b.status(t, b.config(t, nil)); r.Money.Budgets[1].Spent != 6000 {
		t.Errorf("got %d spent with the key, want the 6000 of both streams", r.Money.Budgets[1].Spent)
	}
	r, table, err := b.status(t, b.config(t, environment{"JOBO_API_KEY": ""}))
	if err != nil || r.Money.Counted != "checkpoint" || r.Money.Budgets[1].Spent != 3000 || r.Money.Balance == nil {
		t.Errorf("got %+v (%v), want the 3000 credits of the checkpoint", r.Money, err)
	}
	contains(t, table, "spent by this stream alone")
}

func TestStatusOfNothingIsNoFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	r, table, err := b.status(t, b.config(t, nil))
	if err != nil || r.Run != nil || r.Source != "" || r.Agreement != "agree" || r.Kafka.Found || r.Redis.Found {
		t.Errorf("got %+v (%v), want that there is nothing", r, err)
	}
	contains(t, table, "none yet", "no checkpoint")
	if n := b.missing(t); n != 3 {
		t.Errorf("got %d topics missing, want all 3", n)
	}
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("told to stop")
	cancel(why)
	if err := Status(ended, b.config(t, nil), "table", new(bytes.Buffer)); !errors.Is(err, why) {
		t.Errorf("got %v after the stop, want %v", err, why)
	}
}

func TestStatusOfARunningServiceSaysWhatItDoes(t *testing.T) {
	t.Parallel()
	b := newBench(t, simulator.Options{Rows: 60})
	b.sync(t, nil)
	c := b.config(t, nil)
	p, err := assemble(t.Context(), c, zap.NewNop(), sights{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close(t.Context())
	at := b.progress(t, b.env)
	live := &Live{
		State: producer.State{Doing: producer.Paused, Since: at.CommittedAt, Reason: "the wallet is empty", Wants: "money", Next: at.CommittedAt.Add(time.Hour)},
		View:  producer.View{Progress: at, Balance: 1234, Held: 2},
	}
	r, err := gather(t.Context(), deskOf(p, c), live)
	if err != nil || r.Service == nil || r.Service.Doing != producer.Paused || r.Service.PagesInHand != 2 || *r.Money.Balance != 1234 || r.Run.Rows != 60 {
		t.Errorf("got %+v (%v), want the service's own words beside what is committed", r, err)
	}
	var table bytes.Buffer
	if err := r.table(&table); err != nil {
		t.Fatal(err)
	}
	contains(t, table.String(), "paused since", "the wallet is empty; money", "next at", "2 pages in hand")

	b.stack.Redis.Close()
	b.stack.Kafka.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if r, err := gather(ctx, deskOf(p, c), live); err == nil || r.Source != "service" || r.Run.Rows != 60 {
		t.Errorf("got %+v (%v), want what the service remembers while both servers are away", r, err)
	}
}
