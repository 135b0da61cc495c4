package app

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
)

// lagEvery is how often the brokers are asked how far the group is behind.
const lagEvery = 15 * time.Second

// watchLag keeps the metric of the group's lag until ctx ends. Each replica has it, for
// the whole group: what waits matters most when a replica has no part in it.
func (d *enrichDesk) watchLag(ctx context.Context, reg prometheus.Registerer, log *zap.Logger) {
	gauge := promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
		Name: "jobo_enricher_consumer_lag",
		Help: "Offsets of a topic that the group has not done, those of retries that are not due included. The markers that end transactions count too.",
	}, []string{"topic"})
	ticker := time.NewTicker(lagEvery)
	defer ticker.Stop()
	for {
		if err := d.setLag(ctx, gauge); err != nil && ctx.Err() == nil {
			log.Debug("the lag is not known", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (d *enrichDesk) setLag(ctx context.Context, gauge *prometheus.GaugeVec) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	lags, err := d.lag(ctx, append([]string{d.c.Topics.CareerSites, d.c.Topics.Requests}, d.c.retryTopics()...)...)
	if err != nil {
		return err
	}
	sums := make(map[string]int64)
	for _, p := range lags {
		_, n := rest(p)
		sums[p.Topic] += n
	}
	for topic, n := range sums {
		gauge.WithLabelValues(topic).Set(float64(n))
	}
	return nil
}
