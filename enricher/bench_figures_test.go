//go:build unix

package main_test

import (
	"testing"
	"time"
)

// benchFigures are what runs of a process cost.
type benchFigures struct {
	profiles    int
	fetching    time.Duration // from the first request to the last answer
	steady      time.Duration // the same without the first and the last tenth
	cpu, kernel time.Duration // of the process alone: user and system, and system
	peak        int64         // resident bytes, the most of all runs
}

// add adds the figures of a run.
func (f *benchFigures) add(run benchFigures) {
	f.profiles += run.profiles
	f.fetching += run.fetching
	f.steady += run.steady
	f.cpu += run.cpu
	f.kernel += run.kernel
	f.peak = max(f.peak, run.peak)
}

// rate are the profiles a second, slow start and end included.
func (f *benchFigures) rate() float64 { return float64(f.profiles) / f.fetching.Seconds() }

// perThousand is processor time in milliseconds.
func (f *benchFigures) perThousand(cpu time.Duration) float64 {
	return cpu.Seconds() * 1000 / (float64(f.profiles) / 1000)
}

// report prints them, those of the bare loop beside them.
func (f *benchFigures) report(b *testing.B, s benchShape, bare benchFigures) {
	b.Helper()
	if f.profiles == 0 || bare.profiles == 0 {
		return
	}
	b.ReportMetric(f.rate(), "profiles/s")
	b.ReportMetric(100*f.rate()/s.ideal(), "%of-ideal")
	b.ReportMetric(100*0.8*float64(f.profiles)/f.steady.Seconds()/s.ideal(), "%steady")
	b.ReportMetric(100*bare.rate()/s.ideal(), "bare-%of-ideal")
	cpu, without := f.perThousand(f.cpu), bare.perThousand(bare.cpu)
	b.ReportMetric(cpu, "cpu-ms/1000")
	b.ReportMetric(f.perThousand(f.kernel), "kernel-ms/1000")
	b.ReportMetric(without, "bare-cpu-ms/1000")
	b.ReportMetric(cpu-without, "beyond-ms/1000")
	if f.peak > 0 { // known on Linux
		b.ReportMetric(float64(f.peak)/(1<<20), "peak-MiB")
		b.ReportMetric(float64(bare.peak)/(1<<20), "bare-peak-MiB")
	}
	b.ReportMetric(0, "ns/op") // a run is no operation
}
