package feed_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/retry"
)

var update = flag.Bool("update", false, "write the golden files")

func TestAGoodPageIsReturnedWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rows := []string{
			`{ "id" : "a",  "updated_at":"2026-02-03T04:05:06.789+02:00", "x":1e400, "y":9007199254740993, "z":9223372036854775808 }`,
			`{"id":"b","Id":"other","updated_at":null,"unknown":{"deep":[1,2,{"é":"\ud83d\ude00"}]}}`,
		}
		f := newFixture(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second) // virtual
			h := w.Header()
			h.Set("X-Has-More", "true")
			h.Set("X-Credits-Deducted", "100")
			h.Set("X-Credits-Balance", "9900")
			h.Set("Date", "Sun, 01 Mar 2026 12:00:00 GMT")
			jsonBody("\n{\"has_more\" : true, \"new\":[{}],\n \"career_sites\": [\t"+rows[0]+"\r\n, "+rows[1]+" ],\"next_cursor\":\"c\\u0032\"} \n")(w, r)
		})
		got, err := f.client.Page(t.Context(), feed.Query{Cursor: "c1"})
		if err != nil {
			t.Fatal(err)
		}
		want := feed.Page{
			Rows: []feed.Row{
				{ID: "a", UpdatedAt: time.Date(2026, 2, 3, 2, 5, 6, 789e6, time.UTC), Raw: []byte(rows[0])},
				{ID: "b", Raw: []byte(rows[1])},
			},
			Next: "c2", HasMore: true, Credits: 100, Balance: 9900,
			ServedAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Took: 3 * time.Second,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("page (-want +got):\n%s", diff)
		}
		if len(f.attempts) != 1 || f.attempts[0] != (feed.Attempt{Outcome: feed.OutcomePage, Status: 200, Took: 3 * time.Second}) {
			t.Errorf("attempts are %+v, want one good one of 3s", f.attempts)
		}
	})
}

func TestTheRequestIsWhatTheContractSays(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 13, 0, 0, 123456789, time.FixedZone("CET", 3600))
	earlier, later := at.AddDate(0, -1, 0), at.AddDate(0, 1, 0)
	year, agency := 2015, false
	all := feed.Filters{
		Industries: []string{"fintech", "biotech"}, CompanySizes: []string{"1-10", "11-50"}, CountryCodes: []string{"DE", "US"},
		FundingStages: []string{"seed", "series_a"}, CompanyTypes: []string{"for_profit"}, FoundedAfter: &year, IsAgency: &agency,
		UpdatedAfter: &later, DiscoveredAfter: &earlier, DiscoveredBefore: &later,
	}
	for name, q := range map[string]feed.Query{
		"everything":          {},
		"size":                {BatchSize: 7},
		"updated_after":       {UpdatedAfter: at},
		"cursor":              {Cursor: `opaque+/="<>&`, UpdatedAfter: at},
		"all_filters":         {Filters: all, UpdatedAfter: at, BatchSize: 50},
		"all_filters_cursor":  {Filters: all, UpdatedAfter: at, BatchSize: 10, ScanBatchSize: 50, Cursor: "next"},
		"filters_own_updated": {Filters: feed.Filters{UpdatedAfter: &later}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, good(1), func(c *feed.Config) { c.BaseURL += "/base/" })
				if _, err := f.client.Page(t.Context(), q); err != nil {
					t.Fatal(err)
				}
				got := f.requests[0]
				if got.method != http.MethodPost || got.path != "/base/api/career-sites/feed" || got.query != "" {
					t.Errorf("request is %s %s?%s", got.method, got.path, got.query)
				}
				for header, want := range map[string]string{
					"X-Api-Key": canary, "Content-Type": "application/json", "Accept-Encoding": "identity",
					"Accept":     "application/json, application/problem+json",
					"User-Agent": "careerstream (+https://github.com/careerstream/careerstream)",
				} {
					if got := got.header.Get(header); got != want {
						t.Errorf("%s is %q, want %q", header, got, want)
					}
				}
				golden(t, name+".json", got.body+"\n")
			})
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "request", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestAQueryThatCanNotBeSentIsRefusedBeforeItCosts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, good(1))
		for _, q := range []feed.Query{
			{BatchSize: 51},
			{BatchSize: -1},
			{ScanBatchSize: 51},
			{Cursor: "a\nb"},
			{Cursor: feed.Cursor(make([]byte, 20<<10))},
			{UpdatedAfter: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		} {
			if _, err := f.client.Page(t.Context(), q); err == nil {
				t.Errorf("query %+.60v is sent", q)
			}
		}
		if f.count() != 0 {
			t.Errorf("%d requests were made", f.count())
		}
	})
}

// limiter counts and may fail.
type limiter struct {
	waits int
	until []time.Duration
	begin time.Time
	err   error
}

func (l *limiter) Wait(context.Context) error { l.waits++; return l.err }
func (l *limiter) Until(t time.Time)          { l.until = append(l.until, t.Sub(l.begin)) }

func TestTheLimiterIsAskedBeforeEachTry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &limiter{begin: time.Now()}
		f := newFixture(t, inTurn(status(503, ""), status(429, "", "Retry-After", "7"), wire(""), good(1)),
			func(c *feed.Config) { c.Limiter = l; c.Retry = retry.Policy{Base: 2} })
		page, err := f.client.Page(t.Context(), feed.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if l.waits != 4 || f.count() != 4 {
			t.Errorf("%d waits for %d requests, want 4 and 4", l.waits, f.count())
		}
		if page.UnknownTries != 1 {
			t.Errorf("UnknownTries = %d, want 1", page.UnknownTries)
		}
		if diff := cmp.Diff([]time.Duration{7 * time.Second}, roundAll(l.until)); diff != "" {
			t.Errorf("told waits (-want +got):\n%s", diff)
		}
	})
}

func roundAll(ds []time.Duration) []time.Duration {
	var out []time.Duration
	for _, d := range ds {
		out = append(out, d.Round(time.Second))
	}
	return out
}

func TestALimiterThatDoesNotKnowIsAskedAgainAndNothingIsSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &limiter{err: errors.New("limits not known")}
		f := newFixture(t, good(1), func(c *feed.Config) { c.Limiter = l; c.Retry.Tries = 4 })
		_, err := f.client.Page(t.Context(), feed.Query{})
		if !errors.Is(err, l.err) || l.waits != 4 || f.count() != 0 {
			t.Errorf("error %v after %d waits and %d requests, want the limiter's, 4 and 0", err, l.waits, f.count())
		}
	})
}

func TestAnUnknownOutcomeIsTriedThreeTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, inTurn(status(500, ""), silent, status(500, ""), silent, wire(head()+`{"car`)))
		begin := time.Now()
		_, err := f.client.Page(t.Context(), feed.Query{})
		var unknown *feed.UnknownOutcomeError
		if !errors.As(err, &unknown) || unknown.Tries != 3 || feed.UnknownTries(err) != 3 {
			t.Fatalf("error is %v, UnknownTries %d, want *UnknownOutcomeError after 3", err, feed.UnknownTries(err))
		}
		if f.count() != 5 {
			t.Errorf("%d requests, want 5", f.count())
		}
		// Two of them were silent for the whole of the default timeout.
		if took := time.Since(begin); took < 260*time.Second || took > 290*time.Second {
			t.Errorf("it took %v, want two timeouts of 130s and the backoff", took)
		}
		var cut *feed.PageError
		if !errors.As(err, &cut) || cut.Reason != feed.FaultCutOff {
			t.Errorf("error is %v, want how the last try ended in it", err)
		}
	})
}

func TestTheTallyIsReadableWhateverEndsTheTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, inTurn(silent, wire(""), status(401, "")), func(c *feed.Config) { c.Timeout = time.Second })
		_, err := f.client.Page(t.Context(), feed.Query{})
		if !errors.Is(err, feed.ErrUnauthorized) || feed.UnknownTries(err) != 2 {
			t.Errorf("error is %v, UnknownTries %d, want 401 and 2", err, feed.UnknownTries(err))
		}
	})
	if n := feed.UnknownTries(errors.New("other")); n != 0 {
		t.Errorf("UnknownTries of another error is %d", n)
	}
}

func TestARequestThatNeverLeftIsNoUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		dials := 0
		f := newFixture(t, good(1), func(c *feed.Config) {
			dial := c.DialContext
			c.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if dials++; dials <= 5 {
					return nil, refused
				}
				return dial(ctx, network, addr)
			}
		})
		page, err := f.client.Page(t.Context(), feed.Query{})
		if err != nil || page.UnknownTries != 0 || dials != 6 {
			t.Errorf("error %v, UnknownTries %d, %d dials; want nil, 0, 6", err, page.UnknownTries, dials)
		}
		if got := f.attempts[0]; got.Outcome != feed.OutcomeNotSent || !errors.Is(got.Err, refused) {
			t.Errorf("the first attempt is %+v, want not_sent", got)
		}
	})
}

func TestAConnectionThatDiedWhileIdleIsReplacedUnnoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, inTurn(wire(head("Content-Length: "+fmt.Sprint(len(lastPage(1))))+lastPage(1)), good(2)))
		for n := 1; n <= 2; n++ {
			page, err := f.client.Page(t.Context(), feed.Query{})
			if err != nil || len(page.Rows) != n || page.UnknownTries != 0 {
				t.Fatalf("page %d: %d rows, UnknownTries %d, %v", n, len(page.Rows), page.UnknownTries, err)
			}
			synctest.Wait() // the transport sees that the server has closed
		}
	})
}
