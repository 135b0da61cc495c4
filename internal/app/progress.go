package app

import (
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
)

// Tick is how far a run is.
type Tick struct {
	// Mode and Phase are those of the run; an empty Mode means that none is under
	// way.
	Mode, Phase string
	// Pages, Rows and Credits are those of the run so far, Unchanged the rows that
	// were bought again as they are in the topic already. Balance is the wallet,
	// in credits; negative where it is not known. Expected is how many rows the
	// run will have, zero where nobody can know.
	Pages, Rows, Unchanged, Credits, Balance, Expected int64
	// Waiting is what it waits for, such as the feed's request limit; empty means
	// that it works.
	Waiting string
}

// done is how many rows are through.
func (t Tick) done() int64 { return t.Rows + t.Unchanged }

// quiet is how long nothing is said about a wait that goes on.
const quiet = time.Minute

// tick is how far a program's work is at one moment, as a reporter shows it.
type tick[T any] interface {
	comparable
	// done is what the rate is taken of. Where other work began it goes back.
	done() int64
	// waits is what the work waits for, waitsFor the same tick with other words
	// for that. Empty means that it works.
	waits() string
	waitsFor(what string) T
	// idle reports whether there is nothing to be said but for a wait.
	idle() bool
	// line is the tick for a person, fields are for a log. Rates are in units of
	// done a second.
	line(rate float64) string
	fields(rate float64) []zap.Field
}

func (t Tick) waits() string { return t.Waiting }

func (t Tick) waitsFor(what string) Tick { t.Waiting = what; return t }

func (t Tick) idle() bool { return t.Mode == "" }

// pace makes rates and log lines of the ticks of a run.
type pace = paceOf[Tick]

// paceOf makes rates and log lines of ticks.
type paceOf[T tick[T]] struct {
	samples []passed // of the last rateWindow, the oldest first
	last    T        // but for its wait
	moved   time.Time
	logged  T
	said    time.Time // when a wait was last spoken of
}

type passed struct {
	at   time.Time
	done int64
}

// rateWindow is what a rate is taken over: long enough for the feed's limits of
// a minute to even out.
const rateWindow = time.Minute

// patience is how long a run stands before its wait is worth a word: at the
// feed's limits each page waits half a second.
const patience = 3 * time.Second

// see takes note of a tick. It returns it without a wait that is short so far,
// and the rate of done a second; zero where that is not known yet.
func (p *paceOf[T]) see(t T, now time.Time) (T, float64) {
	counts := t.waitsFor("")
	if counts != p.last || p.moved.IsZero() {
		p.last, p.moved = counts, now
	}
	if now.Sub(p.moved) < patience {
		t = counts
	}
	return t, p.rate(t, now)
}

func (p *paceOf[T]) rate(t T, now time.Time) float64 {
	if n := len(p.samples); n > 0 && t.done() < p.samples[n-1].done {
		p.samples = nil // another run
	}
	p.samples = append(p.samples, passed{now, t.done()})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateWindow {
		p.samples = p.samples[1:]
	}
	first := p.samples[0]
	took := now.Sub(first.at).Seconds()
	if took == 0 {
		return 0
	}
	return float64(t.done()-first.done) / took
}

// eta is how long the rest takes at this rate; zero where nobody can know.
func eta(t Tick, rate float64) time.Duration {
	rest := t.Expected - t.done()
	if t.Expected == 0 || rest <= 0 || rate <= 0 {
		return 0
	}
	return time.Duration(float64(rest) / rate * float64(time.Second)).Round(time.Second)
}

// log says where a run is, if there is anything new to say.
func (p *paceOf[T]) log(log *zap.Logger, t T, now time.Time) {
	t, rate := p.see(t, now)
	waits := t.waits() != ""
	if t.idle() && !waits {
		p.logged = t // a run that is over has its summary
		return
	}
	moved := t.waitsFor(p.logged.waits()) // words that count down are no news
	switch {
	case moved != p.logged:
		log.Info("progress", t.fields(rate)...)
	case waits && (p.said.IsZero() || now.Sub(p.said) >= quiet):
		log.Info("waiting", zap.String("for", t.waits()))
	default:
		if !waits {
			p.said = time.Time{}
		}
		return
	}
	p.logged, p.said = t, time.Time{}
	if waits {
		p.said = now
	}
}

func (t Tick) fields(rate float64) []zap.Field {
	fields := []zap.Field{
		zap.String("mode", t.Mode), zap.String("phase", t.Phase), zap.Int64("pages", t.Pages), zap.Int64("rows", t.Rows),
		zap.Int64("unchanged", t.Unchanged), zap.Int64("credits", t.Credits), zap.String("rows_per_second", fmt.Sprintf("%.1f", rate)),
	}
	if t.Balance >= 0 {
		fields = append(fields, zap.Int64("balance", t.Balance))
	}
	if t.Expected > 0 {
		fields = append(fields, zap.Int64("expected_rows", t.Expected))
	}
	if left := eta(t, rate); left > 0 {
		fields = append(fields, zap.Duration("eta", left))
	}
	if t.Waiting != "" {
		fields = append(fields, zap.String("waiting_for", t.Waiting))
	}
	return fields
}

// barCells is how wide the bar itself is.
const barCells = 20

// line is a tick for a person, on one line of a terminal, the most important
// first: what does not fit is cut off at the end.
func (t Tick) line(rate float64) string {
	if t.Mode == "" && t.Waiting == "" {
		return "" // nothing is under way, and the log says until when
	}
	if t.Mode == "" {
		return "waiting for " + t.Waiting
	}
	parts := []string{t.Mode}
	if t.Expected > 0 {
		full := min(t.done()*barCells/t.Expected, barCells)
		parts = append(parts, fmt.Sprintf("[%s%s] %d%%", strings.Repeat("#", int(full)), strings.Repeat("-", int(barCells-full)), min(t.done()*100/t.Expected, 100)))
	}
	parts = append(parts, fmt.Sprintf("%d rows", t.done()), fmt.Sprintf("%.1f/s", rate))
	if left := eta(t, rate); left > 0 {
		parts = append(parts, "ETA "+left.String())
	}
	if t.Waiting != "" {
		parts = append(parts, "waiting for "+t.Waiting)
	}
	parts = append(parts, fmt.Sprintf("%d pages", t.Pages), feed.Price(t.Credits))
	if t.Balance >= 0 {
		parts = append(parts, fmt.Sprintf("balance %d", t.Balance))
	}
	return strings.Join(parts, "  ")
}
