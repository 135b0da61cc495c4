//go:build unix

package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for a process or a server: far beyond what any of
// them takes, so that only a hang meets it.
const patience = 90 * time.Second

// process is an enricher that was started.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	secret string
	stdout buffer
	stderr buffer
	ended  chan struct{}
}

// launch starts the program with settings (NAME=value) as its whole environment.
func (b *bed) launch(settings []string, args ...string) *process {
	b.t.Helper()
	path, err := binary()
	if err != nil {
		b.t.Fatal(err)
	}
	p := &process{t: b.t, cmd: exec.CommandContext(b.t.Context(), path, args...), secret: b.secret, ended: make(chan struct{})}
	// A data race is a failure by itself, with a code that nothing else has.
	p.cmd.Env = append(slices.Clone(settings), "GORACE=halt_on_error=1 exitcode=66 atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // ProcessState says it all
	}()
	b.t.Cleanup(func() { // the test's context has ended, and with it the process
		<-p.ended
		p.inspect()
	})
	return p
}

// inspect checks what holds for every run, however it ended.
func (p *process) inspect() {
	for name, text := range map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String()} {
		for _, trace := range []string{p.secret, "DATA RACE", "panic:", "goroutine "} {
			if strings.Contains(text, trace) {
				p.t.Errorf("%s of process %d holds %q:\n%s", name, p.cmd.Process.Pid, trace, text)
			}
		}
	}
	if p.t.Failed() {
		p.t.Logf("process %d:\n%s", p.cmd.Process.Pid, p.stderr.String())
	}
}

// wait returns the exit code, or minus the signal that ended the process.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("process %d still runs after %s", p.cmd.Process.Pid, patience)
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// expect waits for the end and fails the test unless the exit code is want.
func (p *process) expect(want int) {
	p.t.Helper()
	if code := p.wait(); code != want {
		p.t.Fatalf("process %d ended with %d, want %d:\n%s", p.cmd.Process.Pid, code, want, p.stderr.String())
	}
}

// running reports whether the process has not ended yet.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// signal reports whether the process was there to get it.
func (p *process) signal(s os.Signal) bool {
	p.t.Helper()
	err := p.cmd.Process.Signal(s)
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatalf("signal %v: %v", s, err)
	}
	return err == nil
}

// stop ends the process as a supervisor does.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.expect(0)
}

// kill ends the process at once.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.expect(-int(syscall.SIGKILL))
}

// buffer is an output that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// until waits for cond, which nothing announces, and fails the test when one of
// whiles ends first.
func (b *bed) until(what string, cond func() bool, whiles ...*process) {
	b.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !cond() {
		for _, p := range whiles {
			if !p.running() {
				b.t.Fatalf("process %d ended with %d before %s:\n%s", p.cmd.Process.Pid, p.wait(), what, p.stderr.String())
			}
		}
		select {
		case <-tick.C:
		case <-limit:
			b.t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
}
