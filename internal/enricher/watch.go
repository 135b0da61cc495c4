package enricher

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"go.uber.org/zap"
)

// now is the time since the loop was made, by the monotonic clock: a step of the
// wall clock is no stall.
func (l *Loop) now() int64 { return int64(time.Since(l.made)) }

// beat notes that something moved.
func (l *Loop) beat() { l.progress.Store(l.now()) }

// tick notes that the membership's own goroutine moves.
func (l *Loop) tick() { l.ticked.Store(l.now()) }

// watch returns a *StalledError once nothing has moved for Options.Stall although
// there is work, and nil when ctx ends. A wait for the request limits, or for a
// host that is down, is no stall: both have an end of their own.
func (l *Loop) watch(ctx context.Context) error {
	for wait(ctx, max(l.o.Stall/10, time.Millisecond)) {
		if since, work := l.stands(); since > l.o.Stall {
			return l.stalled(since, work)
		}
	}
	return nil
}

// Alive returns an error where the process should be started again: nothing has
// moved for longer than half of Options.Stall although there is work.
func (l *Loop) Alive() error {
	if since, work := l.stands(); since > l.o.Stall/2+time.Second {
		return fmt.Errorf("nothing has moved for %s: %s", since.Round(time.Second), work)
	}
	return nil
}

// stands is how long something has stood still that should not, and what that is:
// the goroutine that everything goes through, the oldest request, profile or dead
// letter in hand, or the preparation of slots.
func (l *Loop) stands() (longest time.Duration, work string) {
	now := l.now()
	look := func(since int64, what string) {
		if d := time.Duration(now - since); d > longest {
			longest, work = d, what
		}
	}
	// A transaction, with the wait for the group before it, has a limit of its own.
	look(max(l.ticked.Load(), l.progress.Load())+int64(commitTimeout), "the loop itself stands still")
	if oldest := l.oldest.Load(); oldest > 0 {
		look(oldest, "what was begun is not done, or not committed")
	}
	if l.preparing.Load() > 0 {
		look(l.progress.Load(), "what was fetched is read from the topics")
	}
	return longest, work
}

func (l *Loop) stalled(since time.Duration, work string) error {
	dump := make([]byte, dumpMost)
	dump = dump[:runtime.Stack(dump, true)]
	l.log.Error("nothing moves", zap.Duration("since", since), zap.String("work", work), zap.ByteString("goroutines", dump))
	return &StalledError{Since: since, Work: work}
}

// dumpMost bounds what the log is told about the goroutines.
const dumpMost = 1 << 20
