package telemetry

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// A pedantic registry compares what collectors say with what they announced.
func TestTheStandardMetricsAreConsistent(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewPedanticRegistry()
	for _, c := range standard("producer", "1") {
		if err := registry.Register(c); err != nil {
			t.Errorf("register: %v", err)
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(families) < 20 {
		t.Errorf("got %d metrics, want those of the runtime and the process, too", len(families))
	}
	for _, family := range families {
		if family.GetHelp() == "" {
			t.Errorf("%s has no help text", family.GetName())
		}
	}
}
