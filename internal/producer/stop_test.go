package producer_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// errSignal is why the tests' contexts end.
var errSignal = errors.New("signal")

func TestAStopFinishesThePageInHandAndBuysNoOther(t *testing.T) {
	tests := []struct {
		name string
		hook func(stop func()) (*hookedPager, *hookedLog)
	}{
		{"while the page is on its way", func(stop func()) (*hookedPager, *hookedLog) {
			return &hookedPager{after: func(call int) {
				if call == 2 {
					stop()
				}
			}}, &hookedLog{}
		}},
		{"while the page is being committed", func(stop func()) (*hookedPager, *hookedLog) {
			return &hookedPager{}, &hookedLog{gate: func(page int64) {
				if page == 2 {
					stop()
				}
			}}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 23}, func(s *stage) {
				ctx, cancel := context.WithCancelCause(s.t.Context())
				defer cancel(nil)
				pager, log := test.hook(func() { cancel(errSignal) })
				pager.next, log.Log = s.client, journal{s.broker.stream}
				got, err := s.loop(ports{pager: pager, log: log}).Sync(ctx)
				if err != nil || !got.Stopped || got.Pages != 2 || got.Dropped != 0 {
					s.t.Errorf("got %+v, %v; want it stopped after two pages, nothing dropped", got, err)
				}
				s.wantBills(2, 0)
				if pager.calls != 2 {
					s.t.Errorf("pages asked for: got %d, want 2", pager.calls)
				}
				if chain := s.chain(); len(chain) != 2 || chain[1].Phase != schemas.Paging {
					s.t.Errorf("checkpoints: got %d, want 2", len(chain))
				}
				s.wantCopy()
				s.wantFree()
			})
		})
	}
}

func TestAStopBeforeTheFirstPageBuysNothing(t *testing.T) {
	tests := []struct {
		name string
		sync func(s *stage, ctx context.Context, stop func()) (stopped bool, err error)
	}{
		{"before the loop began", func(s *stage, ctx context.Context, stop func()) (bool, error) {
			stop()
			got, err := s.loop(ports{}).Sync(ctx)
			return got.Stopped, err
		}},
		{"during the take-over", func(s *stage, ctx context.Context, stop func()) (bool, error) {
			log := &hookedLog{Log: journal{s.broker.stream}, fenced: func(int) { stop() }}
			got, err := s.loop(ports{log: log}).Sync(ctx)
			return got.Stopped, err
		}},
		{"while the limits make it wait", func(s *stage, ctx context.Context, stop func()) (bool, error) {
			log := &hookedLog{Log: journal{s.broker.stream}}
			got, err := s.loop(ports{log: log, pager: &hookedPager{next: s.client, before: func(int) {
				time.AfterFunc(time.Second, stop)
				<-ctx.Done()
			}}}).Sync(ctx)
			if log.calls != 1 {
				s.t.Errorf("take-overs: got %d, want no other after the stop", log.calls)
			}
			return got.Stopped, err
		}},
		{"while another instance holds the lease", func(s *stage, ctx context.Context, stop func()) (bool, error) {
			if _, err := s.store.Acquire(ctx, "another", time.Minute, 0); err != nil {
				s.t.Fatal(err)
			}
			time.AfterFunc(time.Second, stop)
			got, err := s.loop(ports{}).Sync(ctx)
			s.store.Wipe()
			return got.Stopped, err
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
				ctx, cancel := context.WithCancelCause(s.t.Context())
				defer cancel(nil)
				if stopped, err := test.sync(s, ctx, func() { cancel(errSignal) }); err != nil || !stopped {
					s.t.Errorf("got stopped %t, %v; want it stopped and no error", stopped, err)
				}
				s.wantBills(0, 0)
				s.wantFree()
			})
		})
	}
}

func TestAStopGivesUpWaitingForTheBrokers(t *testing.T) {
	onStage(t, simulator.Options{Rows: 12}, func(s *stage) {
		s.opts.Drain = 20 * time.Second
		ctx, cancel := context.WithCancelCause(s.t.Context())
		defer cancel(nil)
		var stopped time.Time
		log := &hookedLog{Log: journal{s.broker.stream}, gate: func(page int64) {
			if page == 2 {
				s.broker.wire.Cut(kmsg.EndTxn, -1)
				stopped = time.Now()
				cancel(errSignal)
			}
		}}
		got, err := s.loop(ports{log: log}).Sync(ctx)
		if err == nil || !strings.Contains(err.Error(), "not finished 20s after the stop") {
			s.t.Errorf("got %v, want what could not be finished", err)
		}
		if took := time.Since(stopped); took < 20*time.Second || took > 21*time.Second {
			s.t.Errorf("Sync returned %s after the stop, want 20s", took)
		}
		if got.Stopped || got.Pages != 1 || got.Dropped != 5*feed.CreditsPerRow {
			s.t.Errorf("got %+v, want one page, and one whose outcome is unknown", got)
		}
		s.broker.wire.Mend()
		// It was committed, only the answers were lost: the next process knows.
		if next := s.sync(); next.Pages != 1 {
			s.t.Errorf("pages left: got %d, want 1", next.Pages)
		}
		s.wantTruth(12)
		s.wantBills(3, 0)
	})
}
