package enricher

import "testing"

func TestVersionsCompareAsTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-02-03T04:05:06Z":       "2026-02-03T04:05:06.000000000Z",
		"2026-02-03T04:05:06.7Z":     "2026-02-03T04:05:06.700000000Z",
		"2026-02-03T06:05:06+02:00":  "2026-02-03T04:05:06.000000000Z",
		"2026-02-03T04:05:06":        "2026-02-03T04:05:06.000000000Z",
		"2026-02-03T04:05:06.123456": "2026-02-03T04:05:06.123456000Z",
		"9999-12-31T23:59:59-01:00":  "",
		"2026-02-03":                 "",
		"":                           "",
		"soon":                       "",
	} {
		if got := versionOf(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
