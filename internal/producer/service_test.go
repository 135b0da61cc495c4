package producer_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// serving is a service at work.
type serving struct {
	*producer.Service
	t     *testing.T
	stop  context.CancelFunc
	ended chan struct{} // closed when Run has returned
	err   error         // of Run, once that is so

	mu   sync.Mutex
	runs []run
}

// run is what a service told of one.
type run struct {
	at     time.Time
	result producer.Result
	err    error
}

// serviceOptions sync every hour and try a pause every ten minutes.
func serviceOptions() producer.ServiceOptions {
	return producer.ServiceOptions{Interval: time.Hour, Probe: 10 * time.Minute}
}

// serviceOf starts a service that ends with the test, if not before.
func (s *stage) serviceOf(p ports, o producer.ServiceOptions) *serving {
	s.t.Helper()
	v := &serving{t: s.t, ended: make(chan struct{})}
	o.OnRun = func(result producer.Result, err error) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.runs = append(v.runs, run{time.Now(), result, err})
	}
	v.Service = producer.NewService(s.loop(p).Loop, o, zap.NewNop())
	var ctx context.Context
	ctx, v.stop = context.WithCancel(s.t.Context())
	go func() {
		defer close(v.ended)
		v.err = v.Run(ctx)
	}()
	s.t.Cleanup(func() { v.stop(); <-v.ended })
	return v
}

// await lets time go by until the service does what is expected of it.
func (v *serving) await(want producer.Doing, within time.Duration) producer.State {
	v.t.Helper()
	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if state := v.State(); state.Doing == want {
			return state
		}
	}
	select {
	case <-v.ended:
		v.t.Fatalf("the service ended with %v, want it %s", v.err, want)
	default:
		v.t.Fatalf("%s after %s, want it %s", v.State().Doing, within, want)
	}
	return producer.State{}
}

// end stops the service and returns what Run did.
func (v *serving) end() error {
	v.stop()
	<-v.ended
	return v.err
}

// told is what OnRun was told so far.
func (v *serving) told() []run {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.runs)
}

func TestAServiceBackfillsAndThenSyncsInEveryInterval(t *testing.T) {
	onStage(t, simulator.Options{Rows: 30}, func(s *stage) {
		v := s.serviceOf(ports{}, serviceOptions())
		for range 6 {
			state := v.await(producer.Waiting, time.Hour)
			if state.Next.Before(time.Now().Add(-time.Second)) {
				s.t.Errorf("it waits for %s, which is over", state.Next)
			}
			s.feed.UpdateRandom(2)
			time.Sleep(time.Until(state.Next) + 2*time.Second)
		}
		if err := v.end(); err != nil {
			s.t.Errorf("Run: got %v, want nil", err)
		}
		runs := v.told()
		if len(runs) != 7 {
			s.t.Fatalf("runs: got %d, want the backfill and 6 more", len(runs))
		}
		gaps := map[time.Duration]bool{}
		for i, r := range runs {
			want := schemas.Incremental
			if i == 0 {
				want = schemas.Backfill
			}
			if r.err != nil || r.result.Progress.Mode != want || r.result.Progress.Phase != schemas.Done {
				s.t.Errorf("run %d: got %s, %s, %v; want %s, done", i, r.result.Progress.Mode, r.result.Progress.Phase, r.err, want)
			}
			if i == 0 {
				continue
			}
			gap := r.result.Progress.RunStartedAt.Sub(runs[i-1].result.Progress.RunStartedAt)
			if gap < 57*time.Minute || gap > 63*time.Minute+2*time.Second {
				s.t.Errorf("run %d began %s after the one before, want an hour, give or take a twentieth", i, gap)
			}
			gaps[gap.Round(time.Second)] = true
		}
		if len(gaps) < 2 {
			s.t.Error("all intervals are alike: there is no jitter")
		}
		s.wantEachVersionOnce()
		s.wantFree()
	})
}

func TestAServiceThatStartsSoonAfterARunWaitsForTheNext(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		started := s.sync().Progress.RunStartedAt
		time.Sleep(20 * time.Minute)
		v := s.serviceOf(ports{}, serviceOptions())
		state := v.await(producer.Waiting, time.Minute)
		if wait := state.Next.Sub(started); wait < 56*time.Minute || wait > 64*time.Minute {
			s.t.Errorf("the next run is %s after the last, want about an hour", wait)
		}
		s.wantBills(2, 0)
	})
}

// mortal is a store whose holder can die: nothing renews the lease any more.
type mortal struct {
	redis
	died chan struct{}
}

// Hold implements producer.Checkpoints.
func (m mortal) Hold(ctx context.Context, floor uint64) (producer.Lease, error) {
	return checkpoint.Hold(ctx, mortalLease{m.Memory, m.died}, checkpoint.HoldOptions{TTL: leaseTTL, Floor: floor, Wait: leaseTTL + leaseTTL/4})
}

type mortalLease struct {
	*checkpoint.Memory
	died chan struct{}
}

// Renew implements checkpoint.Leaser.
func (m mortalLease) Renew(ctx context.Context, owner string, token uint64, ttl time.Duration) error {
	if isClosed(m.died) {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return m.Memory.Renew(ctx, owner, token, ttl)
}

func TestAStandbyTakesOverWithinATTLAndGoesOn(t *testing.T) {
	onStage(t, simulator.Options{Rows: 60}, func(s *stage) {
		died, over := make(chan struct{}), make(chan struct{})
		leader := s.serviceOf(ports{store: mortal{redis{s.store}, died}, pager: &hookedPager{next: s.client, after: func(call int) {
			if call == 5 {
				time.Sleep(2 * time.Minute) // a page that takes long: the standby stands by
				close(died)
				<-over
			}
		}}}, serviceOptions())
		leader.await(producer.Syncing, time.Minute)
		standby := s.serviceOf(ports{log: journal{s.broker.open(feedName)}}, serviceOptions())
		state := standby.await(producer.Standby, time.Minute)
		if !strings.Contains(state.Reason, "lease held by") {
			s.t.Errorf("reason: got %q, want who holds the lease", state.Reason)
		}
		<-died
		dead := time.Now()
		standby.await(producer.Syncing, time.Minute)
		if took := time.Since(dead); took > leaseTTL+time.Second {
			s.t.Errorf("it took over %s after the death, want at most %s", took, leaseTTL)
		}
		standby.await(producer.Waiting, time.Minute)
		runs := standby.told()
		got := runs[len(runs)-1].result
		if got.Progress.Phase != schemas.Done || got.Pages != 12-4 || got.Progress.Waste.Crash != 5*feed.CreditsPerRow {
			s.t.Errorf("got %d pages, waste %+v; want the other 8, and the one page that died", got.Pages, got.Progress.Waste)
		}
		s.wantTruth(60)
		s.wantBills(13, 1)
		close(over)
		if err := leader.end(); err != nil {
			s.t.Errorf("the old leader: got %v, want that it was stopped", err)
		}
		s.wantTruth(60)
	})
}

func TestALeaderKeepsTheLeaseBetweenItsRuns(t *testing.T) {
	onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
		leader := s.serviceOf(ports{}, serviceOptions())
		leader.await(producer.Waiting, time.Minute)
		standby := s.serviceOf(ports{log: journal{s.broker.open(feedName)}}, serviceOptions())
		standby.await(producer.Standby, time.Minute)
		since := standby.State().Since
		time.Sleep(3 * time.Hour)
		if state := standby.State(); state.Doing != producer.Standby || !state.Since.Equal(since) || len(standby.told()) != 0 {
			s.t.Errorf("after three hours: got %+v, want it standing by since %s", state, since)
		}
		// It gives the lease back, and the other one need not wait for it.
		if err := leader.end(); err != nil {
			s.t.Error(err)
		}
		standby.await(producer.Waiting, leaseTTL)
		if n := len(leader.told()); n < 3 {
			s.t.Errorf("runs of the leader: got %d, want one in each hour", n)
		}
	})
}

func TestAServiceThatTheWalletPausedGoesOnByItself(t *testing.T) {
	onStage(t, simulator.Options{Rows: 30, Balance: 12*feed.CreditsPerRow + 20}, func(s *stage) {
		v := s.serviceOf(ports{}, producer.ServiceOptions{Interval: 24 * time.Hour, Probe: 10 * time.Minute})
		state := v.await(producer.Paused, time.Minute)
		if !strings.Contains(state.Reason, "the wallet holds 20 credits") || !strings.Contains(state.Wants, "wallet is filled") {
			s.t.Errorf("got reason %q, wants %q", state.Reason, state.Wants)
		}
		if wait := time.Until(state.Next); wait < 9*time.Minute || wait > 10*time.Minute {
			s.t.Errorf("it tries again in %s, want 10 minutes", wait)
		}
		time.Sleep(time.Hour)
		tries := len(v.told())
		if again := v.State(); again.Doing != producer.Paused || !again.Since.Equal(state.Since) || tries < 6 || tries > 8 {
			s.t.Errorf("after an hour: got %+v after %d tries; want it paused since %s, tried every 10 minutes", again, tries, state.Since)
		}
		s.feed.AddBalance(10_000)
		v.await(producer.Waiting, 11*time.Minute)
		if err := v.end(); err != nil {
			s.t.Error(err)
		}
		s.wantTruth(30)
		if l := s.feed.Ledger(); l.Duplicates != 0 {
			s.t.Errorf("%d rows were bought twice", l.Duplicates)
		}
		ids := map[string]bool{}
		for _, r := range v.told() {
			ids[r.result.Progress.RunID] = true
		}
		if len(ids) != 1 {
			s.t.Errorf("runs: got %d, want the one", len(ids))
		}
	})
}

func TestAServiceThatTheDaysBudgetPausedGoesOnAtMidnight(t *testing.T) {
	onStageAfter(t, 22*time.Hour, simulator.Options{Rows: 20}, func(s *stage) {
		s.opts.Budget.PerDay = credits(12 * feed.CreditsPerRow)
		o := producer.ServiceOptions{Interval: 24 * time.Hour, Probe: 24 * time.Hour}
		v := s.serviceOf(ports{}, o)
		state := v.await(producer.Paused, time.Minute)
		midnight := time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC)
		if !state.Next.Equal(midnight) || !strings.Contains(state.Reason, "CREDITS_MAX_PER_DAY=600") || !strings.Contains(state.Wants, "2000-01-02T00:00:00Z") {
			s.t.Errorf("got %+v, want it paused by the day's budget until midnight", state)
		}
		v.await(producer.Waiting, 3*time.Hour)
		if now := time.Now(); now.Before(midnight) || now.After(midnight.Add(time.Minute)) {
			s.t.Errorf("it went on at %s, want midnight", now)
		}
		s.wantTruth(20)
		s.wantBills(5, 0) // 5, 5, 2; 5, 3
	})
}

func TestAServiceTriesAgainWhatWasAway(t *testing.T) {
	tests := []struct {
		name       string
		gone, back func(s *stage)
		reason     string
	}{
		{
			"Redis", func(s *stage) { s.store.SetError(down()); s.wallet.SetError(down()) },
			func(s *stage) { s.store.SetError(nil); s.wallet.SetError(nil) }, "connection refused",
		},
		{
			"the feed", func(s *stage) {
				s.fault(simulator.Fault{Kind: simulator.KindStatus, Status: http.StatusServiceUnavailable, Count: -1})
			},
			func(s *stage) { s.feed.ResetFaults() }, "503",
		},
	}
	for _, test := range tests {
		for _, begun := range []bool{false, true} {
			t.Run(test.name, func(t *testing.T) {
				onStage(t, simulator.Options{Rows: 60}, func(s *stage) {
					s.opts.Retry = retry.Policy{Base: time.Second, Cap: time.Second, Tries: 5}
					var once sync.Once
					pager := &hookedPager{next: s.client, before: func(call int) {
						if call == 4 {
							once.Do(func() { test.gone(s) })
						}
					}}
					if !begun {
						once.Do(func() { test.gone(s) })
					}
					v := s.serviceOf(ports{pager: pager}, serviceOptions())
					state := v.await(producer.Retrying, 30*time.Minute)
					if !strings.Contains(state.Reason, test.reason) || !state.Next.After(time.Now().Add(-time.Second)) {
						s.t.Errorf("got %+v, want %q and when it tries again", state, test.reason)
					}
					time.Sleep(10 * time.Minute)
					test.back(s)
					v.await(producer.Waiting, 30*time.Minute)
					s.wantTruth(60)
					s.wantCopy()
					chain := s.chain()
					waste, twice := chain[len(chain)-1].Waste, int64(s.feed.Ledger().Duplicates)*feed.CreditsPerRow
					if waste.Total() != twice || twice > page {
						s.t.Errorf("waste: got %+v, the ledger has %d credits of it; want a page at most", waste, twice)
					}
				})
			})
		}
	}
}

func TestAServiceEndsWhereNoWaitingHelps(t *testing.T) {
	t.Run("the state contradicts itself", func(t *testing.T) {
		onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
			s.sync()
			s.loseProgress()
			v := s.serviceOf(ports{}, serviceOptions())
			time.Sleep(2 * time.Hour) // it does not look at Kafka before its run is due
			<-v.ended
			_ = wantAs[*producer.RefusedError](s.t, v.err)
			s.wantFree()
		})
	})
	t.Run("the key is revoked", func(t *testing.T) {
		onStage(t, simulator.Options{Rows: 7}, func(s *stage) {
			s.feed.SetKey(simulator.DefaultAPIKey, simulator.KeyRevoked)
			v := s.serviceOf(ports{}, serviceOptions())
			<-v.ended
			if status := wantAs[*feed.StatusError](s.t, v.err); status.Status != http.StatusUnauthorized {
				s.t.Errorf("got %v, want 401", v.err)
			}
			s.wantFree()
		})
	})
}

func TestAServiceThatIsStoppedGivesTheLeaseBack(t *testing.T) {
	tests := []struct {
		during producer.Doing
		set    func(s *stage) ports
	}{
		{producer.Syncing, func(s *stage) ports {
			return ports{pager: &hookedPager{next: s.client, before: func(int) { time.Sleep(time.Second) }}}
		}},
		{producer.Waiting, func(*stage) ports { return ports{} }},
		{producer.Paused, func(s *stage) ports { s.feed.SetBalance(10); return ports{} }},
		{producer.Retrying, func(s *stage) ports {
			s.fault(simulator.Fault{Kind: simulator.KindStatus, Status: http.StatusServiceUnavailable, Count: -1})
			return ports{}
		}},
		{producer.Standby, func(s *stage) ports {
			s.store.Steal("another", time.Hour)
			s.t.Cleanup(s.store.Wipe)
			return ports{}
		}},
	}
	for _, test := range tests {
		t.Run(string(test.during), func(t *testing.T) {
			onStage(t, simulator.Options{Rows: 30}, func(s *stage) {
				p := test.set(s)
				v := s.serviceOf(p, serviceOptions())
				v.await(test.during, time.Hour)
				time.Sleep(3500 * time.Millisecond) // between two requests, where it makes some
				asked := time.Now()
				if err := v.end(); err != nil {
					s.t.Errorf("Run: got %v, want nil", err)
				}
				if took := time.Since(asked); took > 5*time.Second {
					s.t.Errorf("it took %s to stop", took)
				}
				if test.during == producer.Standby {
					return // the lease is another's
				}
				s.wantFree()
				if l := s.feed.Ledger(); l.Duplicates != 0 {
					s.t.Errorf("%d rows were bought twice", l.Duplicates)
				}
				if chain := s.chain(); test.during == producer.Syncing && (len(chain) == 0 || int(chain[len(chain)-1].Pages) != s.feed.Ledger().Pages) {
					s.t.Errorf("%d pages were bought, the chain ends with %+v", s.feed.Ledger().Pages, chain)
				}
			})
		})
	}
}
