package app

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"github.com/careerstream/careerstream/internal/enricher"
)

func TestALineOfTheEnricherForAPerson(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		tick enrichTick
		rate float64
	}{
		"0 profiles  0.0/s  waiting for the consumer group": {enrichTick{Waiting: "the consumer group"}, 0},
		"40 profiles  6.0/s  10 in flight  36 queued  2 not modified  3 known  4 dead letters  5 put off  7 not due  1 hosts down": {
			enrichTick{Profiles: 40, NotModified: 2, Known: 3, DeadLetters: 4, Retries: 5, InFlight: 16, Limited: 6, Queued: 30, Held: 7, Down: 1}, 6,
		},
	} {
		if got := c.tick.line(c.rate); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestATickSaysWhatAReplicaWaitsFor(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	later := now.Add(5 * time.Minute)
	for name, c := range map[string]struct {
		view  enricher.View
		until time.Time
		want  string
	}{
		"not a member":      {enricher.View{}, later, "the consumer group"},
		"the limits":        {enricher.View{Joined: true, Waiting: 3}, later, "the request limits, until 12:05:00 UTC"},
		"limits that ended": {enricher.View{Joined: true, Waiting: 3}, now, ""},
		"nobody waits":      {enricher.View{Joined: true}, later, ""},
	} {
		if got := tickOf(c.view, c.until, now).Waiting; got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	got := tickOf(enricher.View{
		InFlight: 1, Waiting: 2, Queued: 3, Held: 4, Down: []string{"a"},
		Counts: map[enricher.Outcome]int64{"profile": 5, "not_modified": 6, "known": 7, "dead_letter": 8, "retry": 9, "not_selected": 10},
	}, now, now)
	want := enrichTick{
		Profiles: 5, NotModified: 6, Known: 7, DeadLetters: 8, Retries: 9, InFlight: 1, Limited: 2, Queued: 3, Held: 4, Down: 1, Waiting: "the consumer group",
	}
	if got != want || got.done() != 19 {
		t.Errorf("got %+v with %d done, want %+v with 19", got, got.done(), want)
	}
}

// A replica that has nothing to do is silent, and speaks of what it did last.
func TestTheEnrichersLogLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		profiles := int64(0)
		began := time.Now()
		r := newReporter(&out, Log{Format: "json"}.New(zapcore.AddSync(&out)), func() enrichTick {
			if time.Since(began) >= 5*time.Second {
				profiles = 60
			}
			return enrichTick{Profiles: profiles}
		})
		r.Start()
		time.Sleep(time.Minute)
		r.Stop()
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 1 {
			t.Fatalf("got %d lines, want one:\n%s", len(lines), out.String())
		}
		var fields map[string]any
		if err := json.Unmarshal([]byte(lines[0]), &fields); err != nil {
			t.Fatal(err)
		}
		if fields["profiles"] != 60.0 || fields["companies_per_second"] != "6.0" || fields["queued"] != 0.0 || fields["held"] != nil {
			t.Errorf("got %v, want 60 profiles in 10 s, nothing queued, and nothing of what is not held", fields)
		}
	})
}

// On a terminal there is one line, which what is logged goes above.
func TestTheEnrichersBar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &screen{out: &out, person: true}
		log := Log{Format: "console"}.New(s)
		var profiles atomic.Int64
		r := newReporter(s, log, func() enrichTick { return enrichTick{Profiles: profiles.Load(), Queued: 3} })
		r.Start()
		for range 10 {
			time.Sleep(drawEvery)
			profiles.Add(1)
		}
		log.Info("beside")
		time.Sleep(drawEvery)
		r.Stop()
		bars := 0
		for line := range strings.Lines(out.String()) {
			switch line = strings.TrimSpace(line); {
			case strings.Contains(line, " profiles  ") && strings.HasSuffix(line, "3 queued"):
				bars++
			case line != "" && !strings.HasSuffix(line, "beside"):
				t.Errorf("got the line %q, want the log line and the bar alone", line)
			}
		}
		if bars < 5 || !strings.Contains(out.String(), "10 profiles") {
			t.Errorf("got the bar %d times, want it up to 10 profiles:\n%s", bars, out.String())
		}
	})
}
