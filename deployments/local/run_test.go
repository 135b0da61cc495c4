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

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/simulator"
)

// forever is an interval that no test lives to see the end of.
const forever = 24 * time.Hour

func TestOnceEndsWithASummary(t *testing.T) {
	t.Parallel()
	for rows, want := range map[int]string{
		0:   "0 rows bought for 0 credits (USD 0.00), 0 records in jobo.career-sites.v1: 0 duplicates, 0 of 0 sites missing or out of date\n",
		1:   "1 rows bought for 50 credits (USD 0.05), 1 records in jobo.career-sites.v1: 0 duplicates, 0 of 1 sites missing or out of date\n",
		120: "120 rows bought for 6000 credits (USD 6.00), 120 records in jobo.career-sites.v1: 0 duplicates, 0 of 120 sites missing or out of date\n",
	} {
		t.Run(strconv.Itoa(rows), func(t *testing.T) {
			t.Parallel()
			var out, logs bytes.Buffer
			if err := run(t.Context(), options{Once: true, Rows: rows}, &out, &logs); err != nil {
				t.Fatalf("got %v, want none\n%s", err, &logs)
			}
			if !strings.HasSuffix(out.String(), "\n"+want) {
				t.Errorf("got the end of %q, want %q", out.String(), want)
			}
			if begin := "(" + strconv.Itoa(rows) + " sites)"; !strings.Contains(out.String(), begin) {
				t.Errorf("got %q, want %q in it", out.String(), begin)
			}
		})
	}
}

func TestItGoesOnBuyingWhatChangesUntilItIsStopped(t *testing.T) {
	t.Parallel()
	l := start(t, options{Rows: 100, Interval: time.Millisecond}, 3)
	l.stop(t)
	type summary struct {
		Message string `json:"msg"`
		Mode    string `json:"mode"`
		Rows    int    `json:"rows"`
	}
	var got []summary
	for line := range strings.Lines(l.logs.String()) {
		var s summary
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if s.Message == "in sync" {
			got = append(got, s)
		}
	}
	want := []summary{{"in sync", "backfill", 100}, {"in sync", "incremental", changes + appears}}
	if len(got) < 3 || got[0] != want[0] || got[1] != want[1] {
		t.Fatalf("got the syncs %v, want %v and more of the kind", got, want)
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
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/career-sites/feed", strings.NewReader(`{}`))
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
	var page struct {
		Sites []json.RawMessage `json:"career_sites"`
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil || len(page.Sites) != 40 {
		t.Fatalf("got status %d with %d rows (%v), want 40", response.StatusCode, len(page.Sites), err)
	}
	return fmt.Sprintf("%s", page.Sites)
}

// The summary is a check, and it can fail.
func TestASummaryThatDoesNotAddUpIsAnError(t *testing.T) {
	t.Parallel()
	stack, err := devstack.Start(t.Context(), devstack.Options{Feed: simulator.Options{Rows: 10}})
	if err != nil {
		t.Fatal(err)
	}
	defer stack.Close()
	config := configure(stack)
	buy := func() {
		if _, err := app.Sync(t.Context(), config, zap.NewNop()); err != nil {
			t.Fatal(err)
		}
	}
	check := func(want string) {
		t.Helper()
		err := summarise(t.Context(), io.Discard, stack, config, nil)
		if got := errorText(err); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	buy()
	check("")
	stack.Feed.Insert(2)
	stack.Feed.UpdateRandom(1)
	missing := stack.Feed.Len() - len(sold(stack))
	check("the topic is not what the feed has: 0 duplicates, " + strconv.Itoa(missing) + " missing or out of date")
	config.FeedName = "the-same-again"
	buy()
	twice := stack.Feed.Ledger().Duplicates
	if missing < 2 || twice == 0 {
		t.Fatalf("got %d rows missing and %d bought twice, want some of each", missing, twice)
	}
	check("the topic is not what the feed has: " + strconv.Itoa(twice) + " duplicates, 0 missing or out of date")
}

// sold are the companies whose newest version was bought.
func sold(stack *devstack.Stack) (ids []string) {
	ledger := stack.Feed.Ledger()
	for id, row := range stack.Feed.Truth() {
		if ledger.Billed(id, row.Version) > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
