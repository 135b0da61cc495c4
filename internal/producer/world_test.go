package producer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// leaseTTL is the program's default.
const leaseTTL = checkpoint.DefaultTTL

// world is all that the processes of one schedule share: a broker, a Redis, a
// feed, and the seed's plan.
type world struct {
	t      testing.TB
	seed   uint64
	broker *broker
	store  *checkpoint.Memory
	wallet *checkpoint.MemoryAccount
	market *market
	mutant *mutant
	began  time.Time

	over chan struct{}  // closed when the dead may go
	live sync.WaitGroup // processes that are not dead
	all  sync.WaitGroup // every process

	mu        sync.Mutex
	plan      plan
	calm      bool // no more faults
	yields    int
	struck    map[fault]int
	snapshots []func()
	copies    copies
	processes []*process
	closers   []func()
	events    []string
	problems  []string
	reached   chan struct{} // closed when a process finished the backfill
}

func newWorld(t testing.TB, seed uint64, from trouble, m *mutant) *world {
	store, err := checkpoint.NewMemory(feedName)
	if err != nil {
		t.Fatalf("store: %v", err)
	}
	draw := rand.New(rand.NewPCG(seed, 0))
	w := &world{
		t: t, seed: seed, broker: startBroker(t), store: store, wallet: checkpoint.NewMemoryAccount(), mutant: m, began: time.Now(),
		plan: newPlan(draw, from), struck: map[fault]int{},
		over: make(chan struct{}), reached: make(chan struct{}),
	}
	w.market = newMarket(w.plan.companies)
	w.market.byID, w.market.stamped = w.plan.byID, w.plan.stamped
	w.market.onSale = func(serial int) {
		w.mu.Lock()
		n := w.plan.changes[serial]
		if w.calm {
			n = 0
		}
		w.mu.Unlock()
		w.market.change(draw, n)
	}
	return w
}

// options are those of every process of the schedule.
func (w *world) options(s *kafka.Stream) producer.Options {
	o := options(s)
	o.Prefetch, o.Windows, o.Overlap, o.WindowsSpan = w.plan.prefetch, w.plan.windows, w.plan.overlap, discoverySpan
	return o
}

// newDraw returns a source of chance that the goroutines of a process share.
func newDraw(seed, stream uint64) *rand.Rand {
	return rand.New(&sharedSource{next: rand.NewPCG(seed, stream)})
}

type sharedSource struct {
	mu   sync.Mutex
	next rand.Source
}

// Uint64 implements rand.Source.
func (s *sharedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next.Uint64()
}

// process is one instance of the program.
type process struct {
	world  *world
	name   string
	immune bool // no fault strikes it
	draw   *rand.Rand
	ctx    context.Context
	stop   context.CancelFunc
	// stream is the process's own: the client library changes the options that
	// its clients are made with, so two processes must not share them.
	stream *kafka.Stream

	// Under world.mu.
	dead     bool
	asleep   bool
	until    time.Time // it is asleep
	wakes    time.Time // until then, and a little longer, its clock stands still
	fenced   bool      // the newest call was Fence: the mutant asks
	holds    int
	sessions []*session
}

// spawn starts a process after a pause.
func (w *world) spawn(delay time.Duration, immune bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.processes)
	p := &process{world: w, name: fmt.Sprintf("p%d", n), immune: immune, draw: newDraw(w.seed, uint64(n)+1)}
	p.ctx, p.stop = context.WithCancel(context.Background())
	w.processes = append(w.processes, p)
	w.live.Add(1)
	w.all.Add(1)
	go func() {
		defer w.all.Done()
		defer p.retire()
		time.Sleep(delay)
		p.run()
	}()
}

// retire tells the world that the process is over. One that was killed has done
// so when it died.
func (p *process) retire() {
	if !p.dead {
		p.world.live.Done()
	}
	p.stop()
}

// run syncs until the run is done, and stands by while another process does it.
func (p *process) run() {
	p.stream = p.world.broker.open(feedName)
	loop, err := producer.New(p.world.options(p.stream), pager{buyer{p.world.market, p.name, p.transit}, p}, log{p}, store{p}, p.world.wallet, p.logger())
	if err != nil {
		p.world.fail("%s: New: %v", p.name, err)
		return
	}
	for p.ctx.Err() == nil {
		result, err := looper{loop}.Sync(p.ctx)
		p.world.note(p, "sync", fmt.Sprintf("pages %d, phase %s, stopped %t, %v", result.Pages, result.Progress.Phase, result.Stopped, err))
		var refused *producer.RefusedError
		var busy *checkpoint.BusyError
		switch {
		case errors.As(err, &refused):
			p.world.fail("%s refused: %v", p.name, err)
			return
		case p.ctx.Err() != nil:
			return
		case err == nil && result.Progress.Phase == schemas.Done:
			p.world.arrive()
			return
		case errors.As(err, &busy), checkpoint.IsDown(err):
			time.Sleep(time.Duration(p.draw.IntN(2000)) * time.Millisecond)
		default:
			p.world.fail("%s: Sync ended with %v", p.name, err)
			return
		}
	}
}

// transit is how long a request or an answer of the feed is on its way.
func (p *process) transit() time.Duration {
	return time.Duration(50+p.draw.IntN(350)) * time.Millisecond
}

// die stops the process for ever, in the middle of a call. It goes on, to its
// end, when the schedule is over. A new process takes its place.
func (p *process) die(f fault) {
	w := p.world
	w.mu.Lock()
	p.dead = true
	sessions := p.sessions
	w.mu.Unlock()
	if f == killedHard {
		for _, s := range sessions {
			s.Close()
		}
	}
	w.spawn(time.Duration(p.draw.IntN(20_000))*time.Millisecond, false)
	w.live.Done()
	p.hang()
}

// hang holds a goroutine of a process that is dead or asleep. The loop has
// several, and a fault strikes one of them.
func (p *process) hang() {
	w := p.world
	w.mu.Lock()
	dead, until := p.dead, p.until
	w.mu.Unlock()
	if dead {
		<-w.over
		p.stop() // what it does from here on is nobody's business
		return
	}
	time.Sleep(time.Until(until))
}

// sleep is a pause that ends when the lease is about to be, or has been,
// another's. Nothing of the process runs meanwhile, no renewal either.
func (p *process) sleep(clockStops bool) {
	pause := leaseTTL*2/3 + time.Duration(p.draw.Int64N(int64(leaseTTL)))
	p.world.mu.Lock()
	p.asleep, p.until = true, time.Now().Add(pause)
	if clockStops {
		// The next renewal finds out; until then Alive asks a clock that stood still.
		p.wakes = time.Now().Add(pause + leaseTTL/3)
	}
	p.world.mu.Unlock()
	time.Sleep(pause)
	p.world.mu.Lock()
	p.asleep = false
	p.world.mu.Unlock()
	p.world.note(p, "wakes up", "")
}

// silent reports whether nothing of the process runs at the moment.
func (p *process) silent() bool {
	p.world.mu.Lock()
	defer p.world.mu.Unlock()
	return p.dead || p.asleep
}

func (w *world) arrive() {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.reached:
	default:
		close(w.reached)
	}
}

// note adds to the schedule's events.
func (w *world) note(p *process, what, detail string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, strings.TrimSpace(fmt.Sprintf("%9.3f %3d %s %s  %s", time.Since(w.began).Seconds(), w.yields, p.name, what, detail)))
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// logger writes what the loop says into the events.
func (p *process) logger() *zap.Logger {
	encoder := zapcore.NewConsoleEncoder(zapcore.EncoderConfig{MessageKey: "m", LineEnding: " "})
	return zap.New(zapcore.NewCore(encoder, zapcore.AddSync(lineWriter{p}), zapcore.InfoLevel))
}

type lineWriter struct{ p *process }

func (l lineWriter) Write(b []byte) (int, error) {
	l.p.world.note(l.p, "says", string(b))
	return len(b), nil
}
