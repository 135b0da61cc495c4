package feed_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
)

func TestEveryStatusHasItsMeaning(t *testing.T) {
	t.Parallel()
	passing := map[int]bool{408: true, 425: true, 429: true, 500: true, 502: true, 503: true, 504: true}
	for code := 200; code <= 599; code++ {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(w http.ResponseWriter, r *http.Request) {
				if code == 200 {
					good(1)(w, r)
					return
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(code)
			})
			_, err := f.client.Page(t.Context(), feed.Query{Cursor: "c"})
			tries := 1
			if passing[code] {
				tries = 10
			}
			if f.count() != tries {
				t.Errorf("status %d: %d requests, want %d", code, f.count(), tries)
			}
			if n := feed.UnknownTries(err); n != 0 {
				t.Errorf("status %d: UnknownTries = %d, want 0: no status is billed", code, n)
			}
			checkStatus(t, code, err)
		})
	}
}

func checkStatus(t *testing.T, code int, err error) {
	t.Helper()
	var (
		page    *feed.PageError
		status  *feed.StatusError
		payment *feed.PaymentError
	)
	switch {
	case code == 200:
		if err != nil {
			t.Errorf("status 200: %v", err)
		}
		return
	case code < 300: // it may have been billed, so it is told apart
		if !errors.As(err, &page) || page.Reason != feed.FaultStatus {
			t.Errorf("status %d: %v, want a refused page", code, err)
		}
		return
	case !errors.As(err, &status) || status.Status != code:
		t.Errorf("status %d: %v, want a *StatusError", code, err)
		return
	}
	if got, want := errors.As(err, &payment), code == 402; got != want {
		t.Errorf("status %d: a *PaymentError is %v, want %v", code, got, want)
	}
	for sentinel, of := range map[error]int{feed.ErrUnauthorized: 401, feed.ErrForbidden: 403, feed.ErrInvalidCursor: 0} {
		if got, want := errors.Is(err, sentinel), code == of; got != want {
			t.Errorf("status %d: errors.Is %q is %v, want %v", code, sentinel, got, want)
		}
	}
}

func TestACursorThatIsVoidIsToldFromOtherRefusals(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code int
		body string
		want bool
	}{
		{400, `{"title":"Invalid cursor"}`, true},
		{400, `{"title":"Bad Request","detail":"INVALID CURSOR: it has expired"}`, true},
		{400, `{"title":"Bad Request","code":"invalid_cursor"}`, true},
		{400, `{"status":400,"error":"invalid-cursor","message":"x"}`, true},
		{400, `{"status":400,"error":"Bad Request","message":"Invalid cursor."}`, true},
		{400, `{"title":"Invalid batch_size"}`, false},
		{400, `{"detail":"founded_after is invalid; cursor is ignored"}`, false},
		{400, ``, false},
		{400, `<html>Invalid cursor</html>`, false},
		{409, `{"code":"feed_cursor_restart_required","replacement_request":{}}`, true},
		{409, `{"code":"conflict"}`, false},
		{422, `{"title":"Invalid cursor"}`, false},
		{500, `{"title":"Invalid cursor"}`, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, status(tc.code, tc.body))
			_, err := f.client.Page(t.Context(), feed.Query{Cursor: "c"})
			if got := errors.Is(err, feed.ErrInvalidCursor); got != tc.want {
				t.Errorf("%d %s: invalid cursor is %v, want %v", tc.code, tc.body, got, tc.want)
			}
			// Nothing to drop: the scan must not be begun again for it.
			if _, err := f.client.Page(t.Context(), feed.Query{}); err == nil || errors.Is(err, feed.ErrInvalidCursor) {
				t.Errorf("%d %s without a cursor: %v, want another error", tc.code, tc.body, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "Invalid cursor", 400) })
		if _, err := f.client.Page(t.Context(), feed.Query{Cursor: "c"}); !errors.Is(err, feed.ErrInvalidCursor) {
			t.Errorf("plain text: %v, want an invalid cursor", err)
		}
	})
}

func TestAnEmptyWalletSaysWhatThePageCosts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body              string
		headers           []string
		required, balance int64
	}{
		{`{"credits_required":2500,"credits_balance":120}`, nil, 2500, 120},
		{`{"credits_required":"2500","credits_balance":"0"}`, nil, 2500, 0},
		{`{"credits_required":1,"credits_balance":1}`, []string{"X-Credits-Required", "2500", "X-Credits-Balance", "7"}, 2500, 7},
		{`{"credits_required":2500}`, []string{"X-Credits-Required", "NaN", "X-Credits-Balance", "-3"}, 2500, feed.Unknown},
		{``, nil, feed.Unknown, feed.Unknown},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, status(402, tc.body, tc.headers...))
			_, err := f.client.Page(t.Context(), feed.Query{})
			var payment *feed.PaymentError
			if !errors.As(err, &payment) {
				t.Fatalf("error is %v, want a *PaymentError", err)
			}
			if payment.Required != tc.required || payment.Balance != tc.balance {
				t.Errorf("%s %v: required %d, balance %d, want %d, %d", tc.body, tc.headers, payment.Required, payment.Balance, tc.required, tc.balance)
			}
		})
	}
}

func TestErrorsSayWhatWentWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		answer http.HandlerFunc
		want   string
	}{
		{
			status(401, `{"title":"Unauthorized","detail":"no such key","code":"key_unknown"}`),
			"POST http://localhost:8080/api/career-sites/feed: status 401 Unauthorized: Unauthorized: no such key [key_unknown]: " +
				"the API key is missing, wrong or revoked: check JOBO_API_KEY",
		},
		{
			status(403, `{"status":403,"error":"Forbidden","message":"not in your plan"}`),
			"POST http://localhost:8080/api/career-sites/feed: status 403 Forbidden: Forbidden: not in your plan: " +
				"the plan of this API key does not include the career sites feed: change the plan or the key",
		},
		{
			status(402, `{"title":"Payment Required"}`, "X-Credits-Required", "2500"),
			"POST http://localhost:8080/api/career-sites/feed: status 402 Payment Required: Payment Required: " +
				"the page costs 2500 credits, the wallet holds an unknown number of",
		},
		{
			status(301, ``, "Location", "https://user:pass@other.example/x?secret=1"),
			"POST http://localhost:8080/api/career-sites/feed: status 301 Moved Permanently: " +
				"it redirects to https://other.example/x, which is never followed: check the base URL",
		},
		{status(404, `<html><body>nothing`), "POST http://localhost:8080/api/career-sites/feed: status 404 Not Found"},
		{status(599, `{"title":7,"detail":{}}`), "POST http://localhost:8080/api/career-sites/feed: status 599: 7"},
		{
			status(422, "{\"title\":\"a\\r\\n2026 INFO forged\\u001b[31m\\u202e\\u0000b\"}"),
			"POST http://localhost:8080/api/career-sites/feed: status 422 Unprocessable Entity: a 2026 INFO forged[31mb",
		},
		{
			status(422, `{"title":"`+strings.Repeat("é", 1000)+`"}`),
			"POST http://localhost:8080/api/career-sites/feed: status 422 Unprocessable Entity: " + strings.Repeat("é", 297) + "...",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, tc.answer)
			_, err := f.client.Page(t.Context(), feed.Query{})
			if err == nil || err.Error() != tc.want {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

func TestTheFeedsWordsAreReadFromGzipToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, status(422, zipped(t, `{"title":"zipped"}`), "Content-Encoding", "gzip"))
		_, err := f.client.Page(t.Context(), feed.Query{})
		var e *feed.StatusError
		if !errors.As(err, &e) || e.Title != "zipped" {
			t.Errorf("error is %v, want the title within", err)
		}
	})
}

func TestAStalledErrorBodyDoesNotHoldItsStatusUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(403)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		begin := time.Now()
		_, err := f.client.Page(t.Context(), feed.Query{})
		if took := time.Since(begin); !errors.Is(err, feed.ErrForbidden) || took != 10*time.Second {
			t.Errorf("error %v after %v, want 403 after 10s", err, took)
		}
	})
}

func TestAToldWaitIsFoundWhereverTheFeedPutsIt(t *testing.T) {
	t.Parallel()
	const date = "Sun, 01 Mar 2026 12:00:00 GMT"
	reset := fmt.Sprint(time.Date(2026, 3, 1, 12, 0, 20, 0, time.UTC).Unix())
	for _, tc := range []struct {
		code    int
		body    string
		headers []string
		want    time.Duration
	}{
		{429, "", []string{"Retry-After", "20"}, 20 * time.Second},
		{503, "", []string{"Retry-After", "20"}, 20 * time.Second},
		{429, "", []string{"Retry-After", "Sun, 01 Mar 2026 12:00:20 GMT"}, 20 * time.Second}, // by the feed's clock, not ours
		{429, `{"retry_after_seconds":20}`, nil, 20 * time.Second},
		{429, `{"retry_after_seconds":"20"}`, []string{"Retry-After", "soon"}, 20 * time.Second},
		{429, `{"retry_after_seconds":99}`, []string{"Retry-After", "20"}, 20 * time.Second},
		{429, "", []string{"X-RateLimit-Reset", reset}, 20 * time.Second},
		{429, "", []string{"X-RateLimit-Reset", "1"}, 0},
		{429, "", []string{"X-RateLimit-Reset", "NaN"}, 0},
		{503, "", []string{"X-RateLimit-Reset", reset}, 0},
		{429, "", []string{"Retry-After", "999999999"}, 15 * time.Minute},
		{429, "", []string{"Retry-After", "-5"}, 0},
		{429, "", nil, 0},
		{400, "", []string{"Retry-After", "20"}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, inTurn(status(tc.code, tc.body, append(tc.headers, "Date", date)...), good(1)))
			begin := time.Now()
			_, _ = f.client.Page(t.Context(), feed.Query{})
			took := time.Since(begin)
			var e *feed.StatusError
			if !errors.As(f.attempts[0].Err, &e) || e.RetryAfter != tc.want {
				t.Errorf("%d %s %v: %v, want to be told %v", tc.code, tc.body, tc.headers, f.attempts[0].Err, tc.want)
			}
			if tc.want > 0 && took != tc.want {
				t.Errorf("%d %s %v: it waited %v, want %v", tc.code, tc.body, tc.headers, took, tc.want)
			}
			if tc.want == 0 && took > 500*time.Millisecond+1 {
				t.Errorf("%d %s %v: it waited %v, want the backoff", tc.code, tc.body, tc.headers, took)
			}
		})
	}
}
