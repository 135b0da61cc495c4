package main

import (
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
	l := start(t, options{Rows: rows, Interval: forever}, 1)
	defer l.stop(t)
	// In the order of the welcome; the last one buys a row.
	checks := []struct {
		name, begin string
		check       func(t *testing.T, out string)
	}{
		{"career sites", "kcat -b", func(t *testing.T, out string) {
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
		{"progress", "kcat -b", func(t *testing.T, out string) {
			p, err := schemas.DecodeProgress([]byte(out))
			if err != nil || p.Phase != schemas.Done || p.Rows != rows {
				t.Errorf("got %q (%v), want the progress of a run that is done, with %d rows", out, err, rows)
			}
		}},
		{"checkpoint", "redis-cli -h", func(t *testing.T, out string) {
			if !strings.Contains(out, "state\n") || !strings.Contains(out, `"phase":"done"`) {
				t.Errorf("got %q, want the checkpoint", out)
			}
		}},
		{"ledger", "curl -s", func(t *testing.T, out string) {
			var ledger struct{ Rows, Credits int }
			if err := json.Unmarshal([]byte(out), &ledger); err != nil || ledger.Rows != rows || ledger.Credits != 50*rows {
				t.Errorf("got %q (%v), want what %d rows cost", out, err, rows)
			}
		}},
		{"feed", "curl -s", func(t *testing.T, out string) {
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
			out, err := exec.CommandContext(t.Context(), "bash", "-c", line).Output()
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			c.check(t, string(out))
		})
	}
}
