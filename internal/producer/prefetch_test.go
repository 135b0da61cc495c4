package producer_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// depth is how far a test lets the loop buy ahead.
type depth struct{ prefetch, windows int }

func depths() []depth { return []depth{{1, 0}, {8, 0}, {2, 4}} }

// onSlowBrokers runs a test once for each depth, over a feed of 120 rows and
// brokers whose commits take longer than pages do.
func onSlowBrokers(t *testing.T, test func(s *stage, d depth)) {
	t.Helper()
	for _, d := range depths() {
		t.Run(fmt.Sprintf("prefetch %d, windows %d", d.prefetch, d.windows), func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 120}, func(s *stage) {
				s.opts.Prefetch = d.prefetch
				s.inWindows(d.windows)
				s.broker.wire.Slow(kmsg.EndTxn, 200*time.Millisecond)
				test(s, d)
			})
		})
	}
}

// most is how many pages may be bought and not committed.
func (d depth) most() int { return (1 + d.prefetch) * max(1, d.windows) }

// wantAll checks that every row that the run was to bring is there once.
func (s *stage) wantAll(d depth) {
	s.t.Helper()
	if d.windows > 1 {
		s.wantWindowed()
	} else {
		s.wantTruth(s.feed.Len())
	}
}

func TestPagesArePublishedInTheOrderOfTheirPurchase(t *testing.T) {
	onSlowBrokers(t, func(s *stage, d depth) {
		got := s.sync()
		s.wantAll(d)
		s.wantBills(int(got.Pages), 0)
		pageOf := map[string]int{}
		for _, r := range s.visible(sitesTopic) {
			pageOf[string(r.Key)], _ = strconv.Atoi(header(r, schemas.HeaderPage))
		}
		ledger := s.feed.Ledger()
		last := map[string]int{} // page that was published last, by scan
		seen := map[int]bool{}
		for _, bill := range ledger.Bills {
			page := 0
			for i, v := range ledger.Sold(bill) {
				if at := pageOf[v.ID]; i > 0 && at != page {
					s.t.Errorf("a page of the feed is published as pages %d and %d", page, at)
				}
				page = pageOf[v.ID]
			}
			if page == 0 {
				continue // it had no rows
			}
			if page <= last[bill.Filters] || seen[page] {
				s.t.Errorf("page %d was bought behind page %d of its scan", page, last[bill.Filters])
			}
			last[bill.Filters], seen[page] = page, true
		}
		if want := max(d.windows, 1); len(last) != want {
			s.t.Errorf("scans: got %d, want %d", len(last), want)
		}
	})
}

func TestPagesThatWaitTogetherShareATransactionThatNamesThem(t *testing.T) {
	onSlowBrokers(t, func(s *stage, d depth) {
		s.sync()
		byPage := map[int64]int64{}
		for _, r := range s.visible(sitesTopic) {
			n, _ := strconv.ParseInt(header(r, schemas.HeaderPage), 10, 64)
			byPage[n]++
		}
		most, before := int64(0), schemas.Progress{}
		for i, p := range s.chain() {
			pages := p.Pages - before.Pages
			if most = max(most, pages); pages < 1 && p.Windows == 0 || pages > 16 {
				s.t.Errorf("record %d: %d pages", i+1, pages)
			}
			rows := int64(0)
			for n := before.Pages + 1; n <= p.Pages; n++ {
				rows += byPage[n]
			}
			if p.Seq != before.Seq+1 || rows != p.Rows-before.Rows {
				s.t.Errorf("record %d: seq %d after %d, its pages have %d rows; it says %d", i+1, p.Seq, before.Seq, rows, p.Rows-before.Rows)
			}
			before = p
		}
		if want := int64(min(2, d.prefetch)); most < want {
			s.t.Errorf("pages in one transaction: got %d at most, want %d or more", most, want)
		}
	})
}

func TestNoMorePagesAreBoughtAheadThanWereAllowed(t *testing.T) {
	onSlowBrokers(t, func(s *stage, d depth) {
		s.broker.wire.Slow(kmsg.EndTxn, 5*time.Second)
		var committed atomic.Int64
		var mu sync.Mutex
		var most int64
		pager := &hookedPager{next: s.client, before: func(call int) {
			mu.Lock()
			defer mu.Unlock()
			most = max(most, int64(call)-committed.Load())
		}}
		log := &hookedLog{Log: journal{s.broker.stream}, done: func(page int64) { committed.Store(page) }}
		if _, err := s.loop(ports{pager: pager, log: log}).Sync(s.t.Context()); err != nil {
			s.t.Fatal(err)
		}
		if most != int64(d.most()) {
			s.t.Errorf("pages bought and not committed: got %d at the most, want %d", most, d.most())
		}
		s.wantAll(d)
	})
}

func TestACommitThatFailsWithSeveralPagesInHandLosesNone(t *testing.T) {
	tests := []struct {
		name  string
		fault func(s *stage)
	}{
		{"a row is refused", func(s *stage) {
			s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: sitesTopic, Err: kerr.PolicyViolation})
		}},
		{"the checkpoint is refused", func(s *stage) {
			s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: stateTopic, Err: kerr.PolicyViolation})
		}},
		{"the commit is refused", func(s *stage) {
			s.broker.fake.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.EndTxn}, Err: kerr.UnknownServerError})
		}},
		{"the commit is done and every answer lost", func(s *stage) { s.broker.wire.Cut(kmsg.EndTxn, -1) }},
		{"rows are written and every answer lost", func(s *stage) { s.broker.wire.Cut(kmsg.Produce, -1) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onSlowBrokers(t, func(s *stage, d depth) {
				log := &hookedLog{Log: journal{s.broker.stream}, fenced: func(int) { s.broker.wire.Mend() }}
				pager := &hookedPager{next: s.client, after: func(call int) {
					if call == 6 {
						test.fault(s)
					}
				}}
				got, err := s.loop(ports{pager: pager, log: log}).Sync(s.t.Context())
				if err != nil || got.Dropped != 0 || got.Progress.Phase != schemas.Done || got.Progress.Waste.Total() != 0 {
					s.t.Errorf("got %+v, %v; want the run done, nothing dropped or wasted", got, err)
				}
				if log.calls < 2 {
					s.t.Errorf("take-overs: got %d, want another one after the failure", log.calls)
				}
				s.wantAll(d)
				s.wantBills(int(got.Pages), 0)
				s.wantCopy()
			})
		})
	}
}

func TestALostLeaseWastesNoMoreThanWhatIsInHand(t *testing.T) {
	onSlowBrokers(t, func(s *stage, d depth) {
		s.broker.wire.Slow(kmsg.EndTxn, 2*time.Second)
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 6 {
				s.store.Steal("another", time.Minute)
				time.Sleep(tillRenewal)
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		_ = wantAs[*checkpoint.BusyError](s.t, err)
		wasted := s.feed.Ledger().Pages - int(got.Pages)
		if wasted < 1 || wasted > d.most() {
			s.t.Errorf("pages in hand: got %d, want 1 to %d", wasted, d.most())
		}
		time.Sleep(time.Minute)
		s.broker.wire.Slow(kmsg.EndTxn, 0)
		next := s.sync()
		s.wantAll(d)
		s.wantBills(int(got.Pages+next.Pages)+wasted, wasted)
		if waste := next.Progress.Waste; waste.Fenced != got.Dropped || waste.Total() != waste.Fenced {
			s.t.Errorf("waste: got %+v, want the %d credits that were dropped", waste, got.Dropped)
		}
	})
}

// The loop that lost pages may be the one that goes on.
func TestALoopThatLostPagesBuysThemAgainAndOwnsUp(t *testing.T) {
	for _, prefetch := range []int{0, 1, 3} {
		t.Run(strconv.Itoa(prefetch), func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 60}, func(s *stage) {
				s.opts.Prefetch = prefetch
				// The second page is on its way to the brokers when the lease is lost, and
				// as many as may be wait behind it.
				loop := s.loop(ports{pager: &hookedPager{next: s.client, before: func(call int) {
					if call == 2 {
						time.Sleep(time.Second)
						s.broker.wire.Slow(kmsg.EndTxn, 10*time.Second)
					}
				}, after: func(call int) {
					if call == prefetch+2 {
						s.store.Steal("another", time.Minute)
						time.Sleep(tillRenewal)
					}
				}}})
				before, err := loop.Sync(s.t.Context())
				_ = wantAs[*checkpoint.BusyError](s.t, err)
				if least := int64(max(prefetch, 1) * page); before.Dropped < least || before.Dropped > least+page {
					s.t.Fatalf("in hand: got %d credits, want %d or a page more", before.Dropped, least)
				}
				s.broker.wire.Slow(kmsg.EndTxn, 0)
				time.Sleep(time.Minute)
				got, err := loop.Sync(s.t.Context())
				if err != nil {
					s.t.Fatalf("the same loop can't go on: %v", err)
				}
				s.wantTruth(60)
				// One of them may be in the topic, and only the answer was too late.
				twice := int64(s.feed.Ledger().Duplicates) * feed.CreditsPerRow
				if waste := got.Progress.Waste; waste != (schemas.Waste{Fenced: twice}) || twice != before.Dropped && twice != before.Dropped-page {
					s.t.Errorf("waste: got %+v, %d credits of it on the ledger; want the %d that were dropped, or a page less, as fenced", waste, twice, before.Dropped)
				}
			})
		})
	}
}

func TestAStopPublishesAllPagesInHand(t *testing.T) {
	onSlowBrokers(t, func(s *stage, d depth) {
		s.broker.wire.Slow(kmsg.EndTxn, 2*time.Second)
		ctx, cancel := context.WithCancelCause(s.t.Context())
		defer cancel(nil)
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 9 {
				cancel(errSignal)
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(ctx)
		if err != nil || !got.Stopped || got.Dropped != 0 || got.Progress.Phase != schemas.Paging {
			s.t.Errorf("got %+v, %v; want it stopped in the middle, nothing dropped", got, err)
		}
		s.wantBills(int(got.Pages), 0)
		next := s.sync()
		s.wantAll(d)
		s.wantBills(int(got.Pages+next.Pages), 0)
		s.wantFree()
	})
}

func TestAPageBehindAnEndIsNotBought(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.opts.Prefetch = 8
		pager := &hookedPager{next: s.client}
		if _, err := s.loop(ports{pager: pager}).Sync(s.t.Context()); err != nil || pager.calls != 3 {
			s.t.Errorf("requests: got %d, %v; want 3", pager.calls, err)
		}
	})
}
