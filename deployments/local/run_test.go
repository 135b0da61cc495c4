package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// forever is an interval that no test lives to see the end of.
const forever = 24 * time.Hour

func TestOnceEndsWithASummary(t *testing.T) {
	t.Parallel()
	for rows, c := range map[int]struct{ choice, sites, companies string }{
		0: {
			"true", "0 rows bought for 0 credits (USD 0.00), 0 records in jobo.career-sites.v1: 0 duplicates, 0 of 0 sites missing or out of date\n",
			"0 profiles expected (0 chosen, 0 requested), 0 records in jobo.companies.v1: 0 duplicates, 0 of 0 profiles missing or out of date\n" +
				"1 GETs for profiles, 0 of them repeated; dead letters: not_found x1\n",
		},
		1: {
			"", "1 rows bought for 50 credits (USD 0.05), 1 records in jobo.career-sites.v1: 0 duplicates, 0 of 1 sites missing or out of date\n",
			"1 profiles expected (0 chosen, 1 requested), 1 records in jobo.companies.v1: 0 duplicates, 0 of 1 profiles missing or out of date\n" +
				"2 GETs for profiles, 0 of them repeated; dead letters: not_found x1\n",
		},
		120: {
			defaultSelect, "120 rows bought for 6000 credits (USD 6.00), 120 records in jobo.career-sites.v1: 0 duplicates, 0 of 120 sites missing or out of date\n",
			"20 profiles expected (15 chosen, 5 requested), 20 records in jobo.companies.v1: 0 duplicates, 0 of 20 profiles missing or out of date\n" +
				"21 GETs for profiles, 0 of them repeated; dead letters: not_found x1\n",
		},
	} {
		t.Run(strconv.Itoa(rows), func(t *testing.T) {
			t.Parallel()
			var out, logs bytes.Buffer
			if err := run(t.Context(), options{Once: true, Rows: rows, Select: c.choice}, &out, &logs); err != nil {
				t.Fatalf("got %v, want none\n%s", err, &logs)
			}
			if want := "\n" + c.sites + c.companies; !strings.HasSuffix(out.String(), want) {
				t.Errorf("got the end of %q, want %q", out.String(), want)
			}
			if begin := "(" + strconv.Itoa(rows) + " sites)"; !strings.Contains(out.String(), begin) {
				t.Errorf("got %q, want %q in it", out.String(), begin)
			}
		})
	}
}

func TestASelectionThatIsWrongStartsNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), options{Once: true, Select: "colour == 1"}, &out, io.Discard)
	if got := errorText(err); !strings.HasPrefix(got, "--select can't be understood:\n") || !strings.Contains(got, "there is no field colour") || out.Len() != 0 {
		t.Errorf("got %q after %q, want what is wrong with the selection, and no more", got, &out)
	}
}

func TestItGoesOnBuyingWhatChangesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	l := start(t, options{Rows: 100, Interval: time.Millisecond}, 3)
	l.stop(t)
	type summary struct {
		Logger  string `json:"logger"`
		Message string `json:"msg"`
		Mode    string `json:"mode"`
		Rows    int    `json:"rows"`
	}
	var got []summary
	programs := make(map[string]bool)
	for line := range strings.Lines(l.logs.String()) {
		var s summary
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		programs[s.Logger] = true
		if s.Message == "in sync" {
			got = append(got, s)
		}
	}
	want := []summary{{"producer", "in sync", "backfill", 100}, {"producer", "in sync", "incremental", changes + appears}}
	if len(got) < 3 || got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("got the syncs %v, want %v and more of the kind", got, want)
	}
	if !programs["enricher"] {
		t.Errorf("got lines of %v, want the enricher's in the same log", programs)
	}
	// From the third on the overlap brings what the second had, too.
	if s := got[2]; s.Mode != "incremental" || s.Rows < changes+appears {
		t.Errorf("got the third sync %v, want an incremental one of %d rows at least", s, changes+appears)
	}
}

func TestAStopIsNoFailureHoweverEarly(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, once := range []bool{true, false} {
		if err := run(ctx, options{Once: once, Rows: 10, Interval: forever}, io.Discard, io.Discard); err != nil {
			t.Errorf("once %t: got %v, want no error", once, err)
		}
	}
}

func TestPortsThatAreTakenAreReplacedWithAWord(t *testing.T) {
	t.Parallel()
	var ports [3]int
	for i := range ports {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = taken.Close() }()
		ports[i] = taken.Addr().(*net.TCPAddr).Port
	}
	var out bytes.Buffer
	o := options{Once: true, Rows: 3, KafkaPort: ports[0], RedisPort: ports[1], FeedPort: ports[2]}
	if err := run(t.Context(), o, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	for i, server := range []string{"Kafka", "Redis", "feed"} {
		if want := server + ": port " + strconv.Itoa(ports[i]) + " is taken, using another\n"; !strings.Contains(out.String(), want) {
			t.Errorf("got %q, want %q in it", out.String(), want)
		}
		if strings.Count(out.String(), ":"+strconv.Itoa(ports[i])) > 0 {
			t.Errorf("port %d is shown as the %s's, which is another's", ports[i], server)
		}
	}
}

func TestTheSeedDecidesTheFeed(t *testing.T) {
	t.Parallel()
	// The address is in the rows (details_url), so it has to be the same.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	_ = l.Close()
	rows := func(seed uint64) string {
		l := start(t, options{Rows: 40, Seed: seed, Interval: forever, FeedPort: port}, 1)
		defer l.stop(t)
		if strings.Contains(l.out.String(), "is taken") {
			t.Skip("another program was quicker to take the port")
		}
		return sites(t, "http://127.0.0.1:"+strconv.Itoa(port))
	}
	first, again, other := rows(5), rows(5), rows(6)
	if first != again {
		t.Error("got other rows from the same seed")
	}
	if first == other {
		t.Error("got the same rows from another seed")
	}
}

// sites returns the first page of the feed, without what is of the request.
func sites(t *testing.T, url string) string {
	t.Helper()
	body, status := ask(t, http.MethodPost, url+"/api/career-sites/feed", `{}`)
	var page struct {
		Sites []json.RawMessage `json:"career_sites"`
	}
	if err := json.Unmarshal(body, &page); err != nil || len(page.Sites) != 40 {
		t.Fatalf("got status %d with %d rows (%v), want 40", status, len(page.Sites), err)
	}
	return fmt.Sprintf("%s", page.Sites)
}

func ask(t *testing.T, method, url, body string) ([]byte, int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	request.Header.Set("Content-Type", "application/json")
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, response.StatusCode
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
