package checkpoint_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
	"github.com/careerstream/careerstream/internal/secret"
)

// BenchmarkAMillionCompanies says what a company costs the server that REDIS_URL
// names in memory, and a thousand of them in time. It wants a server of its own,
// whose data it deletes.
func BenchmarkAMillionCompanies(b *testing.B) {
	raw := os.Getenv("REDIS_URL")
	if raw == "" || testing.Short() {
		b.Skip("needs a server of its own in REDIS_URL, and time")
	}
	for _, etag := range []string{"", sha1, sha1 + sha1} {
		b.Run(fmt.Sprintf("etag=%d", len(etag)), func(b *testing.B) { benchCompanies(b, raw, etag) })
	}
}

func benchCompanies(b *testing.B, raw, etag string) {
	b.Helper()
	const companies, batch = 1_000_000, 1000
	s, err := checkpoint.Open(b.Context(), checkpoint.Config{URL: secret.New(raw), Feed: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	o, err := redis.ParseURL(raw)
	if err != nil {
		b.Fatal(err)
	}
	c := redis.NewClient(o)
	b.Cleanup(func() { _, _ = s.Close(), c.Close() })
	f := s.Fetched(checkpoint.FetchedOptions{})
	ids := make([]string, companies)
	for i := range ids {
		r := make([]byte, 16)
		_, _ = rand.Read(r) // never fails
		ids[i] = fmt.Sprintf("%x-%x-%x-%x-%x", r[:4], r[4:6], r[6:8], r[8:10], r[10:])
	}
	batches := slices.Collect(slices.Chunk(ids, batch))
	for b.Loop() {
		b.StopTimer()
		if err := c.FlushAll(b.Context()).Err(); err != nil {
			b.Fatal(err)
		}
		empty := usedMemory(b, c)
		b.StartTimer()
		for _, ids := range batches {
			known := make([]checkpoint.Known, len(ids))
			for i, id := range ids {
				known[i] = checkpointtest.Profile(id, 1)
				known[i].ETag = etag
			}
			if err := f.Remember(b.Context(), known...); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(usedMemory(b, c)-empty)/companies, "bytes/company")
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(batches)), "us/remember-1000")
	start := time.Now()
	for _, ids := range batches {
		if got, err := f.Recall(b.Context(), ids); err != nil || len(got) != batch {
			b.Fatalf("recall: got %d, %v, want %d", len(got), err, batch)
		}
	}
	b.ReportMetric(float64(time.Since(start).Microseconds())/float64(len(batches)), "us/recall-1000")
}

func usedMemory(b *testing.B, c *redis.Client) int64 {
	b.Helper()
	info, err := c.Info(b.Context(), "memory").Result()
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if text, ok := strings.CutPrefix(line, "used_memory:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
	}
	b.Fatal("INFO has no used_memory")
	return 0
}
