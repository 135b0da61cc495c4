package telemetry

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// NewRegistry returns a registry that shows the Go runtime, the process, and
// jobo_<program>_build_info, whose labels say what runs. program is part of a
// metric's name: small letters, digits and underscores.
func NewRegistry(program, version string) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(standard(program, version)...)
	return registry
}

// standard are the collectors that every program has.
func standard(program, version string) []prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "jobo", Subsystem: program, Name: "build_info",
		Help:        "Always 1; the labels say which build of the program this is.",
		ConstLabels: prometheus.Labels{"version": version, "go_version": runtime.Version()},
	})
	info.Set(1)
	return []prometheus.Collector{
		info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}
