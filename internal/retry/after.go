package retry

import (
	"net/http"
	"strings"
	"time"
)

// MaxAfter is the longest told wait that is honoured. A server that asks for
// more is asked again after it: a wrong value must not stop a program for days.
const MaxAfter = 15 * time.Minute

// ParseAfter reads the value of a Retry-After header (RFC 9110, 10.2.3): whole
// seconds, or an HTTP date in one of its three forms, which is measured against
// now. Pass the response's own Date as now where there is one: the two clocks
// then need not agree. The wait is at most MaxAfter; false means that the value
// tells nothing: it is empty, negative, a date that has passed, or garbage.
func ParseAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if wait, ok := parseSeconds(value); ok {
		return wait, true
	}
	at, err := http.ParseTime(value)
	if err != nil || at.Before(now) {
		return 0, false
	}
	return min(at.Sub(now), MaxAfter), true
}

// parseSeconds reads digits alone, as the grammar has it: no sign, no fraction.
// It stops adding up where MaxAfter is passed, so no length overflows.
func parseSeconds(value string) (time.Duration, bool) {
	var wait time.Duration
	for _, c := range []byte(value) {
		if c < '0' || c > '9' {
			return 0, false
		}
		wait = min(wait*10+time.Duration(c-'0')*time.Second, MaxAfter)
	}
	return wait, true
}
