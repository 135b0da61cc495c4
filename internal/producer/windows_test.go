package producer_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// inWindows sets the loop up for a backfill in n windows, which is cut over the
// two years that the simulator's companies were discovered in.
func (s *stage) inWindows(n int) {
	s.opts.Windows, s.opts.WindowsSpan = n, 2*365*24*time.Hour
}

// discovered are the feed's rows that have a time of discovery, by id, and how
// many have none.
func (s *stage) discovered() (rows map[string]string, without int) {
	long := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	rows = map[string]string{}
	for _, r := range s.feed.Select(simulator.Filters{DiscoveredAfter: &long}) {
		rows[r.ID] = string(r.Bytes)
	}
	return rows, s.feed.Len() - len(rows)
}

// wantWindowed checks that each row with a time of discovery is in the topic
// once, byte for byte, and nothing else.
func (s *stage) wantWindowed() {
	s.t.Helper()
	want, _ := s.discovered()
	all := s.visible(sitesTopic)
	got := map[string]string{}
	for _, r := range all {
		got[string(r.Key)] = string(r.Value)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("rows with a time of discovery (-feed +topic):\n%s", diff)
	}
	if len(all) != len(want) {
		s.t.Errorf("records: got %d, want each of the %d rows once", len(all), len(want))
	}
}

// windows are the committed records of the windows, oldest first, by number.
func (s *stage) windows() map[int][]schemas.Progress {
	s.t.Helper()
	out := map[int][]schemas.Progress{}
	for _, r := range s.visible(stateTopic) {
		p, err := schemas.DecodeProgress(r.Value)
		if err != nil {
			s.t.Fatal(err)
		}
		if string(r.Key) != p.Key() {
			s.t.Errorf("key of a progress record: got %q, want %q", r.Key, p.Key())
		}
		if p.Window > 0 {
			out[p.Window] = append(out[p.Window], p)
		}
	}
	return out
}

func TestABackfillInWindowsBringsEveryRowThatWasDiscoveredOnce(t *testing.T) {
	onStage(t, simulator.Options{Rows: 200, Balance: 100_000}, func(s *stage) {
		s.inWindows(4)
		got := s.sync()
		rows, without := s.discovered()
		if without == 0 {
			s.t.Fatal("the feed has no row without a time of discovery: the test shows nothing")
		}
		if got.Rows != int64(len(rows)) || got.Credits != got.Rows*feed.CreditsPerRow || got.Progress.Windows != 4 {
			s.t.Errorf("got %d rows for %d credits in %d windows, want %d in 4, without the %d that were never discovered", got.Rows, got.Credits, got.Progress.Windows, len(rows), without)
		}
		s.wantWindowed()
		s.wantBills(int(got.Pages), 0)
		s.wantCopy()
		s.wantFree()
		if l := s.feed.Ledger(); l.Credits != got.Credits || *got.Progress.Balance != l.Balance {
			s.t.Errorf("ledger: %d credits, balance %d; checkpoint: %d, %d", l.Credits, l.Balance, got.Credits, *got.Progress.Balance)
		}
	})
}

func TestEachWindowHasARecordOfItsOwn(t *testing.T) {
	onStage(t, simulator.Options{Rows: 100}, func(s *stage) {
		s.inWindows(3)
		run := s.sync().Progress
		windows := s.windows()
		if got := slices.Sorted(maps.Keys(windows)); !slices.Equal(got, []int{1, 2, 3}) {
			s.t.Fatalf("windows: got %v, want 1 to 3", got)
		}
		pages, rows, credits := int64(0), int64(0), int64(0)
		for n, records := range windows {
			if plan := records[0]; plan.Pages != 0 || plan.Cursor != "" || plan.Phase != schemas.Paging {
				s.t.Errorf("window %d begins with %+v, want its plan", n, plan)
			}
			last := records[len(records)-1]
			if last.Phase != schemas.Done || last.Cursor != "" || last.RunID != run.RunID || last.Windows != 3 {
				s.t.Errorf("window %d ends with %+v, want it done in run %s", n, last, run.RunID)
			}
			if n > 1 && !last.DiscoveredAfter.Equal(windows[n-1][0].DiscoveredBefore) {
				s.t.Errorf("window %d begins at %s, the one before ends at %s", n, last.DiscoveredAfter, windows[n-1][0].DiscoveredBefore)
			}
			pages, rows, credits = pages+last.Pages, rows+last.Rows, credits+last.Credits
		}
		if pages != run.Pages || rows != run.Rows || credits != run.Credits {
			s.t.Errorf("the windows have %d pages, %d rows, %d credits, the stream %d, %d, %d", pages, rows, credits, run.Pages, run.Rows, run.Credits)
		}
		if first, last := windows[1][0], windows[3][0]; !first.DiscoveredAfter.IsZero() || !last.DiscoveredBefore.IsZero() {
			s.t.Errorf("the first window begins at %s, the last ends at %s; want both open", first.DiscoveredAfter, last.DiscoveredBefore)
		}
	})
}

func TestThePlanIsCommittedBeforeTheFirstPageIsBought(t *testing.T) {
	onStage(t, simulator.Options{Rows: 30}, func(s *stage) {
		s.inWindows(3)
		var planned []schemas.Progress
		var once sync.Once
		pager := &hookedPager{next: s.client, before: func(int) { once.Do(func() { planned = s.chain() }) }}
		if _, err := s.loop(ports{pager: pager}).Sync(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		if len(planned) != 1 || planned[0].Windows != 3 || planned[0].Pages != 0 || planned[0].Phase != schemas.Paging {
			s.t.Errorf("at the first purchase: got %+v, want the plan of 3 windows", planned)
		}
	})
}

func TestTheWatermarkMovesWhenTheLastWindowEnds(t *testing.T) {
	onStage(t, simulator.Options{Rows: 60}, func(s *stage) {
		s.inWindows(3)
		run := s.sync().Progress
		chain := s.chain()
		for i, p := range chain {
			if end := i == len(chain)-1; end != !p.Watermark.IsZero() || end != (p.Phase == schemas.Done) {
				s.t.Errorf("record %d of %d: phase %s, watermark %s", i+1, len(chain), p.Phase, p.Watermark)
			}
		}
		if !run.Watermark.Equal(run.RunStartedAt) {
			s.t.Errorf("watermark: got %s, want the run's start %s", run.Watermark, run.RunStartedAt)
		}
		time.Sleep(time.Hour)
		s.feed.UpdateRandom(2)
		// What changed comes whether it was discovered or not.
		if next := s.sync(); next.Progress.Mode != schemas.Incremental || next.Progress.Windows != 0 || next.Rows != 2 {
			s.t.Errorf("next run: got %d rows, %s, %d windows; want the 2 that changed, uncut", next.Rows, next.Progress.Mode, next.Progress.Windows)
		}
	})
}

// gauge counts how many requests are under way at once.
type gauge struct {
	next      producer.Pager
	mu        sync.Mutex
	now, most int
	byWindow  map[string]int
	twice     bool // two of one window at once
}

// Page implements producer.Pager.
func (g *gauge) Page(ctx context.Context, q feed.Query) (feed.Page, error) {
	window := ""
	if q.Filters.DiscoveredAfter != nil {
		window = q.Filters.DiscoveredAfter.String()
	}
	g.add(window, 1)
	defer g.add(window, -1)
	time.Sleep(100 * time.Millisecond)
	return g.next.Page(ctx, q)
}

func (g *gauge) add(window string, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byWindow == nil {
		g.byWindow = map[string]int{}
	}
	g.now += n
	g.most = max(g.most, g.now)
	g.byWindow[window] += n
	g.twice = g.twice || g.byWindow[window] > 1
}

func TestWindowsArePagedAtTheSameTimeOneRequestEach(t *testing.T) {
	onStage(t, simulator.Options{Rows: 120}, func(s *stage) {
		s.inWindows(4)
		pager := &gauge{next: s.client}
		if _, err := s.loop(ports{pager: pager}).Sync(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		if pager.most != 4 || pager.twice {
			s.t.Errorf("requests at once: got %d, two of one window %t; want 4, one of each", pager.most, pager.twice)
		}
		s.wantWindowed()
	})
}

func TestAStopInTheMiddleOfWindowsBuysNothingAgain(t *testing.T) {
	onStage(t, simulator.Options{Rows: 120}, func(s *stage) {
		s.inWindows(4)
		begun := s.stopAfter(7)
		if begun.Pages < 7 || begun.Dropped != 0 {
			s.t.Errorf("stopped: got %d pages, %d credits dropped; want what was bought committed", begun.Pages, begun.Dropped)
		}
		got := s.sync()
		if got.Progress.RunID != begun.Progress.RunID || got.Progress.Windows != 4 || got.Progress.Phase != schemas.Done {
			s.t.Errorf("got %+v, want run %s done", got.Progress, begun.Progress.RunID)
		}
		s.wantWindowed()
		s.wantBills(int(begun.Pages+got.Pages), 0)
	})
}

func TestAVoidedCursorOfOneWindowBeginsThatOneAgain(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusConflict} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 120}, func(s *stage) {
				s.inWindows(3)
				s.stopAfter(7)
				newest := map[int]schemas.Progress{}
				for n, records := range s.windows() {
					newest[n] = records[len(records)-1]
				}
				lost := newest[2]
				if lost.Pages == 0 || lost.Phase != schemas.Paging {
					s.t.Fatalf("window 2 stands at %+v: the test shows nothing", lost)
				}
				s.feed.VoidCursor(lost.Cursor, status)
				got := s.sync()
				p := got.Progress
				if p.Restarts != 1 || got.Unchanged != lost.Rows || p.Waste != (schemas.Waste{CursorRestart: lost.Credits}) {
					s.t.Errorf("got %d restarts, %d rows unchanged, waste %+v; want 1, the %d of window 2 and their price", p.Restarts, got.Unchanged, p.Waste, lost.Rows)
				}
				for n, records := range s.windows() {
					want := 0
					if n == 2 {
						want = 1
					}
					if last := records[len(records)-1]; last.Restarts != want || last.Phase != schemas.Done {
						s.t.Errorf("window %d: %d restarts, %s; want %d, done", n, last.Restarts, last.Phase, want)
					}
				}
				s.wantWindowed()
				if l := s.feed.Ledger(); int64(l.Duplicates)*feed.CreditsPerRow != p.Waste.Total() {
					s.t.Errorf("waste: got %d credits, the ledger has %d rows bought again", p.Waste.Total(), l.Duplicates)
				}
			})
		})
	}
}

func TestARowOnACutIsInTheWindowThatBeginsThere(t *testing.T) {
	onStage(t, simulator.Options{Rows: -1}, func(s *stage) {
		market := newMarket(12)
		s.opts.Windows, s.opts.WindowsSpan = 4, 8*time.Hour
		begin := time.Now().UTC().Truncate(time.Millisecond)
		for i, id := range slices.Sorted(keysOf(market.companies)) {
			market.companies[id].discovered = begin.Add(-time.Duration(i) * 2 * time.Hour) // cuts among them, and older ones
		}
		got, err := s.loop(ports{pager: buyer{market, "loop", func() time.Duration { return 0 }}}).Sync(s.t.Context())
		if err != nil || got.Rows != 12 {
			s.t.Fatalf("got %d rows, %v; want each of the 12 once", got.Rows, err)
		}
		cuts := map[time.Time]bool{}
		for _, records := range s.windows() {
			cuts[records[0].DiscoveredAfter] = true
		}
		on := 0
		for _, c := range market.companies {
			if cuts[c.discovered] {
				on++
			}
		}
		if on != 3 {
			s.t.Errorf("rows on a cut: got %d, want one on each of the 3", on)
		}
		keys := map[string]int{}
		for _, r := range s.visible(sitesTopic) {
			keys[string(r.Key)]++
		}
		for id := range market.companies {
			if keys[id] != 1 {
				s.t.Errorf("%s is there %d times", id, keys[id])
			}
		}
	})
}

func TestFiltersBoundTheFirstAndTheLastWindow(t *testing.T) {
	onStage(t, simulator.Options{Rows: 200}, func(s *stage) {
		s.inWindows(3)
		from, to := time.Now().Add(-500*24*time.Hour).UTC(), time.Now().Add(-100*24*time.Hour).UTC()
		s.opts.Filters = feed.Filters{DiscoveredAfter: &from, DiscoveredBefore: &to}
		want := s.feed.Select(simulator.Filters{DiscoveredAfter: &from, DiscoveredBefore: &to})
		got := s.sync()
		if len(want) < 30 || got.Rows != int64(len(want)) {
			s.t.Errorf("rows: got %d, want the %d between the bounds", got.Rows, len(want))
		}
		windows := s.windows()
		if first, last := windows[1][0].DiscoveredAfter, windows[3][0].DiscoveredBefore; !first.Equal(from) || !last.Equal(to) {
			s.t.Errorf("bounds: got %s to %s, want %s to %s", first, last, from, to)
		}
		for n, records := range windows {
			if records[len(records)-1].Pages < 2 {
				s.t.Errorf("window %d has %d pages: the cuts do not lie between the bounds", n, records[len(records)-1].Pages)
			}
		}
	})
}

func TestARunIsFinishedAsItWasCut(t *testing.T) {
	tests := []struct{ begun, later, want int }{{0, 4, 0}, {4, 0, 4}, {4, 2, 4}}
	for _, test := range tests {
		t.Run("", func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 60}, func(s *stage) {
				s.inWindows(test.begun)
				begun := s.stopAfter(5)
				s.inWindows(test.later)
				got := s.sync()
				if got.Progress.RunID != begun.Progress.RunID || got.Progress.Windows != test.want || got.Progress.Phase != schemas.Done {
					s.t.Errorf("begun in %d windows, %d later: got %+v, want the run done in %d", test.begun, test.later, got.Progress, test.want)
				}
				s.wantBills(int(begun.Pages+got.Pages), 0)
				if test.want == 0 {
					s.wantTruth(60)
				} else {
					s.wantWindowed()
				}
			})
		})
	}
}

func TestAWindowWithoutItsRecordStopsTheRun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 60}, func(s *stage) {
		s.inWindows(3)
		s.stopAfter(5)
		bills := s.feed.Ledger().Pages
		// The next start finds a tombstone in its place, as somebody's edit leaves it.
		s.write(kgo.TryCommit, &kgo.Record{Topic: stateTopic, Key: []byte(feedName + "/window-2")})
		_, err := s.loop(ports{}).Sync(s.t.Context())
		if err == nil || !strings.Contains(err.Error(), "lacks the checkpoint of window 2") {
			s.t.Errorf("got %v, want which window's record is missing", err)
		}
		s.wantBills(bills, 0)
		s.wantFree()
	})
}
