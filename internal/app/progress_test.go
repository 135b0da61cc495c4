package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/producer"
)

// board is what a reporter is told, changed by the test as time passes.
type board struct {
	mu   sync.Mutex
	tick Tick
}

func (b *board) poll() Tick {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tick
}

func (b *board) set(change func(*Tick)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.tick)
}

// rows makes n rows of progress, in pages of 50.
func rows(n int64) func(*Tick) {
	return func(t *Tick) { t.Rows += n; t.Pages += n / 50; t.Credits += n * 50; t.Balance -= n * 50 }
}

// reported runs script beside a reporter that logs, and returns its lines.
func reported(t *testing.T, b *board, script func()) []map[string]any {
	t.Helper()
	var lines []map[string]any
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		r := newReporter(&out, Log{Format: "json"}.New(&out), b.poll)
		r.Start()
		script()
		r.Stop()
		r.Stop() // as a deferred one may
		for line := range strings.Lines(out.String()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			lines = append(lines, fields)
		}
	})
	return lines
}

func TestElsewhereThereIsALineEveryTenSeconds(t *testing.T) {
	t.Parallel()
	b := &board{tick: Tick{Mode: "backfill", Phase: "paging", Balance: 1_000_000, Expected: 10_000}}
	lines := reported(t, b, func() {
		for range 35 { // seconds of two pages each
			time.Sleep(time.Second)
			b.set(rows(100))
		}
	})
	if len(lines) != 3 {
		t.Fatalf("got %d lines in 35 s, want 3: %v", len(lines), lines)
	}
	// The tick of second 30 comes before or after that second's rows.
	last := lines[2]
	for key, want := range map[string]any{"msg": "progress", "level": "info", "mode": "backfill", "phase": "paging", "expected_rows": 10_000.0} {
		if last[key] != want {
			t.Errorf("got %s=%v, want %v", key, last[key], want)
		}
	}
	n := last["rows"].(float64)
	if n != 2900 && n != 3000 || last["pages"] != n/50 || last["credits"] != n*50 || last["balance"] != 1_000_000-n*50 {
		t.Errorf("got %v, want the numbers of 2900 or 3000 rows", last)
	}
	if rate := last["rows_per_second"]; rate != "96.7" && rate != "100.0" {
		t.Errorf("got %v rows a second, want about 100", rate)
	}
	if left := last["eta"]; left != "1m10s" && left != "1m13s" {
		t.Errorf("got the ETA %v, want the time for the other 7000 rows", left)
	}
}

func TestWhatIsNotKnownIsNotSaid(t *testing.T) {
	t.Parallel()
	b := &board{tick: Tick{Mode: "incremental", Phase: "paging", Balance: -1}}
	lines := reported(t, b, func() {
		b.set(func(t *Tick) { t.Rows, t.Unchanged = 50, 7 })
		time.Sleep(logEvery + time.Second)
	})
	if len(lines) != 1 {
		t.Fatalf("got %v, want one line", lines)
	}
	for _, key := range []string{"balance", "eta", "expected_rows", "waiting_for"} {
		if value, there := lines[0][key]; there {
			t.Errorf("got %s=%v, want it left out", key, value)
		}
	}
	if lines[0]["unchanged"] != 7.0 {
		t.Errorf("got unchanged=%v, want 7", lines[0]["unchanged"])
	}
}

func TestALongWaitIsSpokenOfNowAndThen(t *testing.T) {
	t.Parallel()
	b := &board{tick: Tick{Mode: "backfill", Rows: 10, Balance: -1}}
	lines := reported(t, b, func() {
		for left := range 200 {
			b.set(func(t *Tick) { t.Waiting = fmt.Sprintf("the request limit, %d s", 200-left) })
			time.Sleep(time.Second)
		}
		b.set(func(t *Tick) { t.Rows, t.Waiting = 20, "" })
		time.Sleep(logEvery)
	})
	waits := 0
	for _, line := range lines {
		if line["msg"] == "waiting" || line["waiting_for"] != nil {
			waits++
		}
	}
	// The first line has the rows too; then one a minute.
	if waits != 4 || len(lines) != 5 || lines[4]["rows"] != 20.0 {
		t.Errorf("got %d lines about the wait of %d, want 4 of 5, the last with the rows that came: %v", waits, len(lines), lines)
	}
}

func TestNothingIsSaidWhileNothingHappens(t *testing.T) {
	t.Parallel()
	b := &board{tick: Tick{Mode: "incremental", Rows: 7, Balance: -1}}
	lines := reported(t, b, func() {
		time.Sleep(time.Minute)
		b.set(func(t *Tick) { *t = Tick{Balance: -1} }) // the run is over
		time.Sleep(time.Hour)
		b.set(func(t *Tick) { *t = Tick{Mode: "incremental", Rows: 7, Balance: -1} }) // another one like it
		time.Sleep(time.Minute)
	})
	if len(lines) != 2 {
		t.Errorf("got %d lines for two runs that stand still and the hour between, want one each: %v", len(lines), lines)
	}
}

// At the feed's limits every page waits for half a second: that is its pace.
func TestAShortWaitIsNotSpokenOf(t *testing.T) {
	t.Parallel()
	var p pace
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 10 {
		got, _ := p.see(Tick{Rows: int64(50 * i), Waiting: "its turn"}, at.Add(time.Duration(i)*time.Second))
		if got.Waiting != "" || got.Rows != int64(50*i) {
			t.Errorf("second %d: got %+v, want the rows and no wait", i, got)
		}
	}
	if got, _ := p.see(Tick{Rows: 450, Waiting: "its turn"}, at.Add(9*time.Second+patience)); got.Waiting != "its turn" {
		t.Errorf("got %+v after %s without a row, want the wait", got, patience)
	}
}

func TestARateIsThatOfTheRunUnderWay(t *testing.T) {
	t.Parallel()
	var p pace
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	rate := func(rows int64, second int) float64 {
		_, rate := p.see(Tick{Rows: rows}, at.Add(time.Duration(second)*time.Second))
		return rate
	}
	rate(1000, 0)
	if got := rate(5, 10); got != 0 {
		t.Errorf("got %.1f rows a second as another run begins, want 0", got)
	}
	if got := rate(105, 20); got != 10 {
		t.Errorf("got %.1f rows a second, want 10", got)
	}
	// What is more than a window ago no longer counts.
	for second := 30; second < 150; second += 10 {
		rate(105, second)
	}
	if got := rate(105, 150); got != 0 {
		t.Errorf("got %.1f rows a second after two idle minutes, want 0", got)
	}
}

func TestALineForAPerson(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		tick Tick
		rate float64
	}{
		"backfill  [#####---------------] 25%  250 rows  10.0/s  ETA 1m15s  5 pages  12500 credits (USD 12.50)  balance 7": {
			Tick{Mode: "backfill", Pages: 5, Rows: 250, Credits: 12_500, Balance: 7, Expected: 1000}, 10,
		},
		"backfill  [####################] 100%  1100 rows  10.0/s  22 pages  55000 credits (USD 55.00)": {
			Tick{Mode: "backfill", Pages: 22, Rows: 1100, Credits: 55_000, Balance: -1, Expected: 1000}, 10,
		},
		"incremental  57 rows  0.0/s  waiting for the request limit  1 pages  2850 credits (USD 2.85)": {
			Tick{Mode: "incremental", Pages: 1, Rows: 50, Unchanged: 7, Credits: 2850, Balance: -1, Waiting: "the request limit"}, 0,
		},
		"waiting for the lease": {Tick{Waiting: "the lease"}, 0},
		"":                      {Tick{Balance: 7}, 0},
	} {
		if got := c.tick.line(c.rate); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// What is logged goes above the bar, whole lines, and none is lost at the end.
func TestLogLinesDoNotTearTheBar(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		s := &screen{out: &out, person: true}
		log := Log{Format: "console"}.New(s)
		b := &board{tick: Tick{Mode: "backfill", Balance: -1}}
		r := newReporter(s, log, b.poll)
		log.Info("before")
		r.Start()
		for i := range 20 {
			time.Sleep(100 * time.Millisecond)
			b.set(rows(50))
			log.Info("beside", zap.Int("i", i))
		}
		r.Stop()
		log.Info("after")
		logged := 0
		bars := 0
		for line := range strings.Lines(out.String()) {
			switch line = strings.TrimSpace(line); {
			case strings.Contains(line, "  INFO  "):
				logged++
				if strings.Contains(line, "backfill") {
					t.Errorf("a log line and the bar are mixed up: %q", line)
				}
			case strings.HasPrefix(line, "backfill"):
				bars++
			case line != "":
				t.Errorf("got the line %q, want log lines and the bar alone", line)
			}
		}
		if logged != 22 || bars == 0 || !strings.HasSuffix(strings.TrimSpace(out.String()), "after") {
			t.Errorf("got %d log lines and %d times the bar, want 22, some, and the last line at the end:\n%s", logged, bars, out.String())
		}
	})
}

// gone is a terminal that was closed.
type gone struct{ writes int }

func (g *gone) Write([]byte) (int, error) {
	g.writes++
	return 0, errors.New("input/output error")
}

// A process that outlives its terminal goes on, and still ends.
func TestATerminalThatIsGoneStopsTheBarAndNothingElse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := new(gone)
		s := &screen{out: out, person: true}
		log := Log{Format: "console"}.New(s)
		b := &board{tick: Tick{Mode: "backfill", Balance: -1}}
		r := newReporter(s, log, b.poll)
		r.Start()
		for range 40 {
			b.set(rows(50))
			time.Sleep(time.Second)
		}
		r.Stop()
		// One attempt at the bar, then the lines of a log.
		if out.writes < 4 || out.writes > 6 {
			t.Errorf("got %d writes in 40 s, want one of the bar and a line every 10 s", out.writes)
		}
	})
}

func TestAliveIsWhoMovesOrHasNothingToMove(t *testing.T) {
	t.Parallel()
	long := time.Now().Add(-2 * silence)
	var moved, still pulse
	moved.beat()
	for name, c := range map[string]struct {
		pulse *pulse
		state producer.State
		alive bool
	}{
		"a request has just ended":    {&moved, producer.State{Doing: producer.Syncing, Since: long}, true},
		"a run has just begun":        {&still, producer.State{Doing: producer.Syncing, Since: time.Now()}, true},
		"nothing moves":               {&still, producer.State{Doing: producer.Syncing, Since: long}, false},
		"it waits for the next run":   {&still, producer.State{Doing: producer.Waiting, Since: long}, true},
		"the wallet has been empty":   {&still, producer.State{Doing: producer.Paused, Since: long}, true},
		"another instance is at work": {&still, producer.State{Doing: producer.Standby, Since: long}, true},
	} {
		if err := c.pulse.check(c.state); (err == nil) != c.alive {
			t.Errorf("%s: got %v, want it alive: %t", name, err, c.alive)
		}
	}
}
