package company

import (
	"cmp"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/careerstream/careerstream/internal/retry"
)

// Limits is what the headers of an answer say about the request limits. The zero
// value means that they say nothing.
type Limits struct {
	Known bool
	// Limit is how many requests the tightest window allows, Remaining how many of
	// them are left.
	Limit, Remaining int
	// Reset is when the window is over, by our clock; zero where it does not say.
	Reset time.Time
}

// readLimits reads X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset
// (unix seconds). What is half understood counts as nothing.
func readLimits(h http.Header, now time.Time) Limits {
	limit, err := strconv.ParseUint(h.Get("X-RateLimit-Limit"), 10, 31)
	if err != nil {
		return Limits{}
	}
	remaining, err := strconv.ParseUint(h.Get("X-RateLimit-Remaining"), 10, 31)
	if err != nil {
		return Limits{}
	}
	l := Limits{Known: true, Limit: int(limit), Remaining: int(remaining)} // they have 31 bits
	if wait, ok := untilReset(h, now); ok {
		l.Reset = now.Add(wait)
	}
	return l
}

// untilReset is how long it is until X-RateLimit-Reset. It is compared with the
// server's own Date, so that its clock and ours need not agree.
func untilReset(h http.Header, now time.Time) (time.Duration, bool) {
	reset, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return 0, false
	}
	wait := time.Unix(reset, 0).Sub(servedAt(h, now))
	return wait, wait > -day && wait < 2*day // no window is longer than a day
}

const day = 24 * time.Hour

// servedAt is the Date header, or now where there is none.
func servedAt(h http.Header, now time.Time) time.Time {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		return at
	}
	return now
}

// statusError is what an answer with an error status means.
func (c *Client) statusError(q query, resp *http.Response, body []byte) *StatusError {
	now := time.Now()
	p := parseProblem(resp.Header.Get("Content-Type"), body)
	e := &StatusError{
		URL:     c.shown(q.url),
		Status:  resp.StatusCode,
		Limits:  readLimits(resp.Header, now),
		Detail:  c.clean(p.words()),
		keySent: c.keyed.covers(q.url),
	}
	if passes(resp.StatusCode) {
		e.RetryAfter = toldWait(resp, p, now)
	}
	return e
}

// toldWait is how long the server asks to wait: Retry-After, then the body's
// retry_after_seconds, then, for a 429, X-RateLimit-Reset. Zero means that it did
// not say.
func toldWait(resp *http.Response, p problem, now time.Time) time.Duration {
	for _, value := range []string{resp.Header.Get("Retry-After"), p.retryAfter} {
		if wait, ok := retry.ParseAfter(value, servedAt(resp.Header, now)); ok {
			return wait
		}
	}
	if wait, ok := untilReset(resp.Header, now); ok && resp.StatusCode == http.StatusTooManyRequests {
		return min(max(wait, 0), retry.MaxAfter)
	}
	return 0
}

// problem is the body of an error in either of the API's two forms, {title,
// detail, code} and {status, error, message}, as far as it is there.
type problem struct{ code, title, detail, retryAfter string }

func parseProblem(contentType string, body []byte) problem {
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) != nil {
		if kind, _, _ := mime.ParseMediaType(contentType); kind == "text/plain" {
			return problem{detail: string(body)}
		}
		return problem{} // HTML, or nothing
	}
	return problem{
		code:       text(m["code"]),
		title:      cmp.Or(text(m["title"]), text(m["error"])),
		detail:     cmp.Or(text(m["detail"]), text(m["message"])),
		retryAfter: text(m["retry_after_seconds"]),
	}
}

// words is what p says to people.
func (p problem) words() string {
	s := p.title
	if p.title != "" && p.detail != "" {
		s += ": "
	}
	s += p.detail
	if p.code != "" {
		s += " [" + p.code + "]"
	}
	return s
}

// text is a JSON string or number as text, and nothing for everything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String()
	}
	return ""
}
