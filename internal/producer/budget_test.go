package producer_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func credits(n int64) *int64 { return &n }

// untilNextDay and untilNextMonth let the bubble's clock turn.
func untilNextDay() {
	time.Sleep(time.Until(time.Now().UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)))
}

func untilNextMonth() {
	now := time.Now().UTC()
	time.Sleep(time.Until(time.Date(now.Year(), now.Month()+1, 1, 0, 0, 0, 0, time.UTC)))
}

// Each bound allows 12 rows of 30: two pages of five, and a smaller one of two.
func TestABoundIsUsedUpToItsLastRowAndTheRunGoesOnBehindIt(t *testing.T) {
	const allowed = 12 * feed.CreditsPerRow
	tests := []struct {
		by       checkpoint.Bound
		name     string // what the message names
		set      func(s *stage)
		goOn     func(s *stage)
		until    bool // it ends by itself
		balance  int64
		together int // rows that the second call may buy
	}{
		{by: checkpoint.BoundRun, name: "CREDITS_MAX_PER_RUN", set: func(s *stage) { s.opts.Budget.PerRun = credits(allowed + 49) }, goOn: func(s *stage) { s.opts.Budget.PerRun = nil }, together: 18},
		{by: checkpoint.BoundRun, name: "CREDITS_MAX_PER_RUN", set: func(s *stage) { s.opts.Budget.PerRun = credits(allowed) }, goOn: func(s *stage) { s.opts.Budget.PerRun = credits(2 * allowed) }, together: 12},
		{by: checkpoint.BoundDay, name: "CREDITS_MAX_PER_DAY", set: func(s *stage) { s.opts.Budget.PerDay = credits(allowed) }, goOn: func(s *stage) { s.opts.Budget.PerDay = nil }, until: true, together: 18},
		{by: checkpoint.BoundDay, name: "CREDITS_MAX_PER_DAY", set: func(s *stage) { s.opts.Budget.PerDay = credits(allowed) }, goOn: func(*stage) { untilNextDay() }, until: true, together: 12},
		{by: checkpoint.BoundMonth, name: "CREDITS_MAX_PER_MONTH", set: func(s *stage) { s.opts.Budget.PerMonth = credits(allowed) }, goOn: func(*stage) { untilNextMonth() }, until: true, together: 12},
		{by: checkpoint.BoundBalance, name: "CREDITS_MIN_BALANCE", balance: 1000 + allowed + 20, set: func(s *stage) { s.opts.Budget.MinBalance = 1000 }, goOn: func(s *stage) { s.feed.AddBalance(10_000) }, together: 18},
		{by: producer.Wallet, name: "wallet", balance: allowed + 20, set: func(*stage) {}, goOn: func(s *stage) { s.feed.AddBalance(10_000) }, together: 18},
	}
	for _, prefetch := range []int{0, 3} {
		for _, test := range tests {
			t.Run(string(test.by), func(t *testing.T) {
				// The month and its last day have an hour to go.
				onStageAfter(t, 31*24*time.Hour-time.Hour, simulator.Options{Rows: 30, Balance: test.balance}, func(s *stage) {
					s.opts.Prefetch = prefetch
					test.set(s)
					before, err := s.loop(ports{}).Sync(s.t.Context())
					paused := wantAs[*producer.PausedError](s.t, err)
					if paused.By != test.by || !strings.Contains(err.Error(), test.name) || paused.Price != feed.CreditsPerRow || paused.Until.IsZero() == test.until {
						s.t.Errorf("got %+v (%v), want it paused by %s", paused, err, test.name)
					}
					if l := s.feed.Ledger(); before.Rows != 12 || l.Rows != 12 || l.Credits != allowed || before.Progress.Phase != schemas.Paging || before.Dropped != 0 {
						s.t.Errorf("got %d rows, %d on the ledger for %d credits; want exactly the 12 that are allowed", before.Rows, l.Rows, l.Credits)
					}
					s.wantCopy()
					test.goOn(s)
					got, err := s.loop(ports{}).Sync(s.t.Context())
					if test.together < 18 {
						_ = wantAs[*producer.PausedError](s.t, err)
					} else if err != nil || got.Progress.Phase != schemas.Done {
						s.t.Errorf("the second call: phase %s, %v; want the run done", got.Progress.Phase, err)
					}
					if got.Rows != int64(test.together) || got.Progress.RunID != before.Progress.RunID || got.Progress.Waste.Total() != 0 {
						s.t.Errorf("the second call: got %d rows, waste %+v; want %d, none", got.Rows, got.Progress.Waste, test.together)
					}
					if l := s.feed.Ledger(); l.Duplicates != 0 || l.Rows != 12+test.together {
						s.t.Errorf("ledger: got %d rows, %d twice; want %d, none", l.Rows, l.Duplicates, 12+test.together)
					}
				})
			})
		}
	}
}

func TestAnAllowanceThatCoversNoRowBuysNothing(t *testing.T) {
	for _, limit := range []int64{0, 49} {
		onStageIn(t, simulator.Options{Rows: 12}, func(s *stage) {
			s.opts.Budget.PerRun = &limit
			_, err := s.loop(ports{}).Sync(s.t.Context())
			if paused := wantAs[*producer.PausedError](s.t, err); paused.By != checkpoint.BoundRun || paused.Limit != limit || paused.Spent != 0 {
				s.t.Errorf("got %+v, want it paused by %d credits a run", paused, limit)
			}
			s.wantBills(0, 0)
			s.wantFree()
		})
	}
}

// onStageIn is onStage as a part of a test that has several.
func onStageIn(t *testing.T, o simulator.Options, test func(*stage)) {
	t.Helper()
	t.Run("", func(t *testing.T) { onStage(t, o, test) })
}

// A run's allowance is the run's: the next run has one of its own.
func TestTheNextRunHasAnAllowanceOfItsOwn(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.opts.Budget.PerRun = credits(600)
		s.sync()
		time.Sleep(time.Hour)
		s.feed.UpdateRandom(12)
		s.sync()
		s.wantTruth(24)
	})
}

// Windows that are paged at the same time, and pages that are reserved ahead, hold
// parts of an allowance that they may not need. It is used up all the same.
func TestAnAllowanceThatManyPagesShareIsUsedUpToItsLastRow(t *testing.T) {
	for _, prefetch := range []int{0, 3} {
		for _, rows := range []int64{11, 23, 37} {
			onStageIn(t, simulator.Options{Rows: 60}, func(s *stage) {
				s.opts.Prefetch, s.opts.Windows, s.opts.WindowsSpan = prefetch, 4, 1200*24*time.Hour
				s.opts.Budget.PerDay = credits(rows * feed.CreditsPerRow)
				got, err := s.loop(ports{}).Sync(s.t.Context())
				if paused := wantAs[*producer.PausedError](s.t, err); paused.By != checkpoint.BoundDay {
					s.t.Errorf("prefetch %d: got %+v, want it paused by the day", prefetch, paused)
				}
				if l := s.feed.Ledger(); got.Rows != rows || int64(l.Rows) != rows || l.Duplicates != 0 {
					s.t.Errorf("prefetch %d: got %d rows, %d on the ledger; want exactly the %d that are allowed", prefetch, got.Rows, l.Rows, rows)
				}
				if open, err := s.wallet.Open(s.t.Context(), feedName); err != nil || len(open) > 0 {
					s.t.Errorf("prefetch %d: got %v, %v still reserved, want nothing", prefetch, open, err)
				}
			})
		}
	}
}

// another is a stream of its own beside this one, over the same feed, brokers and
// account.
func (s *stage) another(name string) *stage {
	s.t.Helper()
	other := *s
	other.broker = &broker{t: s.t, fake: s.broker.fake, wire: s.broker.wire, dial: s.broker.dial, stream: s.broker.open(name)}
	other.opts.Feed = name
	store, err := checkpoint.NewMemory(name)
	if err != nil {
		s.t.Fatal(err)
	}
	other.store = store
	return &other
}

func TestTwoStreamsThatRaceForTheLastAllowanceBuyItOnce(t *testing.T) {
	for _, bound := range []string{"day", "month", "balance"} {
		t.Run(bound, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 100, Balance: 10_000}, func(s *stage) {
				switch bound {
				case "day":
					s.opts.Budget.PerDay = credits(17 * 50)
				case "month":
					s.opts.Budget.PerMonth = credits(17 * 50)
				case "balance":
					s.opts.Budget.MinBalance = 10_000 - 17*50
				}
				streams := []*stage{s, s.another("second")}
				var all sync.WaitGroup
				var meet sync.WaitGroup // their first purchases begin at the same time
				meet.Add(len(streams))
				rows := make([]int64, len(streams))
				for i, stream := range streams {
					var once sync.Once
					loop := stream.loop(ports{pager: &hookedPager{next: s.client, before: func(int) { once.Do(func() { meet.Done(); meet.Wait() }) }}})
					all.Go(func() {
						result, err := loop.Sync(s.t.Context())
						_ = wantAs[*producer.PausedError](s.t, err)
						rows[i] = result.Rows
					})
				}
				all.Wait()
				if l := s.feed.Ledger(); l.Rows > 17 || l.Rows < 13 || rows[0]+rows[1] != int64(l.Rows) {
					s.t.Errorf("rows: got %v, %d on the ledger; want the 17 that are allowed, less what the other one had reserved", rows, l.Rows)
				}
				if bound == "balance" && s.feed.Balance() < s.opts.Budget.MinBalance {
					s.t.Errorf("the wallet holds %d, want at least %d", s.feed.Balance(), s.opts.Budget.MinBalance)
				}
			})
		})
	}
}

// dieAfter makes a run with a loop that ends, as far as anybody can see, when the
// answer to its call has arrived: the page is paid for. Call counts from 1.
func (s *stage) dieAfter(call int) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	died, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		var calls atomic.Int64
		pager := pagerFunc(func(ctx context.Context, q feed.Query) (feed.Page, error) {
			page, err := s.client.Page(ctx, q)
			if calls.Add(1) == int64(call) {
				close(died)
			}
			if isClosed(died) {
				<-s.t.Context().Done()
			}
			return page, err
		})
		opts := s.opts
		opts.Drain = time.Nanosecond
		loop, err := producer.New(opts, pager, journal{s.broker.open(s.opts.Feed)}, deadStore{redis{s.store}, died}, deadAccount{s.wallet, died}, nil)
		if err != nil {
			s.t.Error(err)
			return
		}
		_, _ = loop.Sync(ctx)
	}()
	<-died
	cancel()
	s.t.Cleanup(func() { <-gone })
	s.store.Steal("dead", time.Millisecond)
	time.Sleep(leaseTTL)
}

// What a dead process tells Redis, nobody hears.
type deadStore struct {
	redis
	died chan struct{}
}

// Put implements producer.Checkpoints.
func (d deadStore) Put(ctx context.Context, p schemas.Progress) error {
	if isClosed(d.died) {
		return down()
	}
	return d.redis.Put(ctx, p)
}

type deadAccount struct {
	producer.Account
	died chan struct{}
}

// Settle implements producer.Account.
func (d deadAccount) Settle(ctx context.Context, at time.Time, balance int64, purchases ...schemas.Purchase) error {
	if isClosed(d.died) {
		return down()
	}
	return d.Account.Settle(ctx, at, balance, purchases...)
}

// Lose implements producer.Account.
func (d deadAccount) Lose(ctx context.Context, id, reason string, credits int64) error {
	if isClosed(d.died) {
		return down()
	}
	return d.Account.Lose(ctx, id, reason, credits)
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestWhatADeadProcessReservedCountsAsSpent(t *testing.T) {
	onStage(t, simulator.Options{Rows: 30}, func(s *stage) {
		s.opts.Budget.PerDay = credits(20 * 50)
		s.dieAfter(2) // ten rows are paid for, five are published
		other := s.another("second")
		got, err := other.loop(ports{}).Sync(s.t.Context())
		if paused := wantAs[*producer.PausedError](s.t, err); paused.By != checkpoint.BoundDay || got.Rows != 10 {
			s.t.Errorf("got %d rows, paused by %s; want the 10 that the dead one left of the day", got.Rows, paused.By)
		}
	})
}

func TestThePriceFollowsTheFeed(t *testing.T) {
	onStage(t, simulator.Options{Rows: 30, Price: 70, Balance: 100_000}, func(s *stage) {
		core, logs := observer.New(zap.WarnLevel)
		s.opts.Budget.PerRun = credits(20 * 70)
		loop, err := producer.New(s.opts, s.client, journal{s.broker.stream}, redis{s.store}, s.wallet, zap.New(core))
		if err != nil {
			s.t.Fatal(err)
		}
		got, err := loop.Sync(s.t.Context())
		loop.Release(s.t.Context())
		paused := wantAs[*producer.PausedError](s.t, err)
		if paused.Price != 70 || got.Rows != 20 || got.Credits != 20*70 || got.Progress.CreditsPerRow != 70 {
			s.t.Errorf("got %d rows for %d credits, price %d, %d in the checkpoint; want 20, 1400, 70", got.Rows, got.Credits, paused.Price, got.Progress.CreditsPerRow)
		}
		if n := logs.FilterMessageSnippet("another price").Len(); n != 1 {
			s.t.Errorf("lines about the price: got %d, want 1", n)
		}
		if l := s.feed.Ledger(); l.Credits != got.Credits || *got.Progress.Balance != l.Balance {
			s.t.Errorf("ledger: %d credits, balance %d; checkpoint: %d, %d", l.Credits, l.Balance, got.Credits, *got.Progress.Balance)
		}
	})
}

func TestALowWalletIsWarnedOfOnceAtEachCrossing(t *testing.T) {
	onStage(t, simulator.Options{Rows: 40, Balance: 2500}, func(s *stage) {
		core, logs := observer.New(zap.WarnLevel)
		s.opts.Budget.WarnBalance = credits(1000)
		filled := &hookedPager{next: s.client, before: func(call int) {
			if call == 8 { // 750 are left
				s.feed.AddBalance(1000)
			}
		}}
		loop, err := producer.New(s.opts, filled, journal{s.broker.stream}, redis{s.store}, s.wallet, zap.New(core))
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := loop.Sync(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		loop.Release(s.t.Context())
		warnings := logs.FilterMessage("the wallet runs low").All()
		if len(warnings) != 1 {
			s.t.Fatalf("warnings: got %d, want 1: it was filled above the mark, and not below it again", len(warnings))
		}
		if got := warnings[0].ContextMap(); got["balance"] != int64(750) || got["rows_left"] != int64(15) {
			s.t.Errorf("got %v, want balance 750, 15 rows left", got)
		}
		time.Sleep(time.Hour)
		s.feed.SetBalance(1100)
		s.feed.UpdateRandom(4)
		if _, err := loop.Sync(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		loop.Release(s.t.Context())
		if n := logs.FilterMessage("the wallet runs low").Len(); n != 2 {
			s.t.Errorf("warnings: got %d, want another one at the second crossing", n)
		}
	})
}
