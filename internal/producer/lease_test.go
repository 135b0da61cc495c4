package producer_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// tillRenewal is long enough for a lease to find out that it is another's.
const tillRenewal = leaseTTL/3 + time.Second

func TestALiveHolderKeepsOthersOut(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		holder, err := redis{s.store}.Hold(s.t.Context(), 0)
		if err != nil {
			s.t.Fatal(err)
		}
		_, err = s.loop(ports{}).Sync(s.t.Context())
		busy := wantAs[*checkpoint.BusyError](s.t, err)
		if busy.Owner != holder.Owner() || busy.Token != holder.Token() {
			s.t.Errorf("got holder %s with token %d, want %s with %d", busy.Owner, busy.Token, holder.Owner(), holder.Token())
		}
		s.wantBills(0, 0)
		if err := holder.Alive(); err != nil {
			s.t.Errorf("the holder lost its lease: %v", err)
		}
		if err := holder.Release(s.t.Context()); err != nil {
			s.t.Error(err)
		}
	})
}

func TestADeadHolderIsWaitedFor(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		if _, err := s.store.Acquire(s.t.Context(), "dead", leaseTTL, 0); err != nil {
			s.t.Fatal(err)
		}
		if got := s.sync(); got.Pages != 2 || got.Progress.Fence != 2 {
			s.t.Errorf("got %d pages under fence %d, want 2 under 2", got.Pages, got.Progress.Fence)
		}
	})
}

func TestAPageInHandIsNotPublishedWithoutTheLease(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		var stolen time.Time
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 2 {
				stolen = time.Now()
				s.store.Steal("another", time.Hour)
				time.Sleep(tillRenewal)
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if busy := wantAs[*checkpoint.BusyError](s.t, err); busy.Owner != "another" {
			s.t.Errorf("got holder %s, want another", busy.Owner)
		}
		if took := time.Since(stolen); took > time.Minute {
			s.t.Errorf("it took %s to leave the run to the other instance", took)
		}
		if got.Pages != 1 || got.Dropped != 5*feed.CreditsPerRow {
			s.t.Errorf("got %d pages, %d credits dropped; want 1, and the price of the second page", got.Pages, got.Dropped)
		}
		if chain := s.chain(); len(chain) != 1 {
			s.t.Errorf("checkpoints: got %d, want 1", len(chain))
		}
		s.wantBills(2, 0)
	})
}

func TestAPageInHandSurvivesALeaseThatIsRegained(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 2 {
				s.store.Wipe()
				time.Sleep(tillRenewal)
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 3 || got.Dropped != 0 {
			s.t.Errorf("got %+v, %v; want three pages, nothing dropped", got, err)
		}
		s.wantTruth(12)
		s.wantBills(3, 0)
		s.wantCopy()
		if chain := s.chain(); chain[1].Fence <= chain[0].Fence || chain[2].Fence != chain[1].Fence {
			s.t.Errorf("fences: got %d, %d, %d; want the page in hand under the new one", chain[0].Fence, chain[1].Fence, chain[2].Fence)
		}
	})
}

func TestAPageThatAnotherInstanceBoughtTooIsDropped(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 2 {
				s.store.Wipe()
				s.sync() // takes the lease, fences, finishes the run and lets go
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 1 || got.Dropped != 5*feed.CreditsPerRow {
			s.t.Errorf("got %+v, %v; want its first page, and the second dropped", got, err)
		}
		if got.Progress.Phase != schemas.Done || pager.calls != 2 {
			s.t.Errorf("phase %s after %d purchases, want done after 2", got.Progress.Phase, pager.calls)
		}
		s.wantTruth(12)
		s.wantBills(4, 1)
		s.wantCopy()
	})
}

func TestALeaseThatIsLostDuringTheFenceIsNoticed(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		log := &hookedLog{Log: journal{s.broker.stream}, fenced: func(int) { s.store.Steal("another", time.Hour) }}
		pager := &hookedPager{next: s.client}
		_, err := s.loop(ports{log: log, pager: pager}).Sync(s.t.Context())
		_ = wantAs[*checkpoint.BusyError](s.t, err)
		if pager.calls != 0 || log.calls != 1 {
			s.t.Errorf("got %d purchases and %d fences, want none and the one", pager.calls, log.calls)
		}
	})
}

// hookedStore changes what Hold gives, and remembers the floors.
type hookedStore struct {
	redis
	held   func(producer.Lease) producer.Lease
	floors []uint64
}

// Hold implements producer.Checkpoints.
func (h *hookedStore) Hold(ctx context.Context, floor uint64) (producer.Lease, error) {
	h.floors = append(h.floors, floor)
	lease, err := h.redis.Hold(ctx, floor)
	if err != nil {
		return nil, err
	}
	if h.held != nil {
		lease = h.held(lease)
	}
	return lease, nil
}

func TestNobodyFencesWithoutTheLease(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		store := &hookedStore{redis: redis{s.store}, held: func(lease producer.Lease) producer.Lease {
			s.store.Steal("another", time.Hour)
			return lease
		}}
		log := &hookedLog{Log: journal{s.broker.stream}}
		_, err := s.loop(ports{log: log, store: store}).Sync(s.t.Context())
		_ = wantAs[*checkpoint.BusyError](s.t, err)
		if log.calls != 0 {
			s.t.Errorf("it fenced the holder %d times", log.calls)
		}
	})
}

func TestTheTokenIsAboveEveryFenceThatTheLoopHasSeen(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		store := &hookedStore{redis: redis{s.store}}
		loop := s.loop(ports{store: store})
		for range 3 {
			s.store.Wipe() // its counter with it
			if _, err := loop.Sync(s.t.Context()); err != nil {
				s.t.Fatal(err)
			}
		}
		if diff := cmp.Diff([]uint64{0, 1, 2}, store.floors); diff != "" {
			s.t.Errorf("floors (-want +got):\n%s", diff)
		}
		for i, p := range s.chain()[1:] {
			if want := uint64(i + 1); p.Fence != want {
				s.t.Errorf("fence at seq %d: got %d, want %d", p.Seq, p.Fence, want)
			}
		}
	})
}

func TestAPageIsNotWaitedForWithoutTheLease(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		waited := false
		pager := pagerFunc(func(ctx context.Context, q feed.Query) (feed.Page, error) {
			if q.Cursor != "" && !waited {
				waited = true
				s.store.Wipe()
				<-ctx.Done() // the feed's limits let nobody through
				return feed.Page{}, context.Cause(ctx)
			}
			return s.client.Page(ctx, q)
		})
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 3 || !waited {
			s.t.Errorf("got %+v, %v; want three pages", got, err)
		}
		s.wantBills(3, 0)
	})
}

// A lease may be known to be lost a moment before its channel says so.
func TestAPageIsNotAskedForWithoutTheLease(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		store := &hookedStore{redis: redis{s.store}, held: func(lease producer.Lease) producer.Lease { return silentLease{lease} }}
		pager := &hookedPager{next: s.client}
		slow := slowPut{hookedStore: store, put: func() {
			s.store.Steal("another", time.Hour)
			time.Sleep(tillRenewal)
		}}
		_, err := s.loop(ports{store: slow, pager: pager}).Sync(s.t.Context())
		_ = wantAs[*checkpoint.BusyError](s.t, err)
		if pager.calls != 1 {
			s.t.Errorf("pages asked for: got %d, want the one before the loss", pager.calls)
		}
	})
}

// silentLease never says by itself that it is lost.
type silentLease struct{ producer.Lease }

func (silentLease) Lost() <-chan struct{} { return nil }

type slowPut struct {
	*hookedStore
	put func()
}

func (s slowPut) Put(ctx context.Context, p schemas.Progress) error {
	err := s.hookedStore.Put(ctx, p)
	s.put()
	return err
}

func TestNothingIsBoughtWhileRedisIsAway(t *testing.T) {
	onStage(t, simulator.Options{Rows: 40}, func(s *stage) {
		var gone, back time.Time
		during := 0
		pager := &hookedPager{next: s.client, before: func(call int) {
			if call == 3 {
				gone = time.Now()
				s.store.SetError(down())
				time.AfterFunc(time.Minute, func() { back = time.Now(); s.store.SetError(nil) })
			}
			if !gone.IsZero() && back.IsZero() && time.Since(gone) > leaseTTL*2/3 {
				during++
			}
		}, after: func(int) { time.Sleep(3 * time.Second) }}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if err != nil || got.Pages != 8 || got.Dropped != 0 {
			s.t.Errorf("got %+v, %v; want all 8 pages", got, err)
		}
		if during != 0 || back.IsZero() {
			s.t.Errorf("%d pages were bought without a lease; Redis came back at %s", during, back)
		}
		s.wantTruth(40)
		s.wantBills(8, 0)
		s.wantCopy()
	})
}

func TestARedisThatStaysAwayEndsTheRun(t *testing.T) {
	onStage(t, simulator.Options{Rows: 40}, func(s *stage) {
		s.opts.Retry = retry.Policy{Base: time.Second, Cap: time.Second, Tries: 3}
		pager := &hookedPager{next: s.client, after: func(call int) {
			if call == 2 {
				s.store.SetError(down())
				time.Sleep(leaseTTL)
			}
		}}
		got, err := s.loop(ports{pager: pager}).Sync(s.t.Context())
		if !checkpoint.IsDown(err) {
			s.t.Errorf("got %v, want that Redis is away", err)
		}
		if got.Pages != 1 || got.Dropped != 5*feed.CreditsPerRow || pager.calls != 2 {
			s.t.Errorf("got %+v after %d purchases; want one page, and one dropped", got, pager.calls)
		}
		s.store.SetError(nil)
		s.sync()
		s.wantTruth(40)
		s.wantBills(9, 1)
	})
}

func TestARedisThatIsAwayAtTheStartIsReported(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		s.store.SetError(down())
		if _, err := s.loop(ports{}).Sync(s.t.Context()); !checkpoint.IsDown(err) {
			s.t.Errorf("got %v, want that Redis is away", err)
		}
		s.wantBills(0, 0)
	})
}
