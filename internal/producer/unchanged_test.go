package producer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// wantEachVersionOnce checks that every version that the feed sold is in the
// topic once, byte for byte, whichever was bought how often.
func (s *stage) wantEachVersionOnce() {
	s.t.Helper()
	got := map[string]int{}
	for _, r := range s.visible(sitesTopic) {
		got[string(r.Value)]++
	}
	want := 0
	for id := range s.feed.Truth() {
		for _, version := range s.feed.Served(id) {
			want++
			if n := got[string(version.Bytes)]; n != 1 {
				s.t.Errorf("version %d of %s is there %d times, want once", version.Version, id, n)
			}
		}
	}
	if len(got) != want {
		s.t.Errorf("versions: got %d, want the %d that were sold", len(got), want)
	}
}

// An overlap of hours, in which some rows change again and others do not: what is
// published must not depend on what happened to process and Redis in between.
func TestTheOverlapPublishesWhatChangedAndNothingElse(t *testing.T) {
	wiped := func(s *stage) { s.store.Wipe(); s.wallet.Wipe() }
	tests := []struct {
		name    string
		between func(s *stage) // runs
		next    func(s *stage) // the run
	}{
		{"by another process", func(*stage) {}, func(s *stage) { s.sync() }},
		{"by another process after Redis was wiped", wiped, func(s *stage) { s.sync() }},
		{"by a process that takes over in the middle", func(*stage) {}, func(s *stage) { s.stopAfter(1); s.sync() }},
		{"by a process that takes over, Redis wiped", func(*stage) {}, func(s *stage) { s.stopAfter(1); wiped(s); s.sync() }},
		{"by a process that takes over from a dead one", func(*stage) {}, func(s *stage) { s.dieAfter(2); s.sync() }},
		{"with a commit whose outcome is unknown", func(*stage) {}, func(s *stage) {
			pager := &hookedPager{next: s.client, after: func(call int) {
				if call == 2 {
					s.broker.wire.Cut(kmsg.EndTxn, -1)
				}
			}}
			log := &hookedLog{Log: journal{s.broker.stream}, fenced: func(int) { s.broker.wire.Mend() }}
			if _, err := s.loop(ports{pager: pager, log: log}).Sync(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
		}},
		{"with pages ahead", func(*stage) {}, func(s *stage) { s.opts.Prefetch = 3; s.sync() }},
		{"after the cursor was voided", func(*stage) {}, func(s *stage) { s.stopAfter(2); s.feed.VoidCursors(0); s.sync() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 40}, func(s *stage) {
				s.sync()
				s.opts.Overlap = 3 * time.Hour
				time.Sleep(time.Hour)
				first := s.feed.UpdateRandom(20)
				time.Sleep(time.Hour)
				s.sync()
				test.between(s)
				time.Sleep(time.Minute)
				if err := s.feed.Update(first[:7]...); err != nil { // changed again
					s.t.Fatal(err)
				}
				inserted := s.feed.Insert(3)
				time.Sleep(time.Minute)
				test.next(s)
				s.wantEachVersionOnce()
				s.wantTruth(40 + 20 + 7 + len(inserted))
			})
		})
	}
}

func TestALoopThatRunsOnKnowsWhatItPublished(t *testing.T) {
	onStage(t, simulator.Options{Rows: 20}, func(s *stage) {
		s.opts.Overlap = 3 * time.Hour
		loop := s.loop(ports{})
		reads := 0
		for turn := range 6 {
			result, err := loop.Sync(s.t.Context())
			if err != nil {
				s.t.Fatal(err)
			}
			if turn > 0 && result.Rows != 2 {
				s.t.Errorf("run %d: %d rows published, want the 2 that changed", turn, result.Rows)
			}
			reads += int(result.Unchanged)
			time.Sleep(time.Hour)
			s.feed.UpdateRandom(2)
			time.Sleep(time.Minute)
		}
		if reads == 0 {
			s.t.Error("no row was bought again: the test shows nothing")
		}
		s.wantEachVersionOnce()
	})
}

func TestABackfillThatBeganAgainPublishesWhatChangedMeanwhile(t *testing.T) {
	for _, windows := range []int{0, 3} {
		for _, crash := range []bool{false, true} {
			t.Run(fmt.Sprintf("windows %d, crash %t", windows, crash), func(t *testing.T) {
				onStage(t, simulator.Options{Rows: 60}, func(s *stage) {
					s.inWindows(windows)
					s.stopAfter(7)
					bought := s.feed.Ledger().Rows
					s.feed.VoidCursors(0)
					changed := s.feed.UpdateRandom(30)
					if crash {
						s.dieAfter(4) // in the scan that began again: its successor knows no less
					}
					got := s.sync()
					s.wantEachVersionOnce()
					if got.Progress.Restarts == 0 || got.Unchanged == 0 || len(changed) == 0 || bought == 0 {
						s.t.Errorf("got %d restarts, %d rows unchanged: the test shows nothing", got.Progress.Restarts, got.Unchanged)
					}
					if got.Progress.Waste.Overlap != 0 || got.Progress.Waste.CursorRestart == 0 {
						s.t.Errorf("waste: got %+v, want it put down to the restart", got.Progress.Waste)
					}
				})
			})
		}
	}
}

func TestTheSameRowOnTwoPagesOfATransactionIsPublishedOnce(t *testing.T) {
	onStage(t, simulator.Options{Rows: 10}, func(s *stage) {
		s.sync()
		time.Sleep(time.Hour)
		s.opts.Prefetch, s.opts.Overlap = 3, time.Hour
		now := time.Now().UTC()
		row := func(id, text string) feed.Row {
			return feed.Row{ID: id, UpdatedAt: now, Raw: fmt.Appendf(nil, `{"id":%q,"text":%q}`, id, text)}
		}
		pages := []feed.Page{
			{Rows: []feed.Row{row("a", "1"), row("b", "1")}, Next: "1", HasMore: true},
			{Rows: []feed.Row{row("a", "1"), row("c", "1")}, Next: "2", HasMore: true},
			{Rows: []feed.Row{row("b", "2"), row("a", "1")}, Next: "3", HasMore: true},
			{Rows: []feed.Row{row("b", "2"), row("b", "1")}},
		}
		s.broker.wire.Slow(kmsg.EndTxn, time.Second)
		calls := 0
		pager := pagerFunc(func(context.Context, feed.Query) (feed.Page, error) {
			calls++
			p := pages[calls-1]
			p.Balance, p.ServedAt = feed.Unknown, time.Now()
			return p, nil
		})
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 4 {
			s.t.Fatalf("got %d pages, %v; want 4", got.Pages, err)
		}
		grouped := false
		chain := s.chain()
		for i := range chain[1:] {
			grouped = grouped || chain[i+1].Pages > chain[i].Pages+1 && chain[i+1].RunID == chain[i].RunID
		}
		if !grouped {
			s.t.Error("no transaction has several pages: the test shows nothing")
		}
		versions := map[string][]string{}
		for _, r := range s.visible(sitesTopic) {
			if len(r.Key) == 1 {
				versions[string(r.Key)] = append(versions[string(r.Key)], string(r.Value))
			}
		}
		for id, want := range map[string]int{"a": 1, "b": 3, "c": 1} {
			if len(versions[id]) != want {
				s.t.Errorf("versions of %s: got %v, want %d", id, versions[id], want)
			}
		}
		if got.Unchanged != 3 || got.Rows != 5 {
			s.t.Errorf("got %d rows, %d unchanged; want 5, 3", got.Rows, got.Unchanged)
		}
	})
}

func TestRowsThatAllChangedAreAllPublished(t *testing.T) {
	onStage(t, simulator.Options{Rows: 10}, func(s *stage) {
		s.sync()
		time.Sleep(time.Hour)
		s.feed.UpdateRandom(10)
		time.Sleep(time.Minute)
		if got := s.sync(); got.Rows != 10 || got.Unchanged != 0 {
			s.t.Errorf("all rows changed: got %d published, %d unchanged; want 10, 0", got.Rows, got.Unchanged)
		}
		s.wantEachVersionOnce()
		if p := s.chain()[len(s.chain())-1]; p.Waste != (schemas.Waste{}) {
			s.t.Errorf("waste: got %+v, want none", p.Waste)
		}
	})
}
