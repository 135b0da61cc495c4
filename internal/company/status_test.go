package company_test

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/retry"
)

// wantOutcome is the table of every status, for a request with the key on it and
// no ETag.
func wantOutcome(code int) string {
	switch code {
	case 200:
		return "profile"
	case 401, 403:
		return "stop"
	case 404:
		return "not_found"
	case 410:
		return "gone"
	case 408, 425:
		return "again"
	case 429:
		return "slow"
	case 304:
		return "bad_profile" // no ETag was named
	case 501, 505:
		return "status"
	}
	return map[int]string{2: "bad_profile", 3: "url_redirect", 4: "status", 5: "again"}[code/100]
}

func TestEveryStatusHasItsMeaning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		code := 0
		f := newFixture(t, func(w http.ResponseWriter, r *http.Request) { answer(code, good)(w, r) })
		for code = 200; code < 600; code++ {
			a, err := f.get(t, "")
			if got, want := outcome(err), wantOutcome(code); got != want {
				t.Errorf("status %d: got %s (%v), want %s", code, got, err, want)
			}
			if (string(a.Profile) == good) != (code == 200) {
				t.Errorf("status %d: got the profile %q", code, a.Profile)
			}
			if err != nil && !strings.Contains(err.Error(), strconv.Itoa(code)) {
				t.Errorf("status %d: the error does not say so: %v", code, err)
			}
		}
		if got := len(f.sent()); got != 400 {
			t.Errorf("%d requests were made, want 400: one for each try", got)
		}
	})
}

func TestAnUnkeyedRefusalIsTheCompanysOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []int{401, 403} {
			f := newFixture(t, answer(code, ""), func(c *company.Config) { c.SendKey = false })
			if _, err := f.get(t, ""); outcome(err) != "status" {
				t.Errorf("status %d without a key: got %v, want a dead letter", code, err)
			}
		}
	})
}

func TestToldWaitsAreReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		date := now.Add(time.Hour).UTC().Format(http.TimeFormat) // the server's clock is wrong
		later := now.Add(time.Hour + 90*time.Second).UTC().Format(http.TimeFormat)
		reset := strconv.FormatInt(now.Add(time.Hour+20*time.Second).Unix(), 10)
		for _, c := range []struct {
			name    string
			handler http.HandlerFunc
			want    time.Duration
			outcome string
		}{
			{"seconds", answer(429, "", "Retry-After", "7"), 7 * time.Second, "slow"},
			{"date", answer(429, "", "Retry-After", later, "Date", date), 90 * time.Second, "slow"},
			{"problem", answer(429, `{"title":"slow","retry_after_seconds":12}`), 12 * time.Second, "slow"},
			{"other form", answer(429, `{"status":429,"error":"slow","retry_after_seconds":"13"}`), 13 * time.Second, "slow"},
			{"header first", answer(429, `{"retry_after_seconds":12}`, "Retry-After", "3"), 3 * time.Second, "slow"},
			{"reset", answer(429, "", "X-RateLimit-Reset", reset, "Date", date), 20 * time.Second, "slow"},
			{"zipped", answer(429, zipped(t, `{"retry_after_seconds":14}`), "Content-Encoding", "gzip"), 14 * time.Second, "slow"},
			{"huge", answer(429, "", "Retry-After", "99999999999999999999"), retry.MaxAfter, "slow"},
			{"negative", answer(429, "", "Retry-After", "-1"), 0, "slow"},
			{"garbage", answer(429, `[{}]`, "Retry-After", "soon"), 0, "slow"},
			{"unknown encoding", answer(429, `{"retry_after_seconds":12}`, "Content-Encoding", "br"), 0, "slow"},
			{"unavailable", answer(503, "", "Retry-After", "9"), 9 * time.Second, "again"},
			{"reset of no limit", answer(503, "", "X-RateLimit-Reset", reset), 0, "again"},
			{"final", answer(400, "", "Retry-After", "9"), 0, "status"},
		} {
			_, err := newFixture(t, c.handler).get(t, "")
			_, _, wait := company.Judge(err)
			if got := outcome(err); got != c.outcome || wait != c.want {
				t.Errorf("%s: got %s after %v (%v), want %s after %v", c.name, got, wait, err, c.outcome, c.want)
			}
		}
	})
}

func TestErrorsSayWhatTheServerSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const at = "GET http://localhost:8080/api/companies/" + id + ": "
		for want, handler := range map[string]http.HandlerFunc{
			at + "status 400 Bad Request: Bad id: no company [bad_id]": answer(400, `{"title":"Bad id","detail":"no\ncompany","code":"bad_id"}`),
			at + "status 404 Not Found: gone: it is not here":          answer(404, `{"status":404,"error":"gone","message":"it is\u0000 not here"}`),
			at + "status 502 Bad Gateway: upstream":                    answer(502, "upstream\n", "Content-Type", "text/plain; charset=utf-8"),
			at + "status 502 Bad Gateway":                              answer(502, "<html>", "Content-Type", "text/html"),
			at + "status 599":                                          answer(599, ""),
			at + "status 403 Forbidden: the API key is wrong, revoked or not allowed to do this: check JOBO_API_KEY, or set COMPANY_SEND_KEY=false": answer(403, ""),
		} {
			if _, err := newFixture(t, handler).get(t, ""); err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	})
}

func TestLimitsAreReadFromEveryAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		date := now.Add(-time.Hour).UTC().Format(http.TimeFormat)
		all := []string{
			"X-RateLimit-Limit", "360", "X-RateLimit-Remaining", "12", "Date", date,
			"X-RateLimit-Reset", strconv.FormatInt(now.Add(-time.Hour+30*time.Second).Unix(), 10),
		}
		full := company.Limits{Known: true, Limit: 360, Remaining: 12, Reset: now.Add(30 * time.Second)}
		for name, c := range map[string]struct {
			handler http.HandlerFunc
			want    company.Limits
		}{
			"profile":      {answer(200, good, all...), full},
			"not modified": {answer(304, "", all...), full},
			"too many":     {answer(429, "", all...), full},
			"redirect":     {answer(302, "", all...), full},
			"bad profile":  {answer(200, "[]", all...), full},
			"cut off": {
				wire(head("X-RateLimit-Limit: 360", "X-RateLimit-Remaining: 12", "Content-Length: 9") + "{"),
				company.Limits{Known: true, Limit: 360, Remaining: 12},
			},
			"half":      {answer(200, good, all[:2]...), company.Limits{}},
			"no limit":  {answer(200, good, all[2:]...), company.Limits{}},
			"odd reset": {answer(200, good, append(all[:6:6], "X-RateLimit-Reset", "60")...), company.Limits{Known: true, Limit: 360, Remaining: 12}},
			"negative":  {answer(200, good, "X-RateLimit-Limit", "360", "X-RateLimit-Remaining", "-1"), company.Limits{}},
			"no answer": {wire(""), company.Limits{}},
			"garbage":   {answer(200, good, "X-RateLimit-Limit", "x"), company.Limits{}},
		} {
			a, err := newFixture(t, c.handler).get(t, `"a"`)
			got := a.Limits
			if err != nil {
				got = company.LimitsOf(err)
			}
			var status *company.StatusError
			if errors.As(err, &status) && status.Limits != got {
				t.Errorf("%s: the error says %+v, LimitsOf %+v", name, status.Limits, got)
			}
			if got.Known != c.want.Known || got.Limit != c.want.Limit || got.Remaining != c.want.Remaining || got.Reset.Sub(c.want.Reset).Abs() > time.Second {
				t.Errorf("%s: got %+v (%v), want %+v", name, got, err, c.want)
			}
		}
	})
}
