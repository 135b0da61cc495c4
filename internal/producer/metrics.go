package producer

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// Metrics count what a Loop does. A nil Metrics counts nothing.
type Metrics struct {
	pages, rows, unchanged, deadLetters, credits, commits prometheus.Counter
	waste                                                 *prometheus.GaugeVec
	balance, watermark, started, committedAt, paging      prometheus.Gauge
	attempts                                              *prometheus.CounterVec
	took                                                  *prometheus.HistogramVec
	leader, paused                                        prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "jobo_producer_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "jobo_producer_" + name, Help: help})
	}
	m := &Metrics{
		pages:       counter("pages_committed_total", "Pages of the feed that were committed to Kafka by this process."),
		rows:        counter("records_published_total", "Career sites that were published by this process."),
		unchanged:   counter("rows_unchanged_total", "Rows that were bought again in a version that the topic has, and not published again."),
		deadLetters: counter("dead_letters_total", "Rows that went to the dead-letter topic."),
		credits:     counter("credits_spent_total", "Credits that the feed deducted for committed pages."),
		commits:     counter("transactions_total", "Kafka transactions that were committed."),
		waste: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "jobo_producer_waste_credits", Help: "Credits that the stream has spent for nothing since it was begun, by reason.",
		}, []string{"reason"}),
		balance:     gauge("wallet_balance_credits", "The wallet as the feed last said; -1 before it did."),
		watermark:   gauge("watermark_timestamp_seconds", "The topic is complete up to this time; 0 before the first backfill is done."),
		started:     gauge("run_started_timestamp_seconds", "When the current or the last run was begun."),
		committedAt: gauge("last_commit_timestamp_seconds", "When the newest checkpoint was committed."),
		paging:      gauge("run_active", "1 while a run is under way."),
		attempts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "jobo_producer_feed_requests_total", Help: "Requests to the feed by how they ended: page, status, refused, unknown, not_sent.",
		}, []string{"outcome"}),
		took: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "jobo_producer_feed_request_duration_seconds", Help: "How long requests to the feed took.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120},
		}, []string{"outcome"}),
		leader: gauge("leader", "1 while this process holds the lease."),
		paused: gauge("paused", "1 while the wallet or a budget does not cover the next page."),
	}
	m.balance.Set(float64(feed.Unknown))
	return m
}

// Attempt counts a request to the feed; it is for feed.Config.Observe.
func (m *Metrics) Attempt(a feed.Attempt) {
	if m == nil {
		return
	}
	m.attempts.WithLabelValues(string(a.Outcome)).Inc()
	m.took.WithLabelValues(string(a.Outcome)).Observe(a.Took.Seconds())
}

// committed counts a transaction that followed before.
func (m *Metrics) committed(before schemas.Progress, g *group) {
	if m == nil {
		return
	}
	next := g.next
	m.commits.Inc()
	m.pages.Add(float64(len(g.pages)))
	m.rows.Add(float64(next.Rows - before.Rows))
	m.unchanged.Add(float64(next.Unchanged - before.Unchanged))
	m.deadLetters.Add(float64(next.DeadLetters - before.DeadLetters))
	m.credits.Add(float64(next.Credits - before.Credits))
	if balance := g.pages[len(g.pages)-1].page.Balance; balance != feed.Unknown {
		m.balance.Set(float64(balance))
	}
	m.stand(next)
}

// holds shows what is in the wallet.
func (m *Metrics) holds(balance int64) {
	if m != nil {
		m.balance.Set(float64(balance))
	}
}

// stand shows a checkpoint.
func (m *Metrics) stand(p schemas.Progress) {
	if m == nil {
		return
	}
	for reason, credits := range map[string]int64{
		reasonCrash: p.Waste.Crash, reasonUnknown: p.Waste.UnknownOutcome, "cursor_restart": p.Waste.CursorRestart,
		reasonFenced: p.Waste.Fenced, "overlap": p.Waste.Overlap,
	} {
		m.waste.WithLabelValues(reason).Set(float64(credits))
	}
	seconds := func(g prometheus.Gauge, unix int64) { g.Set(float64(max(unix, 0))) }
	seconds(m.watermark, p.Watermark.Unix())
	seconds(m.started, p.RunStartedAt.Unix())
	seconds(m.committedAt, p.CommittedAt.Unix())
	m.paging.Set(one(p.Phase == schemas.Paging))
}

// doing shows what a Service is busy with.
func (m *Metrics) doing(d Doing, leads bool) {
	if m == nil {
		return
	}
	m.leader.Set(one(leads))
	m.paused.Set(one(d == Paused))
}

func one(on bool) float64 {
	if on {
		return 1
	}
	return 0
}
