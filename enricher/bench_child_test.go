//go:build unix

package main_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/app"
)

// benchChild in the environment makes TestBenchChild one of the programs below.
const benchChild = "ENRICHER_BENCH_CHILD"

var benchProfileFlag = flag.String("bench-profile", "", "run the enricher within a test program that writes a CPU profile to this file, and one of its heap beside it")

// benchBuild builds the enricher and returns its path.
func benchBuild(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "enricher")
	if out, err := exec.CommandContext(b.Context(), "go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// benchEnricher is the built program or, with -bench-profile, the same as a test of
// this program, so that it can be profiled without a door for it in the product:
//
//	go test ./enricher -run '^$' -bench Enrich/concurrency=64 -benchtime 1x -bench-profile /tmp/cpu.pprof
func benchEnricher(b *testing.B, path string) *exec.Cmd {
	b.Helper()
	if *benchProfileFlag != "" {
		cmd := benchSelf(b, "enricher")
		cmd.Args = append(cmd.Args, "-test.cpuprofile", *benchProfileFlag, "-test.memprofile", *benchProfileFlag+".heap", "-test.memprofilerate", "65536")
		cmd.Env = append(cmd.Env, "GOGC=200", "GOMEMLIMIT=40MiB") // as the program sets them
		return cmd
	}
	return exec.CommandContext(b.Context(), path, "run")
}

// benchSelf is this test program as something else.
func benchSelf(b *testing.B, child string) *exec.Cmd {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^TestBenchChild$")
	cmd.Env = []string{benchChild + "=" + child}
	return cmd
}

// TestBenchChild does nothing unless benchSelf starts it.
func TestBenchChild(t *testing.T) { //nolint:paralleltest // alone in its process
	ctx, stop := signal.NotifyContext(context.WithoutCancel(t.Context()), syscall.SIGTERM)
	defer stop()
	switch os.Getenv(benchChild) {
	case "":
		t.Skip("only for the benchmarks")
	case "bare":
		if err := benchBare(ctx); err != nil {
			t.Error(err)
		}
	case "enricher":
		code := app.RunEnricher(ctx, app.Env{
			Args: []string{"run"}, LookupEnv: os.LookupEnv, Stdin: strings.NewReader(""), Stdout: os.Stdout, Stderr: os.Stderr, Version: "bench",
		})
		if code != 0 {
			t.Errorf("the enricher ended with %d, want 0", code)
		}
	}
}

// benchProcess is a process that is measured.
type benchProcess struct {
	b      *testing.B
	cmd    *exec.Cmd
	output bytes.Buffer
	peak   func() int64
	ended  chan struct{}
}

// start starts cmd with settings as the rest of its environment.
func (r *benchRig) start(cmd *exec.Cmd, settings []string) *benchProcess {
	r.b.Helper()
	p := &benchProcess{b: r.b, cmd: cmd, ended: make(chan struct{})}
	cmd.Env = append(cmd.Env, settings...)
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	if err := cmd.Start(); err != nil {
		r.b.Fatal(err)
	}
	p.peak = benchPeak(cmd.Process.Pid)
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // ProcessState says it all
	}()
	return p
}

// until waits for done, which the process brings about.
func (p *benchProcess) until(done <-chan struct{}) {
	p.b.Helper()
	select {
	case <-done:
	case <-p.ended:
		p.b.Fatalf("the process ended with %s before it was done:\n%s", p.cmd.ProcessState, p.output.String())
	case <-time.After(10 * time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.ended
		p.b.Fatalf("the process was not done after ten minutes:\n%s", p.output.String())
	}
}

// stop ends the process as a supervisor does, and returns what it cost.
func (p *benchProcess) stop() benchFigures {
	p.b.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.b.Fatal(err)
	}
	return p.cost()
}

// cost waits for the end of the process.
func (p *benchProcess) cost() benchFigures {
	p.b.Helper()
	<-p.ended
	state := p.cmd.ProcessState
	if !state.Success() {
		p.b.Fatalf("the process ended with %s:\n%s", state, p.output.String())
	}
	return benchFigures{cpu: state.UserTime() + state.SystemTime(), kernel: state.SystemTime(), peak: p.peak()}
}

// benchPeak follows how much memory a process has had resident at the most, and
// returns a function that says it, in bytes, once the process has ended; zero
// where that can't be known. What the kernel tells of an ended child is of no use:
// it counts the moment before exec, when the child still is this program.
func benchPeak(pid int) func() int64 {
	peak, stop := make(chan int64), make(chan struct{})
	go func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		most := int64(0)
		for {
			most = max(most, benchResident(pid))
			select {
			case <-tick.C:
			case <-stop:
				peak <- most
				return
			}
		}
	}()
	return func() int64 { close(stop); return <-peak }
}

// benchResident is VmHWM of a process, in bytes.
func benchResident(pid int) int64 {
	file, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
