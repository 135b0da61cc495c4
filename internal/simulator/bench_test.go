package simulator_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

// BenchmarkFeed pages through the feed over loopback with one client, which reads
// every byte and looks for the cursor only.
func BenchmarkFeed(b *testing.B) {
	for _, tc := range []struct {
		name, accept string
		change       simulator.Change
	}{
		{name: "plain"},
		{name: "gzip", accept: "gzip"},
		{name: "changing", change: simulator.Change{EveryPages: 1, Update: 5, Insert: 1}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			o := unlimited(100_000)
			o.BaseURL, o.Change = "", tc.change
			srv, err := simulator.Start(b.Context(), "127.0.0.1:0", o)
			if err != nil {
				b.Fatal(err)
			}
			transport := &http.Transport{DisableCompression: true}
			defer func() {
				transport.CloseIdleConnections()
				if err := srv.Close(); err != nil {
					b.Error(err)
				}
			}()
			scan := reader{b: b, client: &http.Client{Transport: transport}, url: srv.URL() + "/api/career-sites/feed", accept: tc.accept}
			for b.Loop() {
				scan.page()
			}
			b.ReportMetric(float64(srv.Ledger().Rows)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// reader is a client that does as little as a client can.
type reader struct {
	b           *testing.B
	client      *http.Client
	url, accept string
	cursor      string
	buf         bytes.Buffer
}

func (r *reader) page() {
	body := "{}"
	if r.cursor != "" {
		body = `{"cursor":"` + r.cursor + `"}`
	}
	req, err := http.NewRequestWithContext(r.b.Context(), http.MethodPost, r.url, strings.NewReader(body))
	if err != nil {
		r.b.Fatal(err)
	}
	req.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	if r.accept != "" {
		req.Header.Set("Accept-Encoding", r.accept)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.b.Fatal(err)
	}
	r.buf.Reset()
	_, err = io.Copy(&r.buf, resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		r.b.Fatalf("got %d, %v", resp.StatusCode, err)
	}
	if r.accept != "" {
		return // the first page over and over: the cursor is inside
	}
	tail := r.buf.Bytes()[bytes.LastIndex(r.buf.Bytes(), []byte(`"next_cursor":`)):]
	r.cursor = ""
	if parts := bytes.Split(tail, []byte(`"`)); len(parts) > 5 {
		r.cursor = string(parts[3])
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		simulator.New(unlimited(100_000))
	}
	b.ReportMetric(float64(b.N)*100_000/b.Elapsed().Seconds(), "rows/s")
}
