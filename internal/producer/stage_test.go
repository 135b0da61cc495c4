package producer_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// stage is all that one loop needs, in virtual time: a broker, a Redis, and the
// simulated feed with its client over HTTP.
type stage struct {
	t      *testing.T
	broker *broker
	store  *checkpoint.Memory
	wallet *checkpoint.MemoryAccount
	feed   *simulator.Server
	client *feed.Client
	opts   producer.Options
}

// onStage runs a test of its own in a bubble, over a feed of so many rows.
func onStage(t *testing.T, o simulator.Options, test func(*stage)) {
	t.Helper()
	onStageAfter(t, 0, o, test)
}

// onStageAfter is onStage so long after the bubble's clock began, which is at the
// turn of a year: a clock that nobody looks at yet costs nothing to move.
func onStageAfter(t *testing.T, begun time.Duration, o simulator.Options, test func(*stage)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(begun)
		store, err := checkpoint.NewMemory(feedName)
		if err != nil {
			t.Fatalf("store: %v", err)
		}
		s := &stage{t: t, broker: startBroker(t), store: store, wallet: checkpoint.NewMemoryAccount()}
		s.serve(o)
		s.opts = options(s.broker.stream)
		s.opts.BatchSize = 5
		test(s)
	})
}

// serve starts the feed. Its rows are a day old.
func (s *stage) serve(o simulator.Options) {
	var network kfake.VirtualNetwork
	listener, err := network.Listen("tcp", "127.0.0.1:8080")
	if err != nil {
		s.t.Fatalf("listen: %v", err)
	}
	o.Epoch, o.BaseURL, o.NoGzip = time.Now().Add(-24*time.Hour), "http://127.0.0.1:8080", true
	s.feed = simulator.Serve(listener, o)
	s.t.Cleanup(func() { _ = s.feed.Close() })
	s.client, err = feed.New(feed.Config{BaseURL: "http://127.0.0.1:8080", Key: secret.New(simulator.DefaultAPIKey), DialContext: network.DialContext, UnknownTries: 1})
	if err != nil {
		s.t.Fatalf("client of the feed: %v", err)
	}
	s.t.Cleanup(s.client.Close)
}

// ports are what a loop is made of; nil means the stage's own.
type ports struct {
	pager producer.Pager
	log   producer.Log
	store producer.Checkpoints
}

// looper is a loop that gives the lease back after each run, as a process does
// that makes one.
type looper struct{ *producer.Loop }

func (l looper) Sync(ctx context.Context) (producer.Result, error) {
	defer l.Release(ctx)
	return l.Loop.Sync(ctx)
}

func (s *stage) loop(p ports) looper {
	s.t.Helper()
	if p.pager == nil {
		p.pager = s.client
	}
	if p.log == nil {
		p.log = journal{s.broker.stream}
	}
	if p.store == nil {
		p.store = redis{s.store}
	}
	loop, err := producer.New(s.opts, p.pager, p.log, p.store, s.wallet, zap.NewNop())
	if err != nil {
		s.t.Fatalf("New: %v", err)
	}
	return looper{loop}
}

// sync makes a run with a loop of its own that has to succeed.
func (s *stage) sync() producer.Result {
	s.t.Helper()
	result, err := s.loop(ports{}).Sync(s.t.Context())
	if err != nil {
		s.t.Fatalf("Sync: %v", err)
	}
	return result
}

// stopAfter syncs with a loop that is told to stop while it asks for the page
// after n.
func (s *stage) stopAfter(n int) producer.Result {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	result, err := s.loop(ports{pager: &hookedPager{next: s.client, before: func(call int) {
		if call > n {
			cancel()
		}
	}}}).Sync(ctx)
	if err != nil || !result.Stopped {
		s.t.Fatalf("Sync: stopped %t, %v; want it stopped and no error", result.Stopped, err)
	}
	return result
}

// chain are the committed checkpoints.
func (s *stage) chain() []schemas.Progress {
	s.t.Helper()
	chain, err := s.broker.chain(feedName)
	if err != nil {
		s.t.Fatal(err)
	}
	return chain
}

func (s *stage) visible(topic string) []*kgo.Record {
	s.t.Helper()
	records, err := s.broker.visible(topic)
	if err != nil {
		s.t.Fatal(err)
	}
	return records
}

// wantTruth checks that the newest record of every key is the feed's newest row,
// byte for byte, that nothing else is there, and that so many records are.
func (s *stage) wantTruth(records int) {
	s.t.Helper()
	got, want := map[string]string{}, map[string]string{}
	all := s.visible(sitesTopic)
	for _, r := range all {
		got[string(r.Key)] = string(r.Value)
	}
	for id, row := range s.feed.Truth() {
		want[id] = string(row.Bytes)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("newest rows (-feed +topic):\n%s", diff)
	}
	if len(all) != records {
		s.t.Errorf("records: got %d, want %d", len(all), records)
	}
}

// wantBills checks how many pages were billed, and how many of them again.
func (s *stage) wantBills(pages, again int) {
	s.t.Helper()
	if l := s.feed.Ledger(); l.Pages != pages || l.PagesAgain != again {
		s.t.Errorf("pages billed: got %d, %d of them again; want %d, %d", l.Pages, l.PagesAgain, pages, again)
	}
}

// wantCopy checks that Redis holds what the topic ends with.
func (s *stage) wantCopy() {
	s.t.Helper()
	chain := s.chain()
	got, err := s.store.Get(s.t.Context())
	if err != nil {
		s.t.Fatalf("the copy: %v", err)
	}
	if diff := cmp.Diff(chain[len(chain)-1], got); diff != "" {
		s.t.Errorf("copy of the checkpoint (-topic +redis):\n%s", diff)
	}
}

// wantFree checks that nobody holds the lease.
func (s *stage) wantFree() {
	s.t.Helper()
	if _, err := s.store.Acquire(s.t.Context(), "test", time.Minute, 0); err != nil {
		s.t.Errorf("the lease is not free: %v", err)
	}
}

// redis is a store as the loop wants to see it.
type redis struct{ *checkpoint.Memory }

// Hold implements producer.Checkpoints as the program does.
func (r redis) Hold(ctx context.Context, floor uint64) (producer.Lease, error) {
	held, err := checkpoint.Hold(ctx, r.Memory, checkpoint.HoldOptions{TTL: leaseTTL, Floor: floor, Wait: leaseTTL + leaseTTL/4})
	if err != nil {
		return nil, err
	}
	return held, nil
}

// down is what a Redis that is away answers.
func down() error {
	return &checkpoint.UnavailableError{Addr: "redis:6379", Reason: "connection refused", Temporary: true}
}

// hookedPager tells of each call; calls count from 1.
type hookedPager struct {
	next   producer.Pager
	before func(call int)
	after  func(call int)

	mu    sync.Mutex
	calls int
}

// Page implements producer.Pager.
func (p *hookedPager) Page(ctx context.Context, q feed.Query) (feed.Page, error) {
	p.mu.Lock()
	p.calls++
	call := p.calls
	p.mu.Unlock()
	if p.before != nil {
		p.before(call)
	}
	page, err := p.next.Page(ctx, q)
	if p.after != nil {
		p.after(call)
	}
	return page, err
}

// pagerFunc is a feed of one function.
type pagerFunc func(context.Context, feed.Query) (feed.Page, error)

// Page implements producer.Pager.
func (f pagerFunc) Page(ctx context.Context, q feed.Query) (feed.Page, error) { return f(ctx, q) }

// hookedLog lets a test fail one exact call.
type hookedLog struct {
	producer.Log
	fenced  func(call int)
	foreign func()
	// gate is asked after every row was acknowledged, before the loop's own.
	gate func(page int64)
	// done is called after each commit that succeeded.
	done func(page int64)

	calls int
}

// Fence implements producer.Log.
func (l *hookedLog) Fence(ctx context.Context) (producer.Session, error) {
	l.calls++
	s, err := l.Log.Fence(ctx)
	if l.fenced != nil {
		l.fenced(l.calls)
	}
	if err != nil {
		return nil, err
	}
	return hookedSession{s, l}, nil
}

// Foreign implements producer.Log.
func (l *hookedLog) Foreign(ctx context.Context, known []string) (string, error) {
	if l.foreign != nil {
		l.foreign()
	}
	return l.Log.Foreign(ctx, known)
}

type hookedSession struct {
	producer.Session
	log *hookedLog
}

// Commit implements producer.Session.
func (s hookedSession) Commit(ctx context.Context, rows []*kgo.Record, p []schemas.Progress, gate func() error) error {
	err := s.Session.Commit(ctx, rows, p, func() error {
		if s.log.gate != nil {
			s.log.gate(p[len(p)-1].Pages)
		}
		return gate()
	})
	if err == nil && s.log.done != nil {
		s.log.done(p[len(p)-1].Pages)
	}
	return err
}

// wantAs checks that err is, or wraps, an error of type E and returns it.
func wantAs[E error](t testing.TB, err error) E {
	t.Helper()
	var target E
	if !errors.As(err, &target) {
		t.Fatalf("got error %v, want a %T", err, target)
	}
	return target
}
