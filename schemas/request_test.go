package schemas_test

import (
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

func TestDecodeRequest(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		key, value string
		want       schemas.CompanyRequest
		fault      string
	}{
		"a key alone":             {key: "c1", want: schemas.CompanyRequest{ID: "c1"}},
		"an empty object":         {key: "c1", value: `{}`, want: schemas.CompanyRequest{ID: "c1"}},
		"a value alone":           {value: `{"id":"c1","force":true}`, want: schemas.CompanyRequest{ID: "c1", Force: true}},
		"all members":             {key: "c1", value: `{"id":"c1","details_url":"https://x/1","reason":"r","requested_at":"2026-03-01T12:00:00Z","later":1}`, want: schemas.CompanyRequest{ID: "c1", DetailsURL: "https://x/1", Reason: "r", RequestedAt: at}},
		"nulls":                   {key: "c1", value: `{"id":null,"details_url":null}`, want: schemas.CompanyRequest{ID: "c1"}},
		"two companies":           {key: "c1", value: `{"id":"c2"}`, fault: "the key names"},
		"no company":              {value: `{}`, fault: "missing"},
		"no JSON":                 {key: "c1", value: `{`, fault: "no company request"},
		"an array":                {key: "c1", value: `[]`, fault: "no company request"},
		"a time that is none":     {key: "c1", value: `{"requested_at":"soon"}`, fault: "no company request"},
		"control characters":      {key: "c\n1", fault: "control"},
		"an id that is too large": {key: strings.Repeat("x", schemas.MaxID+1), fault: "513 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := schemas.DecodeRequest([]byte(tc.key), []byte(tc.value))
			if (err != nil) != (tc.fault != "") || err != nil && !strings.Contains(err.Error(), tc.fault) {
				t.Fatalf("got the error %v, want %q", err, tc.fault)
			}
			if got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestReasonsAreDifferentWords(t *testing.T) {
	t.Parallel()
	seen := make(map[schemas.DeadLetterReason]bool)
	for _, r := range schemas.Reasons() {
		if seen[r] || strings.Trim(string(r), "abcdefghijklmnopqrstuvwxyz_") != "" {
			t.Errorf("%q is there twice, or no word of small letters", r)
		}
		seen[r] = true
	}
}
