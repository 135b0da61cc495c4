//go:build unix

package main_test

import (
	"slices"
	"testing"
	"time"
)

// figures are what runs of the program cost.
type figures struct {
	runs        int
	rows, pages int
	wall        time.Duration // of the whole process
	paging      time.Duration // from the feed's first answer to its last
	cpu, kernel time.Duration // of the program alone: user and system, and system
	peak        int64         // resident bytes, the most of all runs
	gaps        []time.Duration
}

// add adds the figures of a run.
func (f *figures) add(run figures) {
	f.runs++
	f.rows += run.rows
	f.pages += run.pages
	f.wall += run.wall
	f.paging += run.paging
	f.cpu += run.cpu
	f.kernel += run.kernel
	f.peak = max(f.peak, run.peak)
	f.gaps = append(f.gaps, run.gaps...)
}

// report prints them.
//
// rows/s and pages/s are those of the time in which pages are bought, so that the
// start, which takes as long whatever follows, does not blur them: sync-rows/s
// has the whole process. of-ideal is the share of what a client could do that
// takes no time itself: 50 rows a latency and window. gap-p50 and gap-p99 lie
// between the answers of the feed: with one chain and no prefetch, that is what a
// page takes from its request to the end of its transaction and its copy.
func (f *figures) report(b *testing.B, s shape) {
	if f.rows == 0 {
		return
	}
	pages := float64(f.pages - f.runs) // the first one's answer is where the time begins
	rate := float64(f.rows) * pages / float64(f.pages) / f.paging.Seconds()
	b.ReportMetric(rate, "rows/s")
	b.ReportMetric(pages/f.paging.Seconds(), "pages/s")
	b.ReportMetric(float64(f.rows)/f.wall.Seconds(), "sync-rows/s")
	if s.latency > 0 {
		ideal := 50 / s.latency.Seconds() * float64(max(s.windows, 1))
		b.ReportMetric(100*rate/ideal, "%of-ideal")
	}
	b.ReportMetric(f.cpu.Seconds()/float64(f.rows)*1e6, "cpu-s/Mrow")
	b.ReportMetric(f.kernel.Seconds()/float64(f.rows)*1e6, "kernel-s/Mrow")
	if f.peak > 0 { // known on Linux
		b.ReportMetric(float64(f.peak)/(1<<20), "peak-MiB")
	}
	slices.Sort(f.gaps)
	b.ReportMetric(milliseconds(f.gaps[len(f.gaps)/2]), "gap-p50-ms")
	b.ReportMetric(milliseconds(f.gaps[len(f.gaps)*99/100]), "gap-p99-ms")
	b.ReportMetric(0, "ns/op") // a run is no operation
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
