//go:build unix

// The benchmarks of this folder run the built program. BENCHMARKS.md says what the
// figures mean and what they were.
//
//	bench_enrich_test.go   what is run
//	bench_rig_test.go      Kafka, Redis and the topics of one run
//	bench_company_test.go  a server that answers with profiles
//	bench_child_test.go    the processes that are measured
//	bench_bare_test.go     a loop without any care, to compare with
//	bench_figures_test.go  what it cost
package main_test

import (
	"flag"
	"fmt"
	"testing"
	"time"
)

var benchCompaniesFlag = flag.Int("bench-companies", 20_000, "career sites on the topic where 64 requests are in flight, each of them one profile; fewer where fewer are")

// benchLatency is how long the server of the profiles takes.
const benchLatency = 50 * time.Millisecond

// benchShape is one way to run the enricher.
type benchShape struct {
	concurrency, batch int
	companies          int
}

func (s benchShape) String() string {
	return fmt.Sprintf("concurrency=%d/batch=%d", s.concurrency, s.batch)
}

// ideal are the profiles a second that only a client could fetch which takes no
// time itself.
func (s benchShape) ideal() float64 { return float64(s.concurrency) / benchLatency.Seconds() }

// BenchmarkEnrich runs the built program, `enricher run`, over career sites that
// are on the topic, until the profile of each of them is published. Nothing is
// asserted but that each company was asked for once and published once.
//
//	go test ./enricher -run '^$' -bench Enrich -benchtime 1x
//	.ci/servers/with-servers go test ./enricher -run '^$' -bench Enrich -benchtime 1x
func BenchmarkEnrich(b *testing.B) {
	path := benchBuild(b)
	for _, s := range []benchShape{
		{concurrency: 64, batch: 1000},
		{concurrency: 16, batch: 100}, // the defaults
	} {
		b.Run(s.String(), func(b *testing.B) {
			s.companies = *benchCompaniesFlag * s.concurrency / 64 // each takes as long
			var bare, sum benchFigures
			for range b.N { // not b.Loop: the clock stands still while servers are started
				rig := newBenchRig(b, s)
				bare.add(rig.bare())
				sum.add(rig.enrich(path))
				rig.close()
			}
			sum.report(b, s, bare)
		})
	}
}
