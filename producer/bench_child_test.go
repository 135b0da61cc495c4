//go:build unix

package main_test

import (
	"bufio"
	"context"
	"flag"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/app"
)

// profileChild in the environment makes TestProfiledProducer the producer.
const profileChild = "PRODUCER_BENCH_PROFILED"

var benchProfileFlag = flag.String("bench-profile", "", "run the producer within a test program that writes a CPU profile to this file, and one of its heap beside it")

// profiled is the producer as a test of this program, so that it can be profiled
// without a door for it in the product, and without the servers beside it:
//
//	go test ./producer -run '^$' -bench Sync/feed=0s/windows=1/prefetch=8 -benchtime 1x -bench-profile /tmp/cpu.pprof
func profiled(b *testing.B) *exec.Cmd {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0], "-test.run", "^TestProfiledProducer$",
		"-test.cpuprofile", *benchProfileFlag, "-test.memprofile", *benchProfileFlag+".heap", "-test.memprofilerate", "65536")
	cmd.Env = []string{profileChild + "=1"}
	return cmd
}

// TestProfiledProducer does nothing unless profiled starts it.
func TestProfiledProducer(t *testing.T) { //nolint:paralleltest // alone in its process
	if os.Getenv(profileChild) == "" {
		t.Skip("only for -bench-profile")
	}
	code := app.RunProducer(context.WithoutCancel(t.Context()), app.Env{
		Args: []string{"sync"}, LookupEnv: os.LookupEnv, Stdin: strings.NewReader(""), Stdout: os.Stdout, Stderr: os.Stderr, Version: "bench",
	})
	if code != 0 {
		t.Errorf("the producer ended with %d, want 0", code)
	}
}

// watchPeak follows how much memory a process has had resident at the most, and
// returns a function that says it, in bytes, once the process has ended; zero
// where that can't be known. What the kernel tells of an ended child is of no use:
// it counts the moment before exec, when the child still is this program.
func watchPeak(pid int) func() int64 {
	peak, stop := make(chan int64), make(chan struct{})
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		most := int64(0)
		for {
			most = max(most, residentPeak(pid))
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

// residentPeak is VmHWM of a process, in bytes.
func residentPeak(pid int) int64 {
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
