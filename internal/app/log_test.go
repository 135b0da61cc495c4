package app

import (
	"encoding/json"
	"errors"
	stdlog "log"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// logged returns what a logger of l writes for one message of each level.
func logged(l Log, fields ...zap.Field) string {
	var out strings.Builder
	log := l.New(&out)
	fields = append(fields, zap.Duration("took", 1500*time.Millisecond), zap.Error(errors.New("cut")))
	log.Debug("d", fields...)
	log.Info("i", fields...)
	log.Warn("w", fields...)
	log.Error("e", fields...)
	return out.String()
}

func TestLogIsJSONWhereNobodyWatches(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"", "auto", "json"} {
		lines := strings.Split(strings.TrimSpace(logged(Log{Format: format}, zap.Time("at", time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)))), "\n")
		if len(lines) != 3 {
			t.Fatalf("format %q: got %d lines, want 3: info, warn, error", format, len(lines))
		}
		for i, level := range []string{"info", "warn", "error"} {
			var got map[string]string
			if err := json.Unmarshal([]byte(lines[i]), &got); err != nil {
				t.Fatalf("format %q: %q: %v", format, lines[i], err)
			}
			if _, err := time.Parse(time.RFC3339, got["ts"]); err != nil {
				t.Errorf("format %q: time %q is not RFC 3339: %v", format, got["ts"], err)
			}
			delete(got, "ts")
			want := map[string]string{"level": level, "msg": level[:1], "took": "1.5s", "at": "2026-03-04T05:06:07Z", "error": "cut"}
			for key, value := range want {
				if got[key] != value {
					t.Errorf("format %q: got %s=%q, want %q", format, key, got[key], value)
				}
			}
			if len(got) != len(want) {
				t.Errorf("format %q: got the fields %v, want no others than %v: no stack trace, no caller", format, got, want)
			}
		}
	}
}

func TestConsoleLogIsForPeople(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(logged(Log{Format: "console"})), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want 3, so no stack trace:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	shape := regexp.MustCompile(`^\d\d:\d\d:\d\d  (INFO|WARN|ERROR)  [iwe]  \{"took": "1\.5s", "error": "cut"\}$`)
	for _, line := range lines {
		if !shape.MatchString(line) {
			t.Errorf("got %q, want it to match %s", line, shape)
		}
	}
}

func TestLevelsHoldBackWhatIsBelow(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]int{"debug": 4, "info": 3, "": 3, "warn": 2, "error": 1, "unheard of": 3} {
		if got := strings.Count(logged(Log{Level: level}), "\n"); got != want {
			t.Errorf("level %q: got %d lines, want %d", level, got, want)
		}
	}
}

func TestATerminalIsATerminal(t *testing.T) {
	t.Parallel()
	regular, err := os.Create(file(t, "log", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = regular.Close() }()
	if terminal(regular) || terminal(new(strings.Builder)) {
		t.Error("a file or a buffer counts as a terminal")
	}
	tty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to open: %v", err)
	}
	defer func() { _ = tty.Close() }()
	if !terminal(tty) || !terminal(newScreen(tty, Log{}, environment{}.lookup)) {
		t.Error("a terminal counts as none")
	}
	if terminal(newScreen(regular, Log{}, environment{}.lookup)) || terminal(newScreen(new(strings.Builder), Log{}, environment{}.lookup)) {
		t.Error("a screen before a file or a buffer counts as a terminal")
	}
	for name, c := range map[string]struct {
		env  environment
		log  Log
		want bool
	}{
		"a terminal":       {nil, Log{Format: "auto"}, true},
		"a build":          {environment{"CI": "true"}, Log{}, false},
		"a dumb one":       {environment{"TERM": "dumb"}, Log{}, false},
		"lines for a tool": {nil, Log{Format: "json"}, false},
	} {
		if got := newScreen(tty, c.log, c.env.lookup).person; got != c.want {
			t.Errorf("%s: a bar for a person %t, want %t", name, got, c.want)
		}
	}
}

// Not parallel: the standard library has one logger.
func TestTheStandardLibraryLogsThroughOurs(t *testing.T) {
	var out strings.Builder
	restore := captureStandardLog(Log{Format: "json"}.New(&out))
	stdlog.Printf("http: connection starting with %q; err=%v", "X-Api-Key: "+canary+`" more`, "EOF")
	restore()
	var got map[string]string
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	if got["level"] != "warn" || got["msg"] != `http: connection starting with "..."; err=EOF` {
		t.Errorf("got %v, want a warning without what was quoted", got)
	}
	if _, ours := stdlog.Writer().(standardLog); ours {
		t.Error("the standard library still logs through ours")
	}
}
