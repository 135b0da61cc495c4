package ratelimit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/ratelimit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParseReadsWindows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want ratelimit.Windows
		back string
	}{
		{"120/m,5000/h,50000/d", ratelimit.Windows{{N: 120, Per: time.Minute}, {N: 5000, Per: time.Hour}, {N: 50000, Per: 24 * time.Hour}}, "120/m,5000/h,50000/d"},
		{" 5/s , 1 / d ", ratelimit.Windows{{N: 5, Per: time.Second}, {N: 1, Per: 24 * time.Hour}}, "5/s,1/d"},
		{"1000000/h", ratelimit.Windows{{N: 1_000_000, Per: time.Hour}}, "1000000/h"},
		{"off", nil, "off"},
		{"", nil, "off"},
		{"  ", nil, "off"},
	} {
		got, err := ratelimit.Parse(tc.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", tc.text, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("Parse(%q) (-want +got):\n%s", tc.text, diff)
		}
		if got.String() != tc.back {
			t.Errorf("Parse(%q).String() = %q, want %q", tc.text, got, tc.back)
		}
	}
	if got := (ratelimit.Window{N: 2, Per: 90 * time.Second}).String(); got != "2/1m30s" {
		t.Errorf("a window without a unit prints as %q", got)
	}
}

func TestParseErrorsNameThePartAndShowTheRightForm(t *testing.T) {
	t.Parallel()
	for text, names := range map[string]string{
		"120":                      `"120"`,
		"120/m,":                   `""`,
		"120/m,,5/h":               `""`,
		"0/m":                      `"0/m"`,
		"-5/m":                     `"-5/m"`,
		"1.5/m":                    `"1.5/m"`,
		"1000001/d":                "1000000",
		"9999999999999999999999/d": `9999999999999999999999/d`,
		"120/minute":               `"120/minute"`,
		"120/M":                    `"120/M"`,
		"/m":                       `"/m"`,
		"120/m,60/m":               `"120/m" and "60/m"`,
		"off,120/m":                `"off"`,
		"120/m;5000/h":             `"120/m;5000/h"`,
	} {
		_, err := ratelimit.Parse(text)
		if err == nil {
			t.Errorf("Parse(%q) succeeds", text)
			continue
		}
		for _, want := range []string{names, `"120/m,5000/h,50000/d"`} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("Parse(%q): %v, want %s in it", text, err, want)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"120/m,5000/h,50000/d", "off", "", "1/s", "1/x", ",", "1/m,1/m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ws, err := ratelimit.Parse(text)
		if err != nil {
			return
		}
		again, err := ratelimit.Parse(ws.String())
		if err != nil || !cmp.Equal(ws, again) {
			t.Errorf("Parse(%q) = %v, and back it is %v, %v", text, ws, again, err)
		}
		for _, w := range ws {
			if w.N < 1 || w.N > ratelimit.MaxN {
				t.Errorf("Parse(%q) lets %d through", text, w.N)
			}
		}
	})
}
