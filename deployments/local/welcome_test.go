package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/schemas"
)

// What is printed is copied into a terminal: it has to work as it stands there.
func TestTheLinesOfTheWelcomeWork(t *testing.T) {
	t.Parallel()
	const rows = 30
	l := start(t, options{Rows: rows, Interval: forever, Select: "true"}, 1)
	defer l.stop(t)
	// In the order of the welcome; the last one buys a row.
	checks := []struct {
		name, begin string
		lines       int // that have to be there; they may take a moment
		check       func(t *testing.T, out string)
	}{
		{"career sites", "kcat -b", 0, func(t *testing.T, out string) {
			lines := strings.Split(strings.TrimSpace(out), "\n")
			if len(lines) != rows {
				t.Errorf("got %d lines, want %d: %s", len(lines), rows, out)
			}
			for _, line := range lines {
				key, value, _ := strings.Cut(line, " ")
				var site schemas.CareerSite
				if err := json.Unmarshal([]byte(value), &site); err != nil || site.ID != key || key == "" {
					t.Errorf("got %q (%v), want a company id and its row", line, err)
				}
			}
		}},
		{"progress", "kcat -b", 0, func(t *testing.T, out string) {
			p, err := schemas.DecodeProgress([]byte(out))
			if err != nil || p.Phase != schemas.Done || p.Rows != rows {
				t.Errorf("got %q (%v), want the progress of a run that is done, with %d rows", out, err, rows)
			}
		}},
		{"companies", "kcat -b", rows, func(t *testing.T, out string) {
			for line := range strings.Lines(out) {
				key, value, _ := strings.Cut(line, " ")
				var profile struct{ ID string }
				if err := json.Unmarshal([]byte(value), &profile); err != nil || profile.ID != key || key == "" {
					t.Errorf("got %q (%v), want a company id and its profile", line, err)
				}
			}
		}},
		{"dead letters", "kcat -b", 1, func(t *testing.T, out string) {
			if !strings.HasPrefix(out, nobody+" ") || !strings.Contains(out, schemas.HeaderReason+"="+string(schemas.ReasonNotFound)) {
				t.Errorf("got %q, want the company that there is not", out)
			}
		}},
		{"checkpoint", "redis-cli -h", 0, func(t *testing.T, out string) {
			if !strings.Contains(out, "state\n") || !strings.Contains(out, `"phase":"done"`) {
				t.Errorf("got %q, want the checkpoint", out)
			}
		}},
		{"ledger", "curl -s", 0, func(t *testing.T, out string) {
			var ledger struct{ Rows, Credits int }
			if err := json.Unmarshal([]byte(out), &ledger); err != nil || ledger.Rows != rows || ledger.Credits != 50*rows {
				t.Errorf("got %q (%v), want what %d rows cost", out, err, rows)
			}
		}},
		{"feed", "curl -s", 0, func(t *testing.T, out string) {
			var page struct {
				Sites []schemas.CareerSite `json:"career_sites"`
			}
			if err := json.Unmarshal([]byte(out), &page); err != nil || len(page.Sites) != 1 || page.Sites[0].ID == "" {
				t.Errorf("got %q (%v), want a page of one row", out, err)
			}
		}},
	}
	_, below, _ := strings.Cut(l.out.String(), "Look at it from another terminal:\n")
	lines := strings.Split(strings.TrimSpace(below), "\n")
	if len(lines) != len(checks) {
		t.Fatalf("got %d lines to copy, want %d:\n%s", len(lines), len(checks), below)
	}
	for i, c := range checks {
		line := strings.TrimSpace(lines[i])
		t.Run(c.name, func(t *testing.T) { // one after the other: the last one changes what the ledger says
			if !strings.HasPrefix(line, c.begin) {
				t.Fatalf("got %q, want it to begin with %q", line, c.begin)
			}
			program, _, _ := strings.Cut(line, " ")
			if _, err := exec.LookPath(program); err != nil {
				t.Skipf("no %s on this machine", program)
			}
			var out []byte
			for range 1000 {
				var err error
				if out, err = exec.CommandContext(t.Context(), "bash", "-c", line).Output(); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if bytes.Count(out, []byte("\n")) >= c.lines {
					break
				}
			}
			if n := bytes.Count(out, []byte("\n")); n < c.lines {
				t.Fatalf("got %d lines, want %d: %s", n, c.lines, out)
			}
			c.check(t, string(out))
		})
	}
}
