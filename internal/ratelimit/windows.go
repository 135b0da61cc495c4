package ratelimit

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MaxN is the largest number that a window may allow. A Limiter keeps eight
// bytes for each request of its largest window.
const MaxN = 1_000_000

// example is what every error of Parse shows as the right form.
const example = `"120/m,5000/h,50000/d"`

// Window allows N requests in any stretch of time of length Per.
type Window struct {
	N   int
	Per time.Duration
}

// String returns the window in the form that Parse reads.
func (w Window) String() string {
	for _, u := range units() {
		if u.per == w.Per {
			return fmt.Sprintf("%d/%s", w.N, u.name)
		}
	}
	return fmt.Sprintf("%d/%v", w.N, w.Per)
}

// Windows apply all at once: the tightest one rules. None at all is no limit.
type Windows []Window

// String returns the windows in the form that Parse reads.
func (ws Windows) String() string {
	if len(ws) == 0 {
		return "off"
	}
	parts := make([]string, len(ws))
	for i, w := range ws {
		parts[i] = w.String()
	}
	return strings.Join(parts, ",")
}

type unit struct {
	name string
	per  time.Duration
}

func units() []unit {
	return []unit{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}, {"d", 24 * time.Hour}}
}

// Parse reads windows such as "120/m,5000/h,50000/d": how many requests in any
// second (s), minute (m), hour (h) or day (d), each unit at most once. "off" and
// the empty string mean no limit. An error names the part that is wrong.
func Parse(text string) (Windows, error) {
	if s := strings.TrimSpace(text); s == "" || s == "off" {
		return nil, nil
	}
	var ws Windows
	for part := range strings.SplitSeq(text, ",") {
		w, err := parseWindow(strings.TrimSpace(part))
		if err != nil {
			return nil, fmt.Errorf("rate limit %q: %w, for example %s", text, err, example)
		}
		for _, other := range ws {
			if other.Per == w.Per {
				return nil, fmt.Errorf("rate limit %q: %q and %q limit the same unit: keep one, for example %s", text, other, w, example)
			}
		}
		ws = append(ws, w)
	}
	return ws, nil
}

func parseWindow(part string) (Window, error) {
	number, name, ok := strings.Cut(part, "/")
	if !ok {
		return Window{}, fmt.Errorf("part %q is not <number>/<unit>", part)
	}
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 1 || n > MaxN {
		return Window{}, fmt.Errorf("part %q: want a whole number from 1 to %d before the slash", part, MaxN)
	}
	for _, u := range units() {
		if u.name == strings.TrimSpace(name) {
			return Window{N: n, Per: u.per}, nil
		}
	}
	return Window{}, fmt.Errorf("part %q: want a unit s, m, h or d after the slash", part)
}
