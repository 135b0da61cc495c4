package app

import (
	"context"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// Main is what the mains of both programs do: it runs one of them with the
// process around it and returns the exit code. version is what the release was
// built as; empty means what the Go toolchain knows of the source.
func Main(run func(context.Context, Env) int, version string) int {
	spendMemory()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal lets the work in hand be finished; from then on signals do
	// what they do by default, so a second one ends the process at once.
	context.AfterFunc(ctx, stop)
	return run(ctx, Env{
		Args: os.Args[1:], LookupEnv: os.LookupEnv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Version: buildVersion(version), Hangup: hangup,
	})
}

// spendMemory lets the heap grow to three times what is in use, not twice, as long
// as it is small, unless GOGC or GOMEMLIMIT say something. What is in use is a few
// megabytes, and three more save a fifteenth of the processor time; the limit is
// for many windows with a deep prefetch, and for large batches of profiles. It is
// soft: pages of many megabytes make the collector work more, and nothing fail.
// producer/BENCHMARKS.md has the figures.
func spendMemory() {
	const percent, percentByDefault = 200, 100
	const limit, noLimit = softLimit, math.MaxInt64
	if before := debug.SetGCPercent(percent); before != percentByDefault {
		debug.SetGCPercent(before)
	}
	if before := debug.SetMemoryLimit(limit); before != noLimit {
		debug.SetMemoryLimit(before)
	}
}

// softLimit is what both programs do with, by their defaults.
const softLimit = 40 << 20

// allowBatches raises the soft limit for batches that are larger than the default
// one: a profile in hand has some 16 KB, and is there about three times. Kept to the
// limit, half of the processor time would go into collecting memory.
func allowBatches(batch int) {
	const byDefault, each = 100, 48 << 10
	if more := int64(batch-byDefault) * each; more > 0 && debug.SetMemoryLimit(-1) == softLimit {
		debug.SetMemoryLimit(softLimit + more)
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
func buildVersion(release string) string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
