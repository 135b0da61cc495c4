package retry_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/retry"
)

func TestParseAfterReadsSecondsAndDates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"0", 0, true},
		{"1", time.Second, true},
		{"007", 7 * time.Second, true},
		{" 120 ", 2 * time.Minute, true},
		{"900", 15 * time.Minute, true},
		{"901", 15 * time.Minute, true},
		{"86400", 15 * time.Minute, true},
		{strings.Repeat("9", 400), 15 * time.Minute, true},
		{"Sun, 01 Mar 2026 12:00:30 GMT", 30 * time.Second, true},
		{"Sunday, 01-Mar-26 12:01:00 GMT", time.Minute, true},
		{"Sun Mar  1 12:02:00 2026", 2 * time.Minute, true},
		{"Sun, 01 Mar 2026 12:00:00 GMT", 0, true},
		{"Mon, 01 Mar 2027 12:00:00 GMT", 15 * time.Minute, true},
		{"Sun, 01 Mar 2026 11:59:59 GMT", 0, false},
		{"", 0, false},
		{"   ", 0, false},
		{"-1", 0, false},
		{"+5", 0, false},
		{"1.5", 0, false},
		{"1e3", 0, false},
		{"0x10", 0, false},
		{"5s", 0, false},
		{"5, 5", 0, false},
		{"\u0663", 0, false}, // a digit, but not one of the ten
		{"soon", 0, false},
		{"2026-03-01T12:00:30Z", 0, false},
		{"Sun, 32 Mar 2026 12:00:30 GMT", 0, false},
	} {
		got, ok := retry.ParseAfter(tc.value, now)
		if got != tc.want || ok != tc.ok {
			t.Errorf("ParseAfter(%.40q) = %v, %v, want %v, %v", tc.value, got, ok, tc.want, tc.ok)
		}
	}
}

func FuzzParseAfter(f *testing.F) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, seed := range []string{"", "0", "120", "-1", "Sun, 01 Mar 2026 12:00:30 GMT", strings.Repeat("9", 30), "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		got, ok := retry.ParseAfter(value, now)
		if got < 0 || got > retry.MaxAfter {
			t.Errorf("ParseAfter(%q) = %v, want 0 to %v", value, got, retry.MaxAfter)
		}
		if !ok && got != 0 {
			t.Errorf("ParseAfter(%q) = %v, false: want 0 where nothing is told", value, got)
		}
		digits := strings.Trim(value, " \t\r\n") != "" && strings.Trim(strings.TrimSpace(value), "0123456789") == ""
		if _, err := http.ParseTime(strings.TrimSpace(value)); ok && !digits && err != nil {
			t.Errorf("ParseAfter(%q) = %v: it is neither seconds nor a date", value, got)
		}
	})
}
