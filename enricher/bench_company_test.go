//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// benchCompanies answers with the profile of whatever company is asked for, after
// benchLatency. It does as little as it can: it shares the processors with what is
// measured.
type benchCompanies struct {
	server *http.Server
	url    string
	bodies [][2][]byte // what comes before and after the id

	mu       sync.Mutex
	want     int
	begun    []time.Time
	answered []time.Time
	asked    map[string]int
	done     chan struct{} // closed when as many were answered as are wanted
}

func newBenchCompanies(b *testing.B) *benchCompanies {
	b.Helper()
	c := new(benchCompanies)
	for kilobytes := 8; kilobytes <= 20; kilobytes++ {
		c.bodies = append(c.bodies, benchProfile(b, kilobytes<<10))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c.server = &http.Server{Handler: c, ReadHeaderTimeout: time.Minute}
	c.url = "http://" + listener.Addr().String()
	go func() { _ = c.server.Serve(listener) }() // ends with Close
	b.Cleanup(func() { _ = c.server.Close() })
	return c
}

// expect begins to count anew.
func (c *benchCompanies) expect(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.want, c.asked, c.done = n, make(map[string]int, n), make(chan struct{})
	c.begun, c.answered = make([]time.Time, 0, n), make([]time.Time, 0, n)
}

// ServeHTTP implements http.Handler.
func (c *benchCompanies) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	c.mu.Lock()
	c.begun = append(c.begun, time.Now())
	c.asked[id]++
	c.mu.Unlock()
	time.Sleep(benchLatency) // what is simulated, not synchronisation
	last, _ := strconv.Atoi(id[len(id)-6:])
	body := c.bodies[last%len(c.bodies)]
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body[0])+len(id)+len(body[1])))
	h.Set("ETag", `"`+id+`-1"`)
	for _, part := range [][]byte{body[0], []byte(id), body[1]} {
		if _, err := w.Write(part); err != nil {
			return // nobody waits for it any more
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered = append(c.answered, time.Now()); len(c.answered) == c.want {
		close(c.done)
	}
}

// count takes the times from what was answered, and checks that it was each
// company once.
func (c *benchCompanies) count(b *testing.B, f *benchFigures) {
	b.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.want
	if len(c.asked) != n || len(c.begun) != n || len(c.answered) != n {
		b.Fatalf("%d companies were asked for %d times and answered %d times, want each of %d once", len(c.asked), len(c.begun), len(c.answered), n)
	}
	f.profiles = n
	f.fetching = c.answered[n-1].Sub(c.begun[0])
	f.steady = c.answered[n*9/10].Sub(c.answered[n/10])
}

// benchProfile is a profile of about so many bytes, with members like those of the
// real ones, without its id.
func benchProfile(b *testing.B, size int) (parts [2][]byte) {
	b.Helper()
	text := strings.Repeat("It publishes a report on its products, its people and its plans every quarter. ", 20)
	profile := map[string]any{
		"name": "Fjord & Söhne", "legal_name": "Fjord & Söhne Holding GmbH", "summary": text[:300], "description": text[:1500],
		"website": "https://fjord.invalid", "country_code": "DE", "founding_year": "2009", "is_agency": false, "page_rank": 3.25,
		"industries": []string{"fintech", "payments"}, "categories": []string{"b2b", "saas"}, "stock_symbol": nil,
	}
	parts[0] = []byte(`{"id":"`)
	var press, people, rounds []any
	for i := 0; len(parts[1]) < size-50; i++ {
		press = append(press, map[string]any{"url": fmt.Sprintf("https://news.invalid/archive/%d", i), "posted_on": "2024-05-30", "title": fmt.Sprintf("Round %d closes with new and present investors", i), "publisher": "TechDaily"})
		if i%4 == 0 {
			people = append(people, map[string]any{"name": fmt.Sprintf("Åsa Berg %d", i), "title": "Head of Operations", "linkedin_url": fmt.Sprintf("https://linkedin.invalid/in/berg-%d", i), "avatar_url": nil})
			rounds = append(rounds, map[string]any{"investment_type": "series_a", "announced_on": "2020-02-11", "raised_amount": 12_500_000, "post_money_valuation": nil, "investor_count": 4, "lead_investor": "North Star Ventures"})
		}
		profile["press_references"], profile["leadership"], profile["funding_rounds"] = press, people, rounds
		encoded, err := json.Marshal(profile)
		if err != nil {
			b.Fatal(err)
		}
		parts[1] = append([]byte(`",`), encoded[1:]...)
	}
	return parts
}
