package producer_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

func TestBackfillPublishesEveryRowOnce(t *testing.T) {
	onStage(t, simulator.Options{Rows: 23, Balance: 10_000}, func(s *stage) {
		got := s.sync()
		s.wantTruth(23)
		s.wantBills(5, 0)
		s.wantCopy()
		s.wantFree()
		want := producer.Result{Pages: 5, Rows: 23, Credits: 23 * feed.CreditsPerRow, Balance: 10_000 - 23*feed.CreditsPerRow}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(producer.Result{}, "Progress")); diff != "" {
			s.t.Errorf("result (-want +got):\n%s", diff)
		}
		chain := s.chain()
		if diff := cmp.Diff(chain[len(chain)-1], got.Progress); diff != "" {
			s.t.Errorf("progress in the result (-topic +result):\n%s", diff)
		}
		p := got.Progress
		if p.Mode != schemas.Backfill || p.Phase != schemas.Done || !p.UpdatedAfter.IsZero() || !p.Watermark.Equal(p.RunStartedAt) {
			s.t.Errorf("last checkpoint: got %+v, want a backfill that is done, with its start as watermark", p)
		}
	})
}

func TestWatermarkMovesWithARunsLastPageAlone(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		first := s.sync().Progress
		time.Sleep(time.Hour)
		s.feed.UpdateRandom(12)
		second := s.sync().Progress
		chain := s.chain()
		if len(chain) != 6 {
			s.t.Fatalf("checkpoints: got %d, want 6", len(chain))
		}
		for i, want := range []time.Time{{}, {}, first.RunStartedAt, first.RunStartedAt, first.RunStartedAt, second.RunStartedAt} {
			if got := chain[i].Watermark; !got.Equal(want) {
				s.t.Errorf("watermark at seq %d: got %s, want %s", i+1, got, want)
			}
		}
		if !second.RunStartedAt.After(first.RunStartedAt.Add(time.Hour - time.Minute)) {
			s.t.Errorf("second run began at %s, the first at %s, an hour before", second.RunStartedAt, first.RunStartedAt)
		}
	})
}

func TestIncrementalRunBuysWhatChangedSinceTheWatermarkAndTheOverlap(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.opts.Overlap = 15 * time.Minute
		first := s.sync().Progress
		time.Sleep(time.Hour)
		s.feed.UpdateRandom(2)
		time.Sleep(5 * time.Minute)
		second := s.sync()
		p := second.Progress
		if want := first.Watermark.Add(-15 * time.Minute); p.Mode != schemas.Incremental || !p.UpdatedAfter.Equal(want) {
			s.t.Errorf("run: got %s after %s, want incremental after %s", p.Mode, p.UpdatedAfter, want)
		}
		if second.Rows != 2 {
			s.t.Errorf("rows: got %d, want the 2 that changed", second.Rows)
		}
		// Both changed less than the overlap before the run above began.
		time.Sleep(time.Hour)
		again := s.sync()
		if again.Rows != 0 || again.Unchanged != 2 || again.Progress.Waste != (schemas.Waste{Overlap: 2 * feed.CreditsPerRow}) {
			s.t.Errorf("rows of the overlap: got %d published, %d unchanged, waste %+v; want 0, 2, 100 credits of overlap", again.Rows, again.Unchanged, again.Progress.Waste)
		}
		if last := s.sync(); last.Rows != 0 || last.Pages != 1 {
			s.t.Errorf("nothing changed: got %d rows on %d pages, want 0 on 1", last.Rows, last.Pages)
		}
		s.wantTruth(12 + 2)
	})
}

func TestAnotherLoopGoesOnWithTheRunAsItWasBegun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 23}, func(s *stage) {
		s.sync()
		time.Sleep(time.Hour)
		s.feed.UpdateRandom(23)
		begun := s.stopAfter(2).Progress
		time.Sleep(10 * time.Minute)
		s.opts.Overlap = time.Minute // of no concern to a run that has begun
		got := s.sync()
		if got.Pages != 3 || got.Rows != 13 || got.Credits != 13*feed.CreditsPerRow {
			s.t.Errorf("the second call: got %d pages, %d rows, %d credits; want the other 3, 13, 650", got.Pages, got.Rows, got.Credits)
		}
		ignore := cmpopts.IgnoreFields(schemas.Progress{}, "Fence", "Seq", "Op", "Phase", "Cursor", "CursorIssuedAt", "Watermark", "Pages", "Rows", "Credits", "CommittedAt",
			"Balance", "Spent", "Purchases", "History")
		if diff := cmp.Diff(begun, got.Progress, ignore); diff != "" {
			s.t.Errorf("identity of the run (-first +second process):\n%s", diff)
		}
		if got.Progress.Pages != 5 || got.Progress.Rows != 23 || !got.Progress.Watermark.Equal(begun.RunStartedAt) {
			s.t.Errorf("the run: got %+v, want 5 pages, 23 rows, watermark %s", got.Progress, begun.RunStartedAt)
		}
		if got.Progress.Fence <= begun.Fence {
			s.t.Errorf("fence: got %d after %d, want it to grow", got.Progress.Fence, begun.Fence)
		}
		s.wantTruth(46)
		s.wantBills(10, 0)
	})
}

func TestOneLoopMakesRunAfterRun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		loop := s.loop(ports{})
		ids := map[string]bool{}
		for range 3 {
			result, err := loop.Sync(s.t.Context())
			if err != nil {
				s.t.Fatalf("Sync: %v", err)
			}
			ids[result.Progress.RunID] = true
			time.Sleep(time.Hour)
			s.feed.UpdateRandom(1)
		}
		if len(ids) != 3 {
			s.t.Errorf("runs: got %d, want 3", len(ids))
		}
		s.wantBills(4, 0)
	})
}

func TestAFeedWithoutRowsIsInSync(t *testing.T) {
	onStage(t, simulator.Options{Rows: -1}, func(s *stage) {
		if got := s.sync(); got.Pages != 1 || got.Rows != 0 || got.Progress.Phase != schemas.Done || got.Progress.Watermark.IsZero() {
			s.t.Errorf("got %+v, want one page without rows and a watermark", got)
		}
		time.Sleep(time.Minute)
		s.feed.Insert(3)
		if got := s.sync(); got.Rows != 3 || got.Progress.Mode != schemas.Incremental {
			s.t.Errorf("got %d rows, %s; want 3, incremental", got.Rows, got.Progress.Mode)
		}
		s.wantTruth(3)
	})
}

func TestAPageWithoutRowsMovesTheCheckpoint(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		s.fault(simulator.Fault{Kind: simulator.KindEmptyPage, When: simulator.When{Page: 2}})
		if got := s.sync(); got.Pages != 3 || got.Rows != 7 {
			s.t.Errorf("got %d pages, %d rows, want 3, 7", got.Pages, got.Rows)
		}
		s.wantTruth(7)
	})
}

// fault puts one into the feed's queue.
func (s *stage) fault(f simulator.Fault) {
	s.t.Helper()
	if err := s.feed.AddFault(f); err != nil {
		s.t.Fatal(err)
	}
}

func TestAVoidedCursorBeginsTheScanAgainAndKeepsTheRun(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
				begun := s.stopAfter(2).Progress
				s.feed.VoidCursors(status)
				time.Sleep(time.Minute)
				s.opts.BatchSize = 4 // a scan that begins again takes the size of today
				got := s.sync()
				p := got.Progress
				if p.RunID != begun.RunID || !p.RunStartedAt.Equal(begun.RunStartedAt) || !p.UpdatedAfter.Equal(begun.UpdatedAfter) {
					s.t.Errorf("run: got %+v, want the same one as %+v", p, begun)
				}
				if p.Restarts != 1 || p.BatchSize != 4 || got.Pages != 3 || p.Pages != 5 || p.Credits != (10+12)*feed.CreditsPerRow {
					s.t.Errorf("got %+v, want 1 restart, batch size 4, 3 more pages and all credits", p)
				}
				if got.Unchanged != 10 || p.Waste != (schemas.Waste{CursorRestart: 10 * feed.CreditsPerRow}) {
					s.t.Errorf("unchanged rows: got %d, waste %+v; want the 10 of before the restart and what they cost", got.Unchanged, p.Waste)
				}
				s.wantTruth(12)
			})
		})
	}
}

func TestAScanThatBeganAgainMeetsTheSameCursors(t *testing.T) {
	onStage(t, simulator.Options{}, func(s *stage) {
		fixed := newMarket(20) // its cursors name a place, and are the same in each scan
		voided := false
		pager := pagerFunc(func(_ context.Context, q feed.Query) (feed.Page, error) {
			if len(fixed.bills()) == 3 && !voided {
				voided = true
				return feed.Page{}, feed.ErrInvalidCursor
			}
			return fixed.sell("loop", q), nil
		})
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 3+4 || got.Progress.Restarts != 1 {
			s.t.Errorf("got %+v, %v; want three pages and then all four", got, err)
		}
	})
}

func TestACursorThatRunsInACircleStopsTheRun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 40}, func(s *stage) {
		s.fault(simulator.Fault{Kind: simulator.KindOldCursor, When: simulator.When{Page: 4}, Back: 2})
		got, err := s.loop(ports{}).Sync(s.t.Context())
		if refused := wantAs[*feed.PageError](s.t, err); refused.Reason != feed.FaultCursorLoop {
			s.t.Errorf("got %s, want %s", refused.Reason, feed.FaultCursorLoop)
		}
		if got.Pages != 3 || got.Dropped != 5*feed.CreditsPerRow {
			s.t.Errorf("got %d pages, %d credits dropped; want the three before, and the price of the fourth", got.Pages, got.Dropped)
		}
		if !strings.Contains(err.Error(), "250 credits were deducted") {
			s.t.Errorf("got %q, want what it cost", err)
		}
		s.wantBills(4, 0)
	})
}

func TestACursorThatIsVoidedAgainStopsTheRun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.stopAfter(1)
		s.feed.VoidCursors(0)
		s.stopAfter(2)
		s.feed.VoidCursors(0)
		before := s.chain()
		_, err := s.loop(ports{}).Sync(s.t.Context())
		voided := wantAs[*producer.VoidedError](s.t, err)
		last := before[len(before)-1]
		if voided.RunID != last.RunID || voided.Credits != last.Credits || !errors.Is(err, feed.ErrInvalidCursor) {
			s.t.Errorf("got %+v, want run %s, %d credits and the feed's answer", voided, last.RunID, last.Credits)
		}
		s.wantBills(2, 1)
		if after := s.chain(); len(after) != len(before) {
			s.t.Errorf("checkpoints: got %d, want the %d of before", len(after), len(before))
		}
		s.wantFree()
	})
}

func TestAnEmptyWalletPausesTheRunAndKeepsItsState(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12, Balance: 570}, func(s *stage) {
		result, err := s.loop(ports{}).Sync(s.t.Context())
		paused := wantAs[*producer.PausedError](s.t, err)
		if paused.By != producer.Wallet || paused.Balance != 20 || paused.Price != feed.CreditsPerRow {
			s.t.Errorf("got %+v, want it paused by the wallet with 20 credits in it", paused)
		}
		// Two pages of 5, and the one row that the rest covers.
		if result.Pages != 3 || result.Rows != 11 || result.Balance != 20 || result.Progress.Phase != schemas.Paging {
			s.t.Errorf("got %+v, want three pages, 11 rows, balance 20, in the middle of the run", result)
		}
		s.wantFree()
	})
}

func TestARunThatWasPausedGoesOnWhenTheWalletIsFilled(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12, Balance: 550}, func(s *stage) {
		paused, err := s.loop(ports{}).Sync(s.t.Context())
		if err == nil {
			s.t.Fatal("Sync: got nil with an empty wallet")
		}
		s.feed.AddBalance(1000)
		if got := s.sync(); got.Pages != 1 || got.Progress.RunID != paused.Progress.RunID {
			s.t.Errorf("got %d pages of run %s, want the last one of run %s", got.Pages, got.Progress.RunID, paused.Progress.RunID)
		}
		s.wantTruth(12)
		s.wantBills(4, 0)
	})
}

func TestTriesThatMayHaveBeenBilledAreCounted(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		s.fault(simulator.Fault{Kind: simulator.KindReset, Billed: true, When: simulator.When{Page: 2}})
		got := s.sync()
		if got.UnknownTries != 1 || got.Progress.UnknownTries != 1 {
			s.t.Errorf("tries with an unknown outcome: got %d, %d in the checkpoint; want 1, 1", got.UnknownTries, got.Progress.UnknownTries)
		}
		s.wantTruth(7)
	})
}

func TestFiltersGoToTheFeedAndIntoTheCheckpoint(t *testing.T) {
	onStage(t, simulator.Options{Rows: 40}, func(s *stage) {
		agency, from := false, time.Now().Add(-1000*time.Hour)
		s.opts.Filters = feed.Filters{IsAgency: &agency, UpdatedAfter: &from}
		want := s.feed.Select(simulator.Filters{IsAgency: &agency, UpdatedAfter: &from})
		got := s.sync()
		if len(want) == 0 || got.Rows != int64(len(want)) {
			s.t.Errorf("rows: got %d, want the %d that the filters select", got.Rows, len(want))
		}
		fingerprint, err := s.opts.Filters.Fingerprint()
		if err != nil {
			s.t.Fatal(err)
		}
		if p := got.Progress; p.Fingerprint != fingerprint || !p.UpdatedAfter.Equal(from) || len(p.Filters) < 3 {
			s.t.Errorf("checkpoint: got fingerprint %q, bound %s, filters %s; want %q, %s", p.Fingerprint, p.UpdatedAfter, p.Filters, fingerprint, from)
		}
	})
}

func TestClocksThatAreFarApartStopAfterOnePage(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.fault(simulator.Fault{Kind: simulator.KindDateSkew, Skew: -10 * time.Minute})
		loop := s.loop(ports{})
		result, err := loop.Sync(s.t.Context())
		clock := wantAs[*producer.ClockError](s.t, err)
		if got := clock.Ahead.Round(time.Minute); got != 10*time.Minute {
			s.t.Errorf("this clock is ahead by %s, want 10m", got)
		}
		if chain := s.chain(); len(chain) != 1 || result.Pages != 1 {
			s.t.Errorf("pages: got %d in the topic, %d in the result; want the one that was paid for", len(chain), result.Pages)
		}
		// The run began when the earlier clock says.
		if late := result.Progress.RunStartedAt.Sub(time.Now().Add(-10 * time.Minute)); late > time.Second {
			s.t.Errorf("the run begins %s after the feed's clock", late)
		}
		s.wantFree()
	})
}

func TestAFailedCommitDoesNotHideThatTheClocksAreFarApart(t *testing.T) {
	onStage(t, simulator.Options{Rows: 23}, func(s *stage) {
		s.fault(simulator.Fault{Kind: simulator.KindDateSkew, Skew: 10 * time.Minute, Count: -1})
		s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: sitesTopic, Err: kerr.PolicyViolation})
		_, err := s.loop(ports{}).Sync(s.t.Context())
		if clock := wantAs[*producer.ClockError](s.t, err); clock.Ahead > -9*time.Minute {
			s.t.Errorf("this clock is ahead by %s, want it behind by 10m", clock.Ahead)
		}
		s.wantBills(2, 0)
	})
}

func TestClocksThatAreALittleApartAreNoMatter(t *testing.T) {
	for _, skew := range []time.Duration{-4 * time.Minute, 4 * time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
				s.fault(simulator.Fault{Kind: simulator.KindDateSkew, Skew: skew, Count: -1})
				p := s.sync().Progress
				ahead := time.Now().Add(min(skew, 0)).Sub(p.RunStartedAt)
				if ahead < 0 || ahead > 10*time.Second {
					s.t.Errorf("the run began %s before the earlier clock, want shortly before", ahead)
				}
			})
		})
	}
}
