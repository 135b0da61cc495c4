package kafka_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/kafka"
)

func TestHooksSeeEveryClient(t *testing.T) {
	t.Parallel()
	b := setupFake(t, kfake.NumBrokers(1))
	registry := prometheus.NewRegistry()
	hook, closed, err := kafka.Metrics(registry, "kafka")
	if err != nil {
		t.Fatal(err)
	}
	defer closed()
	b.stream.Cluster = open(t, kafka.Config{Brokers: b.brokers, Hooks: []kgo.Hook{hook}})
	// Two sessions and the cluster's own client live at the same time.
	b.commit(b.fence(b.stream), b.stream.Feed, 1)
	b.commit(b.wantProgress(b.stream, 1), b.stream.Feed, 2)
	families, err := registry.Gather()
	if err != nil {
		t.Fatalf("Gather: %v", err)
	}
	sums := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			sums[family.GetName()] += metric.GetCounter().GetValue()
		}
	}
	// One connection at least for the try, for the cluster and for each session.
	if got := sums["kafka_connects_total"]; got < 4 {
		t.Errorf("connections counted: got %v, want 4 or more", got)
	}
	for _, name := range []string{"kafka_produce_bytes_total", "kafka_read_bytes_total"} {
		if sums[name] == 0 {
			t.Errorf("%s: got 0, want what the sessions wrote and the clients read", name)
		}
	}
}
