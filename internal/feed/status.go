package feed

import (
	"cmp"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/retry"
)

// retryable reports whether an error status passes. None of them is billed.
func retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, // the feed or a proxy gave up reading
		http.StatusTooEarly,        // asks for the same request again
		http.StatusTooManyRequests, // the limits, see Limiter
		http.StatusInternalServerError,
		http.StatusBadGateway,         // the feed behind its load balancer restarts
		http.StatusServiceUnavailable, // maintenance, usually with Retry-After
		http.StatusGatewayTimeout:
		return true
	}
	// 501 and 505 say that the feed will never do it; other 4xx that the request
	// is wrong.
	return false
}

// statusError is what an answer with a status other than 2xx means.
func (c *Client) statusError(q Query, resp *http.Response, body []byte) error {
	p := parseProblem(resp.Header.Get("Content-Type"), body)
	e := &StatusError{
		Method: http.MethodPost,
		URL:    c.url,
		Status: resp.StatusCode,
		Code:   c.clean(p.code),
		Title:  c.clean(p.title),
		Detail: c.clean(p.detail),
	}
	if retryable(resp.StatusCode) {
		e.RetryAfter = toldWait(resp, p, time.Now())
	}
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		e.is = ErrUnauthorized
	case resp.StatusCode == http.StatusForbidden:
		e.is = ErrForbidden
	case resp.StatusCode == http.StatusPaymentRequired:
		return &PaymentError{
			Required:    firstKnown(resp.Header.Get("X-Credits-Required"), p.creditsRequired),
			Balance:     firstKnown(resp.Header.Get("X-Credits-Balance"), p.creditsBalance),
			StatusError: e,
		}
	case q.Cursor != "" && p.voidsCursor(resp.StatusCode):
		e.is = ErrInvalidCursor
	case resp.StatusCode/100 == 3:
		e.Detail = c.clean(redirectDetail(resp))
	}
	return e
}

// redirectDetail says where a redirect points to. It is not followed: net/http
// would send the key along, and a POST would become a GET.
func redirectDetail(resp *http.Response) string {
	to := "elsewhere"
	if u, err := resp.Location(); err == nil {
		to = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	return fmt.Sprintf("it redirects to %s, which is never followed: check the base URL", to)
}

// problem is the body of an error in either of the feed's two forms,
// {title, detail, code} and {status, error, message}, as far as it is there.
type problem struct {
	code, title, detail             string
	retryAfter                      string
	creditsRequired, creditsBalance string
}

func parseProblem(contentType string, body []byte) problem {
	var m map[string]json.RawMessage
	if json.Unmarshal(body, &m) != nil {
		if kind, _, _ := mime.ParseMediaType(contentType); kind == "text/plain" {
			return problem{detail: string(body)}
		}
		return problem{} // HTML, or nothing
	}
	return problem{
		code:            text(m["code"]),
		title:           cmp.Or(text(m["title"]), text(m["error"])),
		detail:          cmp.Or(text(m["detail"]), text(m["message"])),
		retryAfter:      text(m["retry_after_seconds"]),
		creditsRequired: text(m["credits_required"]),
		creditsBalance:  text(m["credits_balance"]),
	}
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

// voidsCursor reports whether the feed no longer takes the cursor: 400 "Invalid
// cursor" in any of its fields, or 409 feed_cursor_restart_required. The plain
// form of an error has no code, so a 409 that speaks of a cursor at all is one.
func (p problem) voidsCursor(status int) bool {
	want := ""
	switch status {
	case http.StatusBadRequest:
		want = "invalid cursor"
	case http.StatusConflict:
		want = "cursor"
	default:
		return false
	}
	plain := strings.NewReplacer("_", " ", "-", " ")
	for _, s := range []string{p.code, p.title, p.detail} {
		if strings.Contains(plain.Replace(strings.ToLower(s)), want) {
			return true
		}
	}
	return false
}

// toldWait is how long the feed asks to wait: Retry-After, then the body's
// retry_after_seconds, then, for a 429, X-RateLimit-Reset (unix seconds). Times of
// day are compared with the feed's own Date, so that its clock and ours need not
// agree. Zero means that it did not say.
func toldWait(resp *http.Response, p problem, now time.Time) time.Duration {
	if at := servedAt(resp.Header); !at.IsZero() {
		now = at
	}
	for _, value := range []string{resp.Header.Get("Retry-After"), p.retryAfter} {
		if wait, ok := retry.ParseAfter(value, now); ok {
			return wait
		}
	}
	if resp.StatusCode != http.StatusTooManyRequests {
		return 0
	}
	reset, err := strconv.ParseInt(resp.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil {
		return 0
	}
	return min(max(time.Unix(reset, 0).Sub(now), 0), retry.MaxAfter)
}

func firstKnown(values ...string) int64 {
	for _, v := range values {
		if n := readCredits(v); n != Unknown {
			return n
		}
	}
	return Unknown
}
