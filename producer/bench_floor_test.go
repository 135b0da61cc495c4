//go:build unix

package main_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// BenchmarkFloor pages through the same feed with a client that only looks for
// the next cursor: no key is reserved, no row read, nothing published. It says how
// much of 50 rows a latency there is to have on this machine at this moment; the
// simulated feed's own work is in it.
func BenchmarkFloor(b *testing.B) {
	for _, latency := range []time.Duration{0, 20 * time.Millisecond, 100 * time.Millisecond} {
		b.Run(fmt.Sprintf("feed=%s", latency), func(b *testing.B) {
			feed, err := simulator.Start(b.Context(), "127.0.0.1:0", simulator.Options{
				Rows: 10_000, Seed: 1, Latency: latency, APIKeys: []string{apiKey}, FeedLimits: simulator.NoLimits(),
			})
			if err != nil {
				b.Fatal(err)
			}
			transport := &http.Transport{DisableCompression: true}
			defer func() { transport.CloseIdleConnections(); _ = feed.Close() }()
			client, cursor := &http.Client{Transport: transport}, ""
			for b.Loop() {
				cursor = nextCursor(b, client, feed.URL()+"/api/career-sites/feed", cursor)
			}
			rate := float64(feed.Ledger().Rows) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "rows/s")
			if latency > 0 {
				b.ReportMetric(100*rate*latency.Seconds()/50, "%of-ideal")
			}
		})
	}
}

// nextCursor buys a page and returns the cursor behind it, empty after the last.
func nextCursor(b *testing.B, client *http.Client, url, cursor string) string {
	b.Helper()
	body := "{}"
	if cursor != "" {
		body = `{"cursor":"` + cursor + `"}`
	}
	req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("X-Api-Key", apiKey)
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	zip, err := gzip.NewReader(resp.Body)
	if err != nil {
		b.Fatalf("status %s: %v", resp.Status, err)
	}
	page, err := io.ReadAll(zip)
	if err != nil {
		b.Fatal(err)
	}
	_, tail, _ := bytes.Cut(page[bytes.LastIndex(page, []byte(`"next_cursor"`)):], []byte(`:`))
	parts := bytes.SplitN(tail, []byte(`"`), 3)
	if len(parts) < 3 || len(bytes.TrimSpace(parts[0])) > 0 {
		return "" // null
	}
	return string(parts[1])
}
