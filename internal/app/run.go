package app

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kotel"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/telemetry"
	"github.com/careerstream/careerstream/schemas"
)

// Run backfills and then syncs every interval, until ctx ends or something fails
// that no waiting cures. It shows what it does at LISTEN, takes a new API key
// without a restart, and stands by while another instance has the lease.
func Run(ctx context.Context, c Producer, p Process) error {
	warnings(c.Feed.Key, c.Feed.Insecure, p.Log)
	s, err := newSights(ctx, "producer", p)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	s.metrics, s.pacer = producer.NewMetrics(s.registry), newPacer(c.Limits)
	parts, err := assemble(ctx, c, p.Log, s)
	if err != nil {
		return err
	}
	defer parts.close(ctx)
	report := newReporter(p.Out, p.Log, func() Tick { return parts.tick(s.pacer) })
	service := producer.NewService(parts.loop, producer.ServiceOptions{
		Interval: c.Interval, Probe: c.WalletProbe,
		OnRun: func(r producer.Result, err error) { summarise(p.Log, r, took(r), err) },
	}, p.Log)
	server, err := s.listen(ctx, c.Listen, p.Log, watched{
		live:  func() error { return s.pulse.check(service.State()) },
		ready: func() []telemetry.Check { return ready(service.State()) },
		status: func(ctx context.Context) (any, error) {
			report, err := gather(ctx, deskOf(parts, c), &Live{State: service.State(), View: parts.loop.View()})
			if err != nil {
				parts.log.Debug("status without all of it", zap.Error(err))
			}
			return report, nil // what could not be asked stands in the report
		},
	})
	if err != nil {
		return err
	}
	defer server()
	watch, stop := context.WithCancel(ctx)
	rotated := make(chan struct{})
	go func() {
		defer close(rotated)
		watchKey(watch, c.Feed.Key, p, parts.client.SetKey)
	}()
	defer func() { stop(); <-rotated }()
	report.Start()
	defer report.Stop()
	return service.Run(ctx)
}

// took is how long a run has lasted, whichever processes worked on it.
func took(r producer.Result) time.Duration { return time.Since(r.Progress.RunStartedAt) }

// sights are what a process shows of its work: nothing, if it is the zero value.
type sights struct {
	program, version string
	registry         *prometheus.Registry
	hooks            []kgo.Hook
	tracer           trace.TracerProvider // nil means that nobody traces
	closers          []func(context.Context)
	// What the producer shows besides, and moves by.
	pulse   *pulse
	metrics *producer.Metrics
	pacer   *pacer
}

// newSights makes what a long process shows.
func newSights(ctx context.Context, program string, p Process) (_ sights, err error) {
	s := sights{program: program, version: p.Version, registry: telemetry.NewRegistry(program, p.Version), pulse: new(pulse)}
	hook, closed, err := kafka.Metrics(s.registry, "jobo_"+program+"_kafka")
	if err != nil {
		return s, err
	}
	s.hooks = append(s.hooks, hook)
	s.closers = append(s.closers, func(context.Context) { closed() })
	if err := s.trace(ctx, p); err != nil {
		s.close(ctx)
		return s, &UsageError{Problems: []error{err}}
	}
	return s, nil
}

// trace turns traces on where the OTEL_ variables ask for them.
func (s *sights) trace(ctx context.Context, p Process) error {
	provider, shutdown, err := telemetry.Trace(ctx, s.program, p.Version, os.Getenv)
	if err != nil {
		return err
	}
	if _, off := provider.(noop.TracerProvider); off {
		return nil
	}
	s.tracer = provider
	s.hooks = append(s.hooks, kotel.NewTracer(kotel.TracerProvider(provider), kotel.TracerPropagator(propagation.TraceContext{})))
	s.closers = append(s.closers, func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := shutdown(ctx); err != nil {
			p.Log.Warn("the last traces are not delivered", zap.Error(err))
		}
	})
	return nil
}

// wrap puts traces around a transport.
func (s sights) wrap() func(http.RoundTripper) http.RoundTripper {
	if s.tracer == nil {
		return nil
	}
	return func(next http.RoundTripper) http.RoundTripper {
		return otelhttp.NewTransport(next, otelhttp.WithTracerProvider(s.tracer), otelhttp.WithPropagators(propagation.TraceContext{}))
	}
}

func (s sights) close(ctx context.Context) {
	for _, c := range s.closers {
		c(ctx)
	}
}

// closeTimeout bounds the end of what only shows.
const closeTimeout = 3 * time.Second

// watched is what the server of LISTEN asks a program.
type watched struct {
	live   func() error
	ready  func() []telemetry.Check
	status func(ctx context.Context) (any, error)
}

// listen serves metrics, health and status at addr, nowhere if it is empty, and
// returns what ends it.
func (s sights) listen(ctx context.Context, addr string, log *zap.Logger, w watched) (func(), error) {
	if addr == "" {
		return func() {}, nil
	}
	server, err := telemetry.Listen(addr, telemetry.ServerOptions{
		Program: s.program + " " + s.version, Registry: s.registry,
		Live:     w.live,
		Ready:    func(context.Context) []telemetry.Check { return w.ready() },
		Status:   w.status,
		ErrorLog: zap.NewStdLog(log.WithOptions(zap.IncreaseLevel(zap.WarnLevel))),
	})
	if err != nil {
		return nil, &UsageError{Problems: []error{err}}
	}
	log.Info("listening", zap.String("addr", server.Addr().String()))
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			log.Warn("the server of LISTEN ended early", zap.Error(err))
		}
	}, nil
}

// ready is what /readyz says: a service is ready as long as it does what it
// should, which includes to stand by and to be paused.
func ready(s producer.State) []telemetry.Check {
	detail := string(s.Doing)
	if s.Reason != "" {
		detail += ": " + s.Reason
	}
	if s.Wants != "" {
		detail += "; " + s.Wants
	}
	return []telemetry.Check{{Name: "sync", OK: s.Doing != producer.Starting && s.Doing != producer.Retrying, Detail: detail + " (since " + s.Since.Format(time.RFC3339) + ")"}}
}

// pulse is when the work last moved: a request to the feed ended. A nil pulse is
// nobody's.
type pulse struct{ last atomic.Int64 } // unix nanoseconds

func (p *pulse) beat() {
	if p != nil {
		p.last.Store(time.Now().UnixNano())
	}
}

// silence is how long nothing may move while a run is under way. A request ends
// within two minutes or so, and the longest wait that the feed may ask for before
// one takes 15.
const silence = 30 * time.Minute

// check says that a process has to be started again: it works on a run, and
// nothing has moved for too long.
func (p *pulse) check(s producer.State) error {
	moved := s.Since
	if last := time.Unix(0, p.last.Load()); last.After(moved) {
		moved = last
	}
	if still := time.Since(moved); s.Doing == producer.Syncing && still > silence {
		return fmt.Errorf("no request to the feed has ended for %s", still.Round(time.Second))
	}
	return nil
}

// tick is how far the run is.
func (p *parts) tick(pacer *pacer) Tick {
	v := p.loop.View()
	if v.Progress.Phase != schemas.Paging {
		return Tick{Balance: v.Balance}
	}
	at := v.Progress
	t := Tick{
		Mode: string(at.Mode), Phase: string(at.Phase), Pages: at.Pages, Rows: at.Rows, Unchanged: at.Unchanged,
		Credits: at.Credits, Balance: v.Balance,
	}
	if at.Mode == schemas.Backfill {
		t.Expected, _ = producer.BackfillRows(at)
	}
	if pacer.waits() {
		t.Waiting = "the request limit of the feed"
	}
	return t
}

// pacer is a limiter that tells whether somebody waits for it.
type pacer struct {
	*ratelimit.Limiter
	waiting atomic.Int64
}

// newPacer returns nil where there are no limits.
func newPacer(limits ratelimit.Windows) *pacer {
	if len(limits) == 0 {
		return nil
	}
	return &pacer{Limiter: ratelimit.New(limits)}
}

// Wait implements feed.Limiter.
func (p *pacer) Wait(ctx context.Context) error {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	return p.Limiter.Wait(ctx)
}

func (p *pacer) waits() bool { return p != nil && p.waiting.Load() > 0 }

var _ feed.Limiter = (*pacer)(nil)
