package simulator

import (
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
)

// problem is an error answer before it has a shape.
type problem struct {
	status              int
	code, title, detail string
	header              http.Header
	extra               map[string]any // further members of the body
}

// refuse renders a problem in the configured style.
func (s *Simulator) refuse(p problem) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refuseLocked(p)
}

func (s *Simulator) refuseLocked(p problem) answer {
	plain := s.opts.ErrorStyle == ErrorsPlain
	if s.opts.ErrorStyle == ErrorsAlternate {
		plain = s.alternate%2 == 1
		s.alternate++
	}
	body := map[string]any{"status": p.status}
	contentType := "application/problem+json"
	if plain {
		contentType = "application/json; charset=utf-8"
		body["error"] = http.StatusText(p.status)
		body["message"] = p.detail
	} else {
		body["type"] = "about:blank"
		body["title"] = p.title
		body["detail"] = p.detail
		body["code"] = p.code
	}
	maps.Copy(body, p.extra)
	text, err := json.Marshal(body, json.Deterministic(true))
	if err != nil {
		text = []byte(`{"title":"unprintable error"}`)
	}
	header := p.header
	if header == nil {
		header = http.Header{}
	}
	header.Set("Content-Type", contentType)
	return answer{status: p.status, header: header, body: text}
}

func unauthorized(detail string) problem {
	return problem{status: http.StatusUnauthorized, code: "unauthorized", title: "Unauthorized", detail: detail}
}

func forbidden() problem {
	return problem{
		status: http.StatusForbidden, code: "forbidden", title: "Forbidden",
		detail: "your plan does not include the career sites feed",
	}
}

func badRequest(detail string) problem {
	return problem{status: http.StatusBadRequest, code: "invalid_request", title: "Invalid request", detail: detail}
}

func invalidCursor() problem {
	return problem{status: http.StatusBadRequest, code: "invalid_cursor", title: "Invalid cursor", detail: "Invalid cursor"}
}

// restartRequired is the other way in which a cursor ends: it says how to begin
// the same scan anew.
func restartRequired(c scan) problem {
	return problem{
		status: http.StatusConflict, code: "feed_cursor_restart_required", title: "Cursor restart required",
		detail: "the scan reached a boundary and its cursor is void: begin a new scan",
		extra: map[string]any{"replacement_request": struct {
			Filters
			BatchSize int `json:"batch_size"`
		}{c.filters, c.batch}},
	}
}

// paymentRequired prices the page that was asked for, not the one that would
// have been delivered.
func paymentRequired(required, balance int64) problem {
	return problem{
		status: http.StatusPaymentRequired, code: "insufficient_credits", title: "Payment required",
		detail: "the wallet holds " + strconv.FormatInt(balance, 10) + " credits, this request may cost " + strconv.FormatInt(required, 10),
		header: http.Header{
			"X-Credits-Required": {strconv.FormatInt(required, 10)},
			"X-Credits-Balance":  {strconv.FormatInt(balance, 10)},
		},
		extra: map[string]any{"credits_required": required, "credits_balance": balance},
	}
}

// tooMany is a 429 in the configured style of Retry-After. The caller holds the
// lock.
func (s *Simulator) tooMany(group string, wait time.Duration) problem {
	seconds := int64(math.Ceil(wait.Seconds()))
	header := http.Header{}
	style := s.opts.RetryAfter
	if style == RetryAfterAlternate {
		style = RetryAfterSeconds
		if s.ledger.total.Status[http.StatusTooManyRequests]%2 == 1 {
			style = RetryAfterDate
		}
	}
	switch style {
	case RetryAfterDate:
		header.Set("Retry-After", httpDate(ceilSecond(s.now().Add(wait))))
	case RetryAfterSeconds, RetryAfterAlternate:
		header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	case RetryAfterBodyOnly:
	}
	return problem{
		status: http.StatusTooManyRequests, code: "rate_limited", title: "Too many requests",
		detail: "too many requests to the " + group + " endpoints",
		header: header,
		extra:  map[string]any{"retry_after_seconds": seconds},
	}
}

// ceilSecond rounds up to what an HTTP date can say, so that a client that waits
// until then is never early.
func ceilSecond(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}
