package producer_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// wantWaste checks the waste of the newest checkpoint, and that the feed's ledger
// has as many rows that were bought twice as it cost.
func (s *stage) wantWaste(want schemas.Waste) {
	s.t.Helper()
	chain := s.chain()
	got := chain[len(chain)-1].Waste
	if got != want {
		s.t.Errorf("waste: got %+v, want %+v", got, want)
	}
	if l := s.feed.Ledger(); int64(l.Duplicates)*feed.CreditsPerRow != got.Total() {
		s.t.Errorf("waste: got %d credits in all, the ledger has %d rows that were bought twice", got.Total(), l.Duplicates)
	}
	for _, p := range chain {
		if p.Balance == nil && p.Pages > 0 {
			s.t.Errorf("seq %d has no balance", p.Seq)
		}
	}
	if l := s.feed.Ledger(); *chain[len(chain)-1].Balance != l.Balance {
		s.t.Errorf("balance: got %d, the ledger says %d", *chain[len(chain)-1].Balance, l.Balance)
	}
}

const page = 5 * feed.CreditsPerRow // what one costs in these tests

func TestWasteIsWhatTheLedgerHasTwice(t *testing.T) {
	tests := []struct {
		name string
		play func(s *stage)
		want schemas.Waste
	}{
		{"nothing happened", func(s *stage) { s.sync() }, schemas.Waste{}},
		{
			"a process died with a page that it had paid for",
			func(s *stage) { s.dieAfter(3); s.sync() },
			schemas.Waste{Crash: page},
		},
		{
			"two processes died, one after the other",
			func(s *stage) { s.dieAfter(3); s.dieAfter(2); s.sync() },
			schemas.Waste{Crash: 2 * page},
		},
		{
			"a process died while Redis was wiped",
			func(s *stage) { s.dieAfter(3); s.store.Wipe(); s.wallet.Wipe(); s.sync() },
			schemas.Waste{Crash: page},
		},
		{
			"a process died that had reserved a page and not asked for it",
			func(s *stage) {
				s.stopAfter(2)
				ask := checkpoint.Ask{ID: "dead", Feed: feedName, Run: s.chain()[0].RunID, Rows: 5, Price: feed.CreditsPerRow, RunMax: -1, DayMax: -1, MonthMax: -1, Balance: -1, At: time.Now()}
				if _, err := s.wallet.Reserve(s.t.Context(), ask); err != nil {
					s.t.Fatal(err)
				}
				s.sync()
			},
			schemas.Waste{},
		},
		{
			"the connection broke behind a page that was billed",
			func(s *stage) {
				s.fault(simulator.Fault{Kind: simulator.KindReset, Billed: true, When: simulator.When{Page: 3}})
				s.sync()
			},
			schemas.Waste{UnknownOutcome: page},
		},
		{
			"it broke twice, and only the second try was billed",
			func(s *stage) {
				s.fault(simulator.Fault{Kind: simulator.KindReset, When: simulator.When{Page: 3}})
				s.fault(simulator.Fault{Kind: simulator.KindReset, Billed: true, When: simulator.When{Page: 3}})
				s.sync()
			},
			schemas.Waste{UnknownOutcome: page},
		},
		{
			"the connection broke before a page was billed",
			func(s *stage) {
				s.fault(simulator.Fault{Kind: simulator.KindReset, When: simulator.When{Page: 3}})
				s.sync()
			},
			schemas.Waste{},
		},
		{
			"the body of a page was cut",
			func(s *stage) {
				s.fault(simulator.Fault{Kind: simulator.KindCut, When: simulator.When{Page: 3}})
				s.sync()
			},
			schemas.Waste{UnknownOutcome: page},
		},
		{
			"the cursor was voided",
			func(s *stage) { s.stopAfter(3); s.feed.VoidCursors(0); s.sync() },
			schemas.Waste{CursorRestart: 3 * page},
		},
		{
			"another instance had the lease meanwhile",
			func(s *stage) {
				_, err := s.loop(ports{pager: &hookedPager{next: s.client, after: func(call int) {
					if call == 3 {
						s.store.Steal("another", time.Minute)
						time.Sleep(tillRenewal)
					}
				}}}).Sync(s.t.Context())
				_ = wantAs[*checkpoint.BusyError](s.t, err)
				time.Sleep(time.Minute)
				s.sync()
			},
			schemas.Waste{Fenced: page},
		},
		{
			"another instance finished the run meanwhile",
			func(s *stage) {
				late := s.loop(ports{pager: &hookedPager{next: s.client, after: func(call int) {
					if call == 3 {
						s.store.Wipe()
						s.sync()
					}
				}}})
				if _, err := late.Sync(s.t.Context()); err != nil {
					s.t.Fatal(err)
				}
			},
			schemas.Waste{Crash: page}, // all that the other one could know
		},
		{
			"rows of the overlap had not changed",
			func(s *stage) {
				s.sync()
				s.opts.Overlap = time.Hour
				s.feed.UpdateRandom(4)
				time.Sleep(time.Minute)
				s.sync() // buys them
				time.Sleep(time.Minute)
				s.sync() // and again
			},
			schemas.Waste{Overlap: 4 * feed.CreditsPerRow},
		},
		{
			"all of it",
			func(s *stage) {
				s.dieAfter(2)
				s.fault(simulator.Fault{Kind: simulator.KindReset, Billed: true, When: simulator.When{Page: 4}})
				s.stopAfter(2)
				s.feed.VoidCursors(0)
				s.sync()
				s.opts.Overlap = time.Hour
				s.feed.UpdateRandom(4)
				time.Sleep(time.Minute)
				s.sync()
				time.Sleep(time.Minute)
				s.sync()
			},
			schemas.Waste{Crash: page, UnknownOutcome: page, CursorRestart: 2 * page, Overlap: 4 * feed.CreditsPerRow},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 30, Balance: 1_000_000}, func(s *stage) {
				test.play(s)
				s.wantWaste(test.want)
			})
		})
	}
}

// A process that was thought dead may have reserved a page and buy it later.
func TestAPageThatIsBoughtBehindATakeOverIsPutDownToIt(t *testing.T) {
	onStage(t, simulator.Options{Rows: 30, Balance: 1_000_000}, func(s *stage) {
		begun := s.stopAfter(2).Progress
		ask := checkpoint.Ask{ID: "late", Feed: feedName, Run: begun.RunID, Rows: 5, Price: feed.CreditsPerRow, RunMax: -1, DayMax: -1, MonthMax: -1, Balance: -1, At: time.Now()}
		if _, err := s.wallet.Reserve(s.t.Context(), ask); err != nil {
			s.t.Fatal(err)
		}
		pager := &hookedPager{next: s.client, before: func(call int) {
			if call == 3 {
				if _, err := s.client.Page(s.t.Context(), feed.Query{Cursor: feed.Cursor(begun.Cursor), BatchSize: 5}); err != nil {
					s.t.Error(err)
				}
			}
		}}
		if _, err := s.loop(ports{pager: pager}).Sync(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		s.wantTruth(30)
		s.wantWaste(schemas.Waste{Fenced: page})
	})
}

// The balance tells what became of money only where nothing else is under way:
// behind a failure pages are bought one by one until that is known.
func TestWasteIsExactWithPagesAhead(t *testing.T) {
	onSlowBrokers(t, func(s *stage, d depth) {
		s.fault(simulator.Fault{Kind: simulator.KindReset, Billed: true, When: simulator.When{Page: 9}})
		got := s.sync()
		s.wantAll(d)
		if got.UnknownTries != 1 {
			s.t.Errorf("tries with an unknown outcome: got %d, want 1", got.UnknownTries)
		}
		bill := s.feed.Ledger().Bills[8]
		s.wantWaste(schemas.Waste{UnknownOutcome: bill.Credits})
	})
}

func TestADeadProcessWithPagesAheadCostsWhatItHadInHand(t *testing.T) {
	onSlowBrokers(t, func(s *stage, d depth) {
		s.broker.wire.Slow(kmsg.EndTxn, 5*time.Second)
		s.dieAfter(6)
		s.broker.wire.Slow(kmsg.EndTxn, 0)
		before := s.feed.Ledger().Pages
		s.sync()
		s.wantAll(d)
		waste := s.chain()[len(s.chain())-1].Waste
		if waste.Crash == 0 || waste.Crash > int64(d.most())*page {
			s.t.Errorf("waste: got %+v after %d pages, want what at most %d pages cost", waste, before, d.most())
		}
		s.wantWaste(schemas.Waste{Crash: waste.Crash})
	})
}

func TestSpentIsWhatTheLedgerSays(t *testing.T) {
	onStageAfter(t, 30*24*time.Hour, simulator.Options{Rows: 12}, func(s *stage) {
		s.sync()
		time.Sleep(time.Hour)
		s.feed.UpdateRandom(3)
		time.Sleep(time.Minute)
		if got, want := s.sync().Progress.Spent, (schemas.Spent{Date: "2000-01-31", Day: 750, Month: 750}); got != want {
			s.t.Errorf("spent: got %+v, want %+v", got, want)
		}
		untilNextDay()
		s.feed.UpdateRandom(2)
		if got, want := s.sync().Progress.Spent, (schemas.Spent{Date: "2000-02-01", Day: 100, Month: 100}); got != want {
			s.t.Errorf("spent in the new month: got %+v, want %+v", got, want)
		}
		totals, err := s.wallet.Totals(s.t.Context(), time.Now(), s.chain()[0].RunID)
		if err != nil || totals.Run != 600 || totals.Day != 100 || totals.Month != 100 || totals.Reserved != 0 {
			s.t.Errorf("account: got %+v, %v; want 600 for the backfill, 100 today, nothing reserved", totals, err)
		}
	})
}
