package app

import (
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"go.uber.org/zap"
	"golang.org/x/term"
)

const (
	logEvery  = 10 * time.Second
	drawEvery = 250 * time.Millisecond
)

// screen is standard error. While a bar is drawn there, what else is written
// goes above it, line by line.
type screen struct {
	out io.Writer
	// person says that somebody watches, so that there may be a bar.
	person bool

	mu    sync.Mutex
	above io.Writer // nil while there is no bar
}

// newScreen returns the screen that err is. A bar is for a person: at a terminal
// that can move its cursor, not in a build, and not where lines are for a program.
func newScreen(err io.Writer, l Log, lookup func(string) (string, bool)) *screen {
	ci, _ := lookup("CI")
	term, _ := lookup("TERM")
	return &screen{out: err, person: terminal(err) && ci == "" && term != "dumb" && l.Format != "json"}
}

// Write implements io.Writer.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.above != nil {
		return s.above.Write(b)
	}
	return s.out.Write(b)
}

// Fd makes a terminal behind the screen one to whoever asks.
func (s *screen) Fd() uintptr {
	if f, ok := s.out.(fder); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// sized reports whether the terminal has a size. One that has none, as some that
// are no window, would show nothing at all of a bar.
func (s *screen) sized() bool {
	if !terminal(s) {
		return true // no terminal: a test that looks at the lines
	}
	width, height, err := term.GetSize(int(s.Fd()))
	return err == nil && width > 0 && height > 0
}

func (s *screen) setAbove(w io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.above = w
}

// reporter shows how the work goes.
type reporter[T tick[T]] struct {
	out  io.Writer
	log  *zap.Logger
	poll func() T

	stop    chan struct{}
	stopped sync.Once
	done    sync.WaitGroup
}

// newReporter returns a reporter of what poll says. On a screen that a person
// watches it draws a bar, and what is logged through that screen goes above it;
// elsewhere it logs a line every logEvery. poll is called by one goroutine, from
// Start to Stop.
func newReporter[T tick[T]](out io.Writer, log *zap.Logger, poll func() T) *reporter[T] {
	return &reporter[T]{out: out, log: log, poll: poll, stop: make(chan struct{})}
}

// Start begins to report.
func (r *reporter[T]) Start() {
	if s, ok := r.out.(*screen); ok && s.person && s.sized() {
		r.done.Go(func() { r.draw(s) })
		return
	}
	r.done.Go(r.lines)
}

// Stop ends it and takes the bar away; what is logged afterwards is not mixed up
// with it. It may be called more than once.
func (r *reporter[T]) Stop() {
	r.stopped.Do(func() { close(r.stop) })
	r.done.Wait()
}

// lines logs.
func (r *reporter[T]) lines() {
	var p paceOf[T]
	p.see(r.poll(), time.Now())
	ticker := time.NewTicker(logEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			return
		case now := <-ticker.C:
			p.log(r.log, r.poll(), now)
		}
	}
}

// draw draws the bar: one line of text that the library keeps at the bottom. Its
// own bar would end the line when more rows come than were expected.
func (r *reporter[T]) draw(s *screen) {
	refresh, over := make(chan any), make(chan any)
	bars := mpb.New(mpb.WithOutput(s.out), mpb.WithManualRefresh(refresh), mpb.WithShutdownNotifier(over))
	var p paceOf[T]
	var text atomic.Value
	text.Store("")
	show := decor.Any(func(decor.Statistics) string { return text.Load().(string) })
	bar := bars.New(0, mpb.NopStyle(), mpb.PrependDecorators(show))
	s.setAbove(bars)
	ticker := time.NewTicker(drawEvery)
	defer ticker.Stop()
	for {
		select {
		case <-r.stop:
			s.setAbove(nil)
			bar.Abort(true)
			bars.Wait()
			return
		case <-over: // the terminal is gone
			s.setAbove(nil)
			bars.Wait()
			r.lines()
			return
		case now := <-ticker.C:
			t, rate := p.see(r.poll(), now)
			text.Store(t.line(rate))
			select {
			case refresh <- now:
			case <-over:
			}
		}
	}
}
