//go:build unix

package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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

// process is a producer that was started.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr buffer
	began          time.Time
	took           time.Duration // valid once ended is closed
	ended          chan struct{}
}

// launch starts the program with settings (NAME=value) as its whole environment.
func launch(t *testing.T, settings []string, args ...string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return start(t, exec.CommandContext(t.Context(), path, args...), settings)
}

// shell runs a command as a user would who copies it, with the program in the
// PATH and settings in the environment, in the folder dir.
func shell(t *testing.T, dir string, settings []string, command string) *process {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
	cmd.Dir = dir
	search := "PATH=" + filepath.Dir(path) + string(os.PathListSeparator) + os.Getenv("PATH")
	return start(t, cmd, append(slices.Clone(settings), search))
}

// start starts cmd with settings as its whole environment.
func start(t *testing.T, cmd *exec.Cmd, settings []string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, ended: make(chan struct{})}
	// A data race is a failure by itself, with a code that nothing else has.
	p.cmd.Env = append(slices.Clone(settings), "GORACE=halt_on_error=1 exitcode=66 atexit_sleep_ms=0")
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.began = time.Now()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // ProcessState says it all
		p.took = time.Since(p.began)
	}()
	t.Cleanup(func() { // the test's context has ended, and with it the process
		<-p.ended
		p.inspect()
	})
	return p
}

// inspect checks what holds for every run, however it ended.
func (p *process) inspect() {
	for name, text := range map[string]string{"stdout": p.stdout.String(), "stderr": p.stderr.String()} {
		noKey(p.t, name, []byte(text))
		for _, trace := range []string{"DATA RACE", "panic:", "goroutine "} {
			if strings.Contains(text, trace) {
				p.t.Errorf("%s of process %d holds %q:\n%s", name, p.cmd.Process.Pid, trace, text)
			}
		}
	}
}

// wait returns the exit code, or minus the signal that ended the process.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatalf("the producer still runs after %s:\n%s", time.Since(p.began), p.stderr.String())
	}
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return -int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// expect waits for the end and fails the test unless the exit code is among codes.
func (p *process) expect(codes ...int) int {
	p.t.Helper()
	code := p.wait()
	if !slices.Contains(codes, code) {
		p.t.Fatalf("the producer ended with %d after %s, want one of %v:\n%s", code, p.took, codes, p.stderr.String())
	}
	return code
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

// kill ends the process at once and reports whether it was this that ended it.
func (p *process) kill() bool {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	return p.wait() == -int(syscall.SIGKILL)
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

// until waits for cond, which nothing announces. It gives up, and returns false,
// when a process that is given ends first.
func until(t *testing.T, what string, cond func() bool, whiles ...*process) bool {
	t.Helper()
	ended := make(chan struct{})
	if len(whiles) > 0 {
		ended = whiles[0].ended
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(patience)
	for !cond() {
		select {
		case <-tick.C:
		case <-ended:
			return cond()
		case <-limit:
			t.Fatalf("waited %s in vain for %s", patience, what)
		}
	}
	return true
}
