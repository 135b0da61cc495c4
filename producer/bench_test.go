//go:build unix

package main_test

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var (
	benchRowsFlag    = flag.Int("bench-rows", 0, "rows of every benchmark; 0: as many as each needs")
	benchMillionFlag = flag.Bool("bench-million", false, "let BenchmarkMemory move a million rows, too; takes 5 GB")
)

// shape is one way to run the producer.
type shape struct {
	latency           time.Duration // of the feed
	prefetch, windows int
	acks              time.Duration // by which the answers of the brokers are late
	rows              int           // in the feed; with windows some are in none
}

func (s shape) String() string {
	return fmt.Sprintf("feed=%s/windows=%d/prefetch=%d/acks=%s", s.latency, max(s.windows, 1), s.prefetch, s.acks)
}

// BenchmarkSync runs the built program, `producer sync`, from an empty topic to
// the end of a backfill. BENCHMARKS.md says what the figures mean and what they
// were. Nothing is asserted but that the run succeeds and every page was bought
// once.
//
//	go test ./producer -run '^$' -bench Sync -benchtime 1x
//	.ci/servers/with-servers go test ./producer -run '^$' -bench Sync -benchtime 1x
func BenchmarkSync(b *testing.B) {
	const ms = time.Millisecond
	for _, s := range []shape{
		{latency: 0, prefetch: 0, rows: 50_000},
		{latency: 0, prefetch: 8, rows: 100_000},
		{latency: 20 * ms, prefetch: 0, rows: 10_000},
		{latency: 20 * ms, prefetch: 8, rows: 10_000},
		{latency: 100 * ms, prefetch: 0, rows: 4_000},
		{latency: 100 * ms, prefetch: 8, rows: 4_000},
		{latency: 20 * ms, prefetch: 0, acks: 10 * ms, rows: 10_000},
		{latency: 20 * ms, prefetch: 8, acks: 10 * ms, rows: 10_000},
		{latency: 100 * ms, prefetch: 8, acks: 10 * ms, rows: 4_000},
		{latency: 20 * ms, windows: 4, prefetch: 8, rows: 50_000},
		{latency: 20 * ms, windows: 8, prefetch: 8, rows: 100_000},
		{latency: 20 * ms, windows: 16, prefetch: 0, rows: 200_000},
		{latency: 20 * ms, windows: 16, prefetch: 8, rows: 200_000},
		{latency: 20 * ms, windows: 8, prefetch: 8, acks: 10 * ms, rows: 100_000},
	} {
		b.Run(s.String(), func(b *testing.B) { benchmarkSync(b, s) })
	}
}

// BenchmarkMemory shows what the size of the feed does to the program's memory:
// nothing, it should say.
func BenchmarkMemory(b *testing.B) {
	sizes := []int{10_000, 100_000}
	if *benchMillionFlag {
		sizes = append(sizes, 1_000_000)
	}
	for _, windows := range []int{1, 16} {
		for _, rows := range sizes {
			s := shape{windows: windows, prefetch: 8, rows: rows}
			b.Run(fmt.Sprintf("windows=%d/rows=%d", windows, rows), func(b *testing.B) { benchmarkSync(b, s) })
		}
	}
}

func benchmarkSync(b *testing.B, s shape) {
	if *benchRowsFlag > 0 {
		s.rows = *benchRowsFlag
	}
	var sum figures
	for range b.N { // not b.Loop: the clock stands still while servers are started
		sum.add(newRig(b, s).measure())
	}
	sum.report(b, s)
}
