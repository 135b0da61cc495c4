package enricher

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"go.uber.org/zap"
)

// beat notes that something moved.
func (l *Loop) beat() { l.progress.Store(time.Now().UnixNano()) }

// tick notes that the membership's own goroutine moves.
func (l *Loop) tick(now time.Time) { l.ticked.Store(now.UnixNano()) }

// watch returns a *StalledError once nothing has moved for Options.Stall although
// there is work, and nil when ctx ends. A wait for the request limits, or for a
// host that is down, is no stall: both have an end of their own. The goroutine
// that everything goes through has to move in any case.
func (l *Loop) watch(ctx context.Context) error {
	for wait(ctx, max(l.o.Stall/10, time.Millisecond)) {
		if since, work := l.stands(); since > l.o.Stall {
			return l.stalled(since, work)
		}
	}
	return nil
}

// Alive returns an error where the process should be started again: nothing has
// moved for half of Options.Stall although there is work.
func (l *Loop) Alive() error {
	if since, work := l.stands(); since > l.o.Stall/2 {
		return fmt.Errorf("nothing has moved for %s: %s", since.Round(time.Second), work)
	}
	return nil
}

// stands is how long nothing has moved that should, and what that is.
func (l *Loop) stands() (time.Duration, string) {
	since := func(nanos int64) time.Duration { return time.Since(time.Unix(0, nanos)) }
	progress := l.progress.Load()
	still, stuck := since(progress), since(max(l.ticked.Load(), progress))
	busy := l.busy.Load() - l.waiting.Load()
	if busy > 0 && still > stuck {
		return still, fmt.Sprintf("%d requests under way or to be committed", busy)
	}
	return stuck, "the loop itself stands still"
}

func (l *Loop) stalled(since time.Duration, work string) error {
	dump := make([]byte, dumpMost)
	dump = dump[:runtime.Stack(dump, true)]
	l.log.Error("nothing moves", zap.Duration("since", since), zap.String("work", work), zap.ByteString("goroutines", dump))
	return &StalledError{Since: since, Work: work}
}

// dumpMost bounds what the log is told about the goroutines.
const dumpMost = 1 << 20
