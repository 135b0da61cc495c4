package kafka_test

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// BenchmarkCommit tells what a page costs: 50 rows of 700 bytes and their
// progress, with a pause of 1 ms between pages in which the producer copies the
// checkpoint to Redis. The pause is not part of commit-p50 and commit-p99. With
// KAFKA_BROKERS the real broker is measured too.
func BenchmarkCommit(b *testing.B) {
	b.Run("kfake", func(b *testing.B) { benchmarkCommit(b, setupFake(b, kfake.NumBrokers(1))) })
	if os.Getenv("KAFKA_BROKERS") != "" {
		b.Run("Kafka", func(b *testing.B) { benchmarkCommit(b, setup(b)) })
	}
}

func benchmarkCommit(b *testing.B, bundle *bundle) {
	const pageRows = 50
	session := bundle.fence(bundle.stream)
	value := fmt.Appendf(nil, `{"summary":%q}`, noise(260))
	value = value[:min(len(value), 700)]
	var costs []time.Duration
	var seq uint64
	bundle.commit(session, bundle.stream.Feed, 1) // connects to everything
	for b.Loop() {
		seq++
		rows := bundle.rows(bundle.stream.Feed, pageRows)
		for _, r := range rows {
			r.Value = value
		}
		time.Sleep(time.Millisecond) // what is measured, not synchronisation
		began := time.Now()
		if err := session.Commit(b.Context(), rows, pages(page(bundle.stream.Feed, seq+1)), allow); err != nil {
			b.Fatalf("Commit: %v", err)
		}
		costs = append(costs, time.Since(began))
	}
	slices.Sort(costs)
	b.ReportMetric(float64(costs[len(costs)/2].Microseconds())/1000, "commit-p50-ms")
	b.ReportMetric(float64(costs[len(costs)*99/100].Microseconds())/1000, "commit-p99-ms")
	b.ReportMetric(pageRows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
