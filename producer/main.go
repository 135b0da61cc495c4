// Command producer moves the career sites feed into Kafka.
package main

import (
	"context"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/careerstream/careerstream/internal/app"
)

// version is set when a release is built.
var version string

func main() {
	spendMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal lets the page in hand be finished; from then on signals do
	// what they do by default, so a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(app.RunProducer(ctx, app.Env{
		Args: os.Args[1:], LookupEnv: os.LookupEnv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Version: buildVersion(), Hangup: hangup,
	}))
}

// spendMemory lets the heap grow to three times what is in use, not twice, as long
// as it is small, unless GOGC or GOMEMLIMIT say something. What is in use is a few
// megabytes, and three more save a fifteenth of the processor time; the limit is
// for many windows with a deep prefetch. It is soft: pages of many megabytes make
// the collector work more, and nothing fail. BENCHMARKS.md has the figures.
func spendMemory() {
	const percent, percentByDefault = 200, 100
	const limit, noLimit = 40 << 20, math.MaxInt64
	if before := debug.SetGCPercent(percent); before != percentByDefault {
		debug.SetGCPercent(before)
	}
	if before := debug.SetMemoryLimit(limit); before != noLimit {
		debug.SetMemoryLimit(before)
	}
}

// hangup returns a channel that receives each SIGHUP from now on. Signals that
// nobody has taken yet count as one.
func hangup() <-chan struct{} {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	out := make(chan struct{}, 1)
	go func() {
		for range signals {
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}()
	return out
}

// buildVersion is the release, or what the Go toolchain knows of the source.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
