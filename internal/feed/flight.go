package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"sync"
	"time"
)

// Causes with which a try is ended from outside.
var (
	errTimeout = errors.New("no complete answer in time")
	errDrained = errors.New("no complete answer in the time left after the program was told to stop")
)

// flight is one try and its own context. Until a connection is at hand the try
// ends with its caller's context; from then on it may have been paid for, and it
// has until its timeout, or DrainTimeout after the caller's context ended.
type flight struct {
	ctx    context.Context //nolint:containedctx // the context of this one request
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	wire  bool // a connection is at hand
	wrote bool // the request was written, or may have been
}

func (c *Client) newFlight(parent context.Context) *flight {
	f := &flight{}
	work, cancelTimeout := context.WithTimeoutCause(context.WithoutCancel(parent), c.timeout,
		fmt.Errorf("%w (%v)", errTimeout, c.timeout))
	work, cancel := context.WithCancelCause(work)
	stop := context.AfterFunc(parent, func() {
		if !f.onWire() {
			cancel(context.Cause(parent))
			return
		}
		drain := time.NewTimer(c.drain)
		defer drain.Stop()
		select {
		case <-drain.C:
			cancel(fmt.Errorf("%w (%v)", errDrained, c.drain))
		case <-work.Done():
		}
	})
	f.cancel = func(cause error) { stop(); cancel(cause); cancelTimeout() }
	f.ctx = httptrace.WithClientTrace(work, &httptrace.ClientTrace{
		// The transport asks for a connection again only where not a byte was
		// written to the one before.
		GetConn:      func(string) { f.set(false, false) },
		GotConn:      func(httptrace.GotConnInfo) { f.set(true, false) },
		WroteHeaders: func() { f.set(true, true) },
	})
	return f
}

func (f *flight) set(wire, wrote bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.wire, f.wrote = wire, wrote
}

func (f *flight) onWire() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.wire
}

// failure is an error of the exchange before there was an answer.
func (f *flight) failure(err error) error {
	f.mu.Lock()
	wrote := f.wrote
	f.mu.Unlock()
	if wrote {
		err = &unknownError{err}
	}
	return f.explain(err)
}

// explain adds why the try was ended, where it was: the transport may say no more
// than that a context was cancelled.
func (f *flight) explain(err error) error {
	cause := context.Cause(f.ctx)
	if err == nil || cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}
