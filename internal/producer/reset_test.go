package producer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// reset resets the stream, which has to succeed.
func (s *stage) reset(wish producer.Reset) schemas.Progress {
	s.t.Helper()
	p, err := s.loop(ports{}).Reset(s.t.Context(), wish)
	if err != nil {
		s.t.Fatalf("Reset: %v", err)
	}
	return p
}

func TestAResetIsARecordOfTheChain(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12, Balance: 10_000}, func(s *stage) {
		before := s.sync().Progress
		for wish, want := range map[string]producer.Reset{
			"backfill": {Backfill: true}, "watermark": {Watermark: time.Now()},
		} {
			time.Sleep(time.Minute)
			got := s.reset(want)
			if got.Reset != wish || got.Seq != before.Seq+1 || got.Fence <= before.Fence || got.RunID <= before.RunID || got.Phase != schemas.Done || got.Pages != 0 {
				s.t.Errorf("%s: got %+v after %+v, want a record of its own that follows", wish, got, before)
			}
			if *got.Balance != *before.Balance || got.Spent != before.Spent || len(got.History) != len(before.History) {
				s.t.Errorf("%s: got %+v, want the money of %+v kept", wish, got, before)
			}
			chain := s.chain()
			if diff := cmp.Diff(chain[len(chain)-1], got); diff != "" {
				s.t.Errorf("record (-topic +returned):\n%s", diff)
			}
			s.wantCopy()
			before = got
		}
		s.wantFree()
		s.wantBills(3, 0)
	})
}

func TestABackfillBeginsAnewAfterAResetInTheMiddleOfARun(t *testing.T) {
	for _, windows := range []int{0, 3} {
		onStageIn(t, simulator.Options{Rows: 60}, func(s *stage) {
			s.inWindows(windows)
			begun := s.stopAfter(5).Progress
			time.Sleep(time.Minute)
			s.reset(producer.Reset{Backfill: true})
			got := s.sync()
			p := got.Progress
			if p.RunID == begun.RunID || p.Mode != schemas.Backfill || p.Restarts != 0 || p.Windows != windows || got.Rows != p.Rows || got.Unchanged != 0 {
				s.t.Errorf("got %+v, want another backfill of everything", got)
			}
			if want := int64(s.feed.Len()); windows == 0 && p.Rows != want {
				s.t.Errorf("rows: got %d, want %d", p.Rows, want)
			}
		})
	}
}

func TestAResetWatermarkIsWhereTheNextRunBegins(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.sync()
		time.Sleep(time.Hour)
		mark := time.Now()
		s.feed.UpdateRandom(4)
		time.Sleep(time.Minute)
		s.sync()
		s.opts.Overlap = 10 * time.Minute
		s.reset(producer.Reset{Watermark: mark})
		got := s.sync()
		if want := mark.Add(-10 * time.Minute); got.Progress.Mode != schemas.Incremental || !got.Progress.UpdatedAfter.Equal(want) {
			s.t.Errorf("got %s after %s, want incremental after %s", got.Progress.Mode, got.Progress.UpdatedAfter, want)
		}
		// They are in the topic already, and are known to be.
		if got.Unchanged != 4 || got.Rows != 0 {
			s.t.Errorf("got %d rows, %d unchanged; want 0, 4", got.Rows, got.Unchanged)
		}
		s.wantEachVersionOnce()
	})
}

func TestAResetThatMakesNoSenseIsRefused(t *testing.T) {
	own := schemas.Progress{V: 1, Feed: feedName, Seq: 1, Op: "x", RunID: "01J00000000000000000000000", Phase: schemas.Paging, Windows: 2}
	window := own
	window.Window = 1
	other := own
	other.Feed = "another"
	tests := []struct {
		name string
		wish producer.Reset
		want string
	}{
		{"nothing", producer.Reset{}, "nothing to reset to"},
		{"a watermark that was never there", producer.Reset{KeepWatermark: true}, "no watermark to keep"},
		{"a watermark in the future", producer.Reset{Watermark: time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)}, "lies in the future"},
		{"the records of another stream", producer.Reset{Import: []schemas.Progress{other}}, "set FEED_NAME=another"},
		{"windows without their stream", producer.Reset{Import: []schemas.Progress{window}}, "no record of the stream"},
		{"a stream without its windows", producer.Reset{Import: []schemas.Progress{own, window}}, "1 of the stream's 2 windows"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
				s.stopAfter(1)
				before := len(s.chain())
				_, err := s.loop(ports{}).Reset(s.t.Context(), test.wish)
				if err == nil || !strings.Contains(err.Error(), test.want) {
					s.t.Errorf("got %v, want %q in it", err, test.want)
				}
				if got := len(s.chain()); got != before {
					s.t.Errorf("records: got %d, want the %d of before", got, before)
				}
				s.wantFree()
			})
		})
	}
}

func TestAResetWaitsForTheLease(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.sync()
		s.store.Steal("another", time.Hour)
		_, err := s.loop(ports{}).Reset(s.t.Context(), producer.Reset{Backfill: true})
		_ = wantAs[*checkpoint.BusyError](s.t, err)
		if n := len(s.chain()); n != 3 {
			s.t.Errorf("records: got %d, want the 3 of before", n)
		}
	})
}

func TestAPageThatWasBoughtBeforeAResetIsNotPublishedBehindIt(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		var own schemas.Progress
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 2 {
				s.store.Wipe() // or the reset would not get the lease
				own = s.reset(producer.Reset{Backfill: true})
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 1 || got.Dropped != 5*feed.CreditsPerRow {
			s.t.Errorf("got %+v, %v; want its first page, and the second dropped", got, err)
		}
		if got.Progress.Op != own.Op {
			s.t.Errorf("it ends at %+v, want the reset", got.Progress)
		}
		if chain := s.chain(); chain[len(chain)-1].Op != own.Op {
			s.t.Errorf("the chain ends with %+v, want the reset", chain[len(chain)-1])
		}
		next := s.sync()
		if next.Progress.Mode != schemas.Backfill || next.Rows != 12 || next.Progress.Waste.Fenced+next.Progress.Waste.Crash != 5*feed.CreditsPerRow {
			s.t.Errorf("next run: got %+v, want the whole backfill, and the page that was dropped accounted for", next.Progress)
		}
	})
}

func TestAnImportGoesOnWhereTheOtherClusterStood(t *testing.T) {
	for _, windows := range []int{0, 3} {
		onStageIn(t, simulator.Options{Rows: 60}, func(s *stage) {
			s.inWindows(windows)
			begun := s.stopAfter(5)
			file := s.exported()
			s.loseProgress() // the other cluster, which has copies of the rows
			s.store.Wipe()
			time.Sleep(time.Minute)
			if p := s.reset(producer.Reset{Import: file}); p.RunID != begun.Progress.RunID || p.Cursor != begun.Progress.Cursor || p.Reset != "import" {
				s.t.Errorf("got %+v, want the record of the file", p)
			}
			got := s.sync()
			if got.Progress.RunID != begun.Progress.RunID || got.Progress.Phase != schemas.Done {
				s.t.Errorf("got %+v, want run %s done", got.Progress, begun.Progress.RunID)
			}
			s.wantBills(int(begun.Pages+got.Pages), 0)
			s.wantAll(depth{windows: windows})
		})
	}
}
