package simulator_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// parts is what tests read of a filled profile.
type parts struct {
	ID          string `json:"id"`
	Description string `json:"description"`
	Press       []struct {
		URL   string `json:"url"`
		Title string `json:"title"`
	} `json:"press_references"`
}

func TestProfileIsFilledToItsSize(t *testing.T) {
	t.Parallel()
	bare := simulator.New(unlimited(60))
	for _, size := range []int{1, 4500, 8 << 10, 20 << 10} {
		o := unlimited(60)
		o.ProfileBytes = size
		s, again := simulator.New(o), simulator.New(o)
		filled, references := 0, 0
		for _, row := range s.Select(simulator.Filters{}) {
			got, _ := s.Profile(row.ID)
			was, _ := bare.Profile(row.ID)
			if want := max(size, len(was)); len(got) != want {
				t.Fatalf("size %d, company %s: got %d bytes, want %d", size, row.ID, len(got), want)
			}
			if len(got) == len(was) && !bytes.Equal(got, was) {
				t.Errorf("size %d, company %s: a profile that is large enough was changed", size, row.ID)
			}
			if same, _ := again.Profile(row.ID); !bytes.Equal(got, same) {
				t.Errorf("size %d, company %s: two simulators differ", size, row.ID)
			}
			var p parts
			if err := json.Unmarshal(got, &p); err != nil || p.ID != row.ID {
				t.Fatalf("size %d, company %s: id %q, %v", size, row.ID, p.ID, err)
			}
			if len(got) > len(was) {
				filled++
			}
			references += len(p.Press)
		}
		if size == 20<<10 && (filled != 60 || references < 60*40) {
			t.Errorf("size %d: %d profiles filled, %d press references; want all, with 40 each at least", size, filled, references)
		}
	}
}

func TestFilledProfileIsWhatGetAnswers(t *testing.T) {
	t.Parallel()
	o := unlimited(1)
	o.ProfileBytes = 9000
	s := simulator.New(o)
	id := s.Select(simulator.Filters{})[0].ID
	want, _ := s.Profile(id)
	if w := get(t, s, "/api/companies/"+id); w.Body.Len() != 9000 || !bytes.Equal(w.Body.Bytes(), want) {
		t.Errorf("got %d bytes, want the 9000 of Profile", w.Body.Len())
	}
}

func TestLatencyOfProfilesIsNotThatOfTheFeed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := unlimited(1)
		o.Latency, o.CompanyLatency = time.Second, time.Minute
		s := simulator.New(o)
		path := "/api/companies/" + s.Select(simulator.Filters{})[0].ID
		took := func(request func()) time.Duration {
			began := time.Now()
			request()
			return time.Since(began)
		}
		if got := took(func() { ask(t, s, "{}") }); got != time.Second {
			t.Errorf("feed: took %s, want 1s", got)
		}
		if got := took(func() { get(t, s, path) }); got != time.Minute {
			t.Errorf("profile: took %s, want 1m", got)
		}
		s.SetLatency(simulator.RouteCompanies, time.Hour)
		arm(t, s, simulator.Fault{Kind: simulator.KindLatency, Delay: time.Second, When: simulator.When{Route: simulator.RouteCompanies}})
		if got := took(func() { get(t, s, path) }); got != time.Hour+time.Second {
			t.Errorf("profile with a fault: took %s, want 1h0m1s", got)
		}
	})
}

func TestRemovedCompanyKeepsItsRow(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(3))
	rows := s.Select(simulator.Filters{})
	code := func(i int) int { return get(t, s, "/api/companies/"+rows[i].ID).Code }
	if err := s.Remove(rows[0].ID, rows[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := s.Retire("nobody", rows[1].ID); err == nil || err.Error() != "remove profiles: unknown ids: nobody" {
		t.Errorf("an unknown id: got %v", err)
	}
	if code(0) != 404 || code(1) != 410 || code(2) != 200 {
		t.Errorf("got %d, %d, %d; want 404, 410, 200", code(0), code(1), code(2))
	}
	if err := s.Update(rows[0].ID); err != nil {
		t.Fatal(err)
	}
	if got := len(scan(t, s, "{}")); got != 3 || code(0) != 404 {
		t.Errorf("rows: got %d, want 3; profile of a newer version: got %d, want 404", got, code(0))
	}
	if got := s.ProfileGets(rows[0].ID); got != 0 {
		t.Errorf("profiles of a removed company: got %d", got)
	}
	if err := s.Restore(rows[0].ID, rows[1].ID); err != nil || code(0) != 200 || code(1) != 200 {
		t.Errorf("restored: got %v, %d, %d", err, code(0), code(1))
	}
}

// BenchmarkProfiles asks for profiles over loopback with one client; half a core
// is enough for 1,300 a second if an answer takes less than 385 us of CPU, client
// included.
func BenchmarkProfiles(b *testing.B) {
	for _, size := range []int{0, 8 << 10, 20 << 10} {
		for _, accept := range []string{"identity", "gzip"} {
			b.Run(fmt.Sprintf("%dKiB/%s", size>>10, accept), func(b *testing.B) {
				o := unlimited(1000)
				o.BaseURL, o.ProfileBytes = "", size
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
				client := &http.Client{Transport: transport}
				rows := srv.Select(simulator.Filters{})
				for i := 0; b.Loop(); i++ {
					readProfile(b, client, srv.URL()+"/api/companies/"+rows[i%len(rows)].ID, accept)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "profiles/s")
			})
		}
	}
}

func readProfile(b *testing.B, client *http.Client, url, accept string) {
	b.Helper()
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", accept)
	resp, err := client.Do(r)
	if err != nil {
		b.Fatal(err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("got %d, %v", resp.StatusCode, err)
	}
}
