package ratelimit

import (
	"context"
	"sync"
	"time"
)

// maxMargin is the longest that a window is stretched, see margin.
const maxMargin = time.Second

// Limiter lets requests start one by one so that all its windows hold. It is
// safe for use by many goroutines, which it serves in the order in which they
// asked. Make one with New.
type Limiter struct {
	windows Windows
	begin   time.Time // times below are counted from here, by the monotonic clock
	// turn holds one token while a caller decides when it may go. Whoever waits
	// for its place in the windows keeps it, and the others queue behind: blocked
	// senders of a channel are served in the order in which they came.
	turn   chan struct{}
	starts ring // owned by the holder of turn

	mu    sync.Mutex
	until time.Duration // nobody goes before; guarded by mu, so that Until never waits for a turn
}

// New returns a limiter of ws that has seen no request yet. Without windows it
// holds nobody back but by Until.
func New(ws Windows) *Limiter {
	largest := 0
	for _, w := range ws {
		largest = max(largest, w.N)
	}
	return &Limiter{
		windows: ws,
		begin:   time.Now(),
		turn:    make(chan struct{}, 1),
		starts:  ring{max: largest},
	}
}

// Wait returns nil when the caller may start one request, at once: the request
// counts from then on, whether it is sent or not. If ctx ends first it returns
// context.Cause(ctx), and nothing is counted.
func (l *Limiter) Wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-l.turn }()
	for {
		now := time.Since(l.begin)
		wait := l.next() - now
		if wait <= 0 {
			l.starts.push(int64(now))
			return nil
		}
		if err := sleep(ctx, wait); err != nil {
			return err
		}
		// Until may have been called meanwhile: look again.
	}
}

// Until holds every request back until t, those included that wait already. A
// time before an earlier one, or in the past, changes nothing.
func (l *Limiter) Until(t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = max(l.until, t.Sub(l.begin))
}

// next returns when the next request may start: not before until, and in each
// window not before its N-th last request has left it.
func (l *Limiter) next() time.Duration {
	l.mu.Lock()
	at := l.until
	l.mu.Unlock()
	for _, w := range l.windows {
		if start, ok := l.starts.back(w.N); ok {
			at = max(at, time.Duration(start)+w.Per+margin(w.Per))
		}
	}
	return at
}

// margin is by how much a window is stretched. The server counts requests when
// they arrive, the limiter when they leave: if the first of N+1 requests took
// longer on its way than the last one (it had to dial, the last one had not),
// the server sees them closer together than they were sent. One percent costs
// one percent of the rate, and is 600 ms for a minute, more than a TLS handshake
// takes; a day needs no more than an hour does, hence the limit of one second.
func margin(per time.Duration) time.Duration { return min(per/100, maxMargin) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
