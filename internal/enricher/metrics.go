package enricher

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

// Metrics count what a Loop does. A nil Metrics counts nothing.
type Metrics struct {
	outcomes, letters           *prometheus.CounterVec
	took                        *prometheus.HistogramVec
	inflight, queued, held, off prometheus.Gauge
	away                        prometheus.Gauge
	commits, aborts             prometheus.Counter
	last                        prometheus.Gauge
}

// NewMetrics registers the metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "jobo_enricher_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: "jobo_enricher_" + name, Help: help})
	}
	m := &Metrics{
		outcomes: f.NewCounterVec(prometheus.CounterOpts{
			Name: "jobo_enricher_records_total", Help: "Records by what became of them: profile, not_modified, dead_letter, retry, forwarded, not_selected, known.",
		}, []string{"outcome"}),
		letters: f.NewCounterVec(prometheus.CounterOpts{
			Name: "jobo_enricher_dead_letters_total", Help: "Dead letters by reason.",
		}, []string{"reason"}),
		took: f.NewHistogramVec(prometheus.HistogramOpts{
			Name: "jobo_enricher_http_request_duration_seconds", Help: "How long requests for profiles took, by status; none where there was no answer, refused where the answer was not taken.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"code"}),
		inflight: gauge("requests_in_flight", "Requests for profiles that are under way or wait for the request limits."),
		queued:   gauge("companies_queued", "Companies that wait for a request."),
		held:     gauge("retries_held", "Records of the retry topics that were read and are not due yet."),
		off:      gauge("hosts_down", "Hosts that do not answer and are left alone."),
		away:     gauge("memory_away", "1 while Redis does not know all that was fetched: it is away, or being told."),
		commits:  counter("transactions_total", "Kafka transactions that were committed."),
		aborts:   counter("transactions_aborted_total", "Kafka transactions that a rebalance aborted."),
		last:     gauge("last_commit_timestamp_seconds", "When the last transaction was committed."),
	}
	for _, what := range Outcomes() {
		m.outcomes.WithLabelValues(string(what))
	}
	return m
}

func (m *Metrics) outcome(what Outcome, n int64) {
	if m != nil {
		m.outcomes.WithLabelValues(string(what)).Add(float64(n))
	}
}

func (m *Metrics) deadLetter(reason string) {
	if m != nil {
		m.letters.WithLabelValues(reason).Inc()
	}
}

func (m *Metrics) gauges(inflight, queued, held, down int, away bool) {
	if m != nil {
		m.inflight.Set(float64(inflight))
		m.queued.Set(float64(queued))
		m.held.Set(float64(held))
		m.off.Set(float64(down))
		m.away.Set(0)
		if away {
			m.away.Set(1)
		}
	}
}

func (m *Metrics) transaction(committed bool, at time.Time) {
	switch {
	case m == nil:
	case committed:
		m.commits.Inc()
		m.last.Set(float64(at.Unix()))
	default:
		m.aborts.Inc()
	}
}

// request counts a try. The label is a status, or one of two words.
func (m *Metrics) request(a company.Answer, err error, took time.Duration) {
	if m == nil {
		return
	}
	code := "200"
	var status *company.StatusError
	verdict, _, _ := company.Judge(err)
	switch {
	case err == nil && a.NotModified:
		code = "304"
	case err == nil:
	case errors.As(err, &status):
		code = strconv.Itoa(status.Status)
	case verdict == company.Again:
		code = "none"
	default:
		code = "refused"
	}
	m.took.WithLabelValues(code).Observe(took.Seconds())
}

// reasonOf is the reason of the dead letter among records.
func reasonOf(records []*kgo.Record) string {
	for _, r := range records {
		for _, h := range r.Headers {
			if h.Key == schemas.HeaderReason {
				return string(h.Value)
			}
		}
	}
	return ""
}
