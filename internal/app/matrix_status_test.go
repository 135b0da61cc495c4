package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/simulator"
)

// passing are the statuses after which the same request is made again.
func passing() map[int]bool {
	return map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true}
}

// Every code but 200, in the place of a run's first page. Many
// follow each other in one stream: none of them may leave a trace in it.
func TestMatrixEveryStatus(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	const stretch = 50
	table := map[string]int{}
	for from := 200; from < 600; from += stretch {
		table["from "+strconv.Itoa(from)] = from
	}
	each(t, table, func(t *testing.T, from int) {
		l := newLab(t, cluster, simulator.Options{})
		l.run(app.ExitDone)
		for code := from; code < from+stretch; code++ {
			if code != http.StatusOK {
				l.answeredWith(code)
			}
		}
		l.finish(allowance{})
	})
}

// answeredWith is a run whose first request is answered with a status.
func (l *lab) answeredWith(code int) {
	l.t.Helper()
	before, _ := l.front.requests()
	l.front.reset()
	l.front.at(before+1, status(code, nil, `{"title":"Simulated","detail":"as told"}`))
	got := l.sync(l.t.Context(), nil)
	after, _ := l.front.requests()
	want, requests := app.ExitFailed, 1
	switch {
	case passing()[code]:
		want, requests = app.ExitDone, 2
	case code == http.StatusPaymentRequired:
		want, requests = app.ExitDone, 2 // what the wallet holds is not said: a smaller page is tried
	}
	if got.code != want || after-before != requests {
		l.t.Errorf("status %d: got exit code %d after %d requests, want %d after %d: %s", code, got.code, after-before, want, requests, got.said)
	}
	if want != app.ExitDone && !strings.Contains(got.said, "status "+strconv.Itoa(code)) {
		l.t.Errorf("status %d: got %q, want the status in it", code, got.said)
	}
}

// statusCase is one row of the status table: what the feed answers in the place
// of the second page, and what comes of it.
type statusCase struct {
	status int
	header map[string]string
	body   string
	code   int
	words  []string
	// again is how many pages the case costs.
	again int
}

const (
	problemShape = `{"title":%q,"detail":%q,"code":%q}`
	plainShape   = `{"status":400,"error":%q,"message":%q}`
)

func statusTable() map[string]statusCase {
	// The page before the cursor is bought and published again.
	restart := func(status int, shape string, words ...any) statusCase {
		return statusCase{status: status, body: fmt.Sprintf(shape, words...), again: 1}
	}
	failed := func(status int, words ...string) statusCase {
		return statusCase{status: status, body: `{"title":"No","detail":"because of the moon","code":"moon"}`, code: app.ExitFailed, words: append(words, "status "+strconv.Itoa(status), "because of the moon", "page 2 of run")}
	}
	retried := func(status int) statusCase { return statusCase{status: status} }
	return map[string]statusCase{
		"400 Invalid cursor in the title":         restart(400, problemShape, "Invalid cursor", "", ""),
		"400 Invalid cursor in the detail":        restart(400, problemShape, "Bad request", "Invalid cursor", ""),
		"400 Invalid cursor in the code":          restart(400, problemShape, "Bad request", "", "invalid_cursor"),
		"400 Invalid cursor in the plain message": restart(400, plainShape, "Bad Request", "Invalid cursor"),
		"400 Invalid cursor in the plain error":   restart(400, plainShape, "Invalid cursor", ""),
		"400 about something else":                failed(400),
		"400 with a cursor that is not invalid":   {status: 400, body: fmt.Sprintf(problemShape, "Bad request", "the cursor is too long", ""), code: app.ExitFailed, words: []string{"status 400", "the cursor is too long"}},
		"401":                                     failed(401, "JOBO_API_KEY"),
		"403":                                     failed(403, "plan"),
		"404":                                     failed(404),
		"410":                                     failed(410),
		"422":                                     failed(422),
		"402": {
			status: 402, body: `{"title":"Payment required","credits_required":250,"credits_balance":7}`,
			header: map[string]string{"X-Credits-Required": "250", "X-Credits-Balance": "7"},
			code:   app.ExitPaused, words: []string{"paused", "7", "wallet"},
		},
		"409 feed_cursor_restart_required":    restart(409, problemShape, "Conflict", "begin a new scan", "feed_cursor_restart_required"),
		"409 restart required, in plain form": restart(409, plainShape, "feed_cursor_restart_required", "begin a new scan"),
		"409 about something else":            failed(409),
		"408":                                 retried(408),
		"425":                                 retried(425),
		"429":                                 retried(429),
		"500":                                 retried(500),
		"502 with a page for people":          {status: 502, header: map[string]string{"Content-Type": "text/html"}, body: "<html>bad gateway</html>"},
		"503":                                 retried(503),
		"504":                                 retried(504),
		"501":                                 failed(501),
		"505":                                 failed(505),
	}
}

func TestMatrixStatusTable(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, statusTable(), func(t *testing.T, c statusCase) {
		l := newLab(t, cluster, simulator.Options{})
		l.front.at(2, status(c.status, c.header, c.body))
		l.run(c.code, c.words...)
		if n, _ := l.front.requests(); c.code != app.ExitDone && n != 2 {
			t.Errorf("got %d requests, want none after the second", n)
		}
		if p := l.progress(); c.code != app.ExitDone && p.Pages != 1 {
			t.Errorf("the checkpoint is at page %d, want 1", p.Pages)
		}
		l.finish(allowance{again: c.again})
	})
}

// The wallet itself, and not only the word for it: what it covers is bought.
func TestMatrixTheWallet(t *testing.T) {
	t.Parallel()
	l := newLab(t, broker(t), simulator.Options{Balance: 250})
	l.run(app.ExitPaused, "paused", "state is kept")
	if got := l.ledger().Rows; got != 5 {
		t.Errorf("got %d rows bought with credits for 5", got)
	}
	l.feed.SetBalance(1_000_000)
	l.finish(allowance{})
}

// A redirect is never followed: the other host sees neither a request nor the key.
func TestMatrixRedirects(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	var visits atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visits.Add(1) }))
	t.Cleanup(func() {
		elsewhere.Close()
		if got := visits.Load(); got != 0 {
			t.Errorf("got %d requests at the host that was redirected to, want none", got)
		}
	})
	table := map[string]int{"301": 301, "302": 302, "303": 303, "307": 307, "308": 308}
	each(t, table, func(t *testing.T, code int) {
		l := newLab(t, cluster, simulator.Options{})
		l.front.at(2, status(code, map[string]string{"Location": elsewhere.URL + "/api/career-sites/feed?token=secret"}, ""))
		l.run(app.ExitFailed, "status "+strconv.Itoa(code), "never followed", "base URL")
		l.finish(allowance{})
	})
}

// How long a Retry-After is obeyed: at least shows as the distance of the two
// requests, which can be longer and never shorter.
func TestMatrixRetryAfter(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	date := func(at time.Time) string { return at.Format(http.TimeFormat) }
	type told struct {
		status  int
		header  map[string]string
		body    string
		atLeast time.Duration
	}
	each(t, map[string]told{
		"seconds":               {429, map[string]string{"Retry-After": "1"}, "", time.Second},
		"seconds of a 503":      {503, map[string]string{"Retry-After": "1"}, "", time.Second},
		"an HTTP date":          {429, map[string]string{"Date": date(now), "Retry-After": date(now.Add(time.Second))}, "", time.Second},
		"in the body alone":     {429, nil, `{"retry_after_seconds":1}`, time.Second},
		"the limit's reset":     {429, map[string]string{"Date": date(now), "X-RateLimit-Reset": strconv.FormatInt(now.Add(time.Second).Unix(), 10)}, "", time.Second},
		"zero":                  {429, map[string]string{"Retry-After": "0"}, "", 0},
		"negative":              {429, map[string]string{"Retry-After": "-5"}, "", 0},
		"a date that is past":   {503, map[string]string{"Date": date(now), "Retry-After": date(now.Add(-time.Hour))}, "", 0},
		"garbage":               {429, map[string]string{"Retry-After": "soon"}, "", 0},
		"garbage, and the body": {429, map[string]string{"Retry-After": "1.5s"}, `{"retry_after_seconds":1}`, time.Second},
	}, func(t *testing.T, c told) {
		l := newLab(t, cluster, simulator.Options{})
		l.front.at(2, status(c.status, c.header, c.body))
		l.run(app.ExitDone)
		n, times := l.front.requests()
		if n != 4 {
			t.Fatalf("got %d requests, want 3 and the one that was refused", n)
		}
		if waited := times[2].Sub(times[1]); waited < c.atLeast {
			t.Errorf("it came again after %s, was told to wait %s", waited, c.atLeast)
		}
		l.finish(allowance{})
	})
}

// A wait beyond all reason: the lease is kept meanwhile, a stop ends it at once,
// and nothing was asked for before its time.
func TestMatrixRetryAfterForDays(t *testing.T) {
	t.Parallel()
	l := newLab(t, broker(t), simulator.Options{})
	ctx, stop := context.WithCancel(t.Context())
	l.front.at(2, status(429, map[string]string{"Retry-After": "99999999999999999999"}, ""))
	ended := make(chan ending, 1)
	go func() { ended <- l.sync(ctx, settings{"LEASE_TTL": "2s"}) }()
	<-time.After(2500 * time.Millisecond) // longer than an unrenewed lease lasts
	if !l.redis.Exists(l.key("lease")) {
		t.Error("the lease ran out during the wait")
	}
	if n, _ := l.front.requests(); n != 2 {
		t.Errorf("got %d requests, want 2", n)
	}
	stop()
	if got := <-ended; got.code != app.ExitDone {
		t.Errorf("got exit code %d after the stop, want %d: %s", got.code, app.ExitDone, got.said)
	}
	l.finish(allowance{})
}
