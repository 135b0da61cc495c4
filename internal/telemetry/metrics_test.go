package telemetry_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/careerstream/careerstream/internal/telemetry"
)

func TestTheRegistryShowsBuildRuntimeAndProcess(t *testing.T) {
	t.Parallel()
	s := listen(t, telemetry.ServerOptions{Registry: telemetry.NewRegistry("producer", "1.2.3")})
	status, body := get(t, s, "/metrics")
	for _, want := range []string{
		`jobo_producer_build_info{go_version="` + runtime.Version() + `",version="1.2.3"} 1` + "\n",
		"# HELP jobo_producer_build_info ", "\ngo_goroutines ", "\nprocess_open_fds ", "\nprocess_resident_memory_bytes ",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("got %d %.200s, want %q in it", status, body, want)
		}
	}
}

func TestEachRegistryIsItsOwn(t *testing.T) {
	t.Parallel()
	one, two := telemetry.NewRegistry("producer", "1"), telemetry.NewRegistry("enricher", "1")
	c := prometheus.NewCounter(prometheus.CounterOpts{Name: "mine_total", Help: "Mine."})
	for _, r := range []*prometheus.Registry{one, two} {
		if err := r.Register(c); err != nil {
			t.Errorf("got %v, want it to be new to this registry", err)
		}
	}
}

// broken is a collector that fails.
type broken struct{}

func (broken) Describe(ch chan<- *prometheus.Desc) {
	ch <- prometheus.NewDesc("broken", "Fails.", nil, nil)
}

func (broken) Collect(ch chan<- prometheus.Metric) {
	ch <- prometheus.NewInvalidMetric(prometheus.NewDesc("broken", "Fails.", nil, nil), errors.New("no"))
}

func TestOneBrokenCollectorDoesNotHideTheOthers(t *testing.T) {
	t.Parallel()
	registry := telemetry.NewRegistry("producer", "1")
	registry.MustRegister(broken{})
	s := listen(t, telemetry.ServerOptions{Registry: registry})
	if status, body := get(t, s, "/metrics"); status != 200 || !strings.Contains(body, "jobo_producer_build_info") {
		t.Errorf("got %d %.200s, want the rest of the metrics", status, body)
	}
}
