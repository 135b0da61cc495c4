package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Why a Lease is not held any more, besides ErrLost.
var (
	// ErrExpired means that the lease could not be renewed in time, so that its
	// holder gave it up before the server did.
	ErrExpired = errors.New("lease given up: not renewed in time")
	// ErrReleased means that Release was called.
	ErrReleased = errors.New("lease released")
)

// LostError says that a lease is not held any more. It matches ErrLost,
// ErrExpired or ErrReleased.
type LostError struct {
	// Err is ErrLost, ErrExpired or ErrReleased.
	Err error
	// Since is when the lease ended, as far as this process can tell.
	Since time.Time
	// Cause is what the last renewal failed with; nil if none failed.
	Cause error
}

// Error implements error.
func (e *LostError) Error() string {
	msg := fmt.Sprintf("%v (since %s)", e.Err, e.Since.UTC().Format(time.RFC3339))
	if e.Cause != nil {
		msg += ": " + e.Cause.Error()
	}
	return msg
}

// Unwrap returns Err and Cause.
func (e *LostError) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.Cause}
}

// Lease is a lease that is held and renewed until Release, or until it is lost.
// Its methods may be called from any goroutine.
//
// A lease keeps two instances from working at the same time; it does not keep
// a stopped process from waking up and writing. That takes Kafka's fencing.
type Lease struct {
	store Leaser
	owner string
	token uint64
	ttl   time.Duration
	onErr func(error)

	stop context.CancelFunc
	done chan struct{} // closed by keep when it returns
	lost chan struct{} // closed by endLocked, once

	mu       sync.Mutex
	deadline time.Time   // the lease counts as held before it
	expiry   *time.Timer // calls expire at deadline
	ended    *LostError  // nil while held
	lastErr  error       // of the last renewal; nil if it succeeded

	releaseOnce sync.Once
	releaseErr  error
}

// Token is the fencing token: it grows by each take-over for as long as the
// server keeps its data.
func (l *Lease) Token() uint64 { return l.token }

// Owner is the name under which the lease is held.
func (l *Lease) Owner() string { return l.owner }

// Lost is closed when the lease is lost or was given up for want of a renewal.
// Release does not close it.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Err says why Lost is closed; nil before that.
func (l *Lease) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended == nil || errors.Is(l.ended.Err, ErrReleased) {
		return nil
	}
	return l.ended
}

// Alive reports nil while the lease is held, a *LostError otherwise. It asks the
// clock, not the server: cheap enough to precede each request that costs money.
func (l *Lease) Alive() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireLocked()
	if l.ended != nil {
		return l.ended
	}
	return nil
}

// Confirm asks the server whether the lease stands. It returns nil if it does,
// a *LostError if it does not, and any other error where that is unknown.
func (l *Lease) Confirm(ctx context.Context) error {
	if err := l.Alive(); err != nil {
		return err
	}
	err := l.store.Held(ctx, l.owner, l.token)
	if errors.Is(err, ErrLost) {
		l.end(ErrLost)
	} else if err != nil {
		return fmt.Errorf("confirm lease: %w", err)
	}
	// The answer is old by the time that it took.
	return l.Alive()
}

// Release gives the lease back, so that a successor need not wait for it to
// expire. It stops the renewals first and waits for the one under way, until
// ctx ends. Later calls return what the first one did.
func (l *Lease) Release(ctx context.Context) error {
	l.releaseOnce.Do(func() { l.releaseErr = l.release(ctx) })
	return l.releaseErr
}

// release is the first call of Release.
func (l *Lease) release(ctx context.Context) error {
	l.end(ErrReleased)
	l.stop()
	select {
	case <-l.done:
	case <-ctx.Done():
		return fmt.Errorf("release lease: renewal under way: %w", context.Cause(ctx))
	}
	// Also after a loss: the server may not have seen it as one.
	return l.store.Release(ctx, l.owner, l.token)
}

// expire gives the lease up if its deadline has passed.
func (l *Lease) expire() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireLocked()
}

func (l *Lease) expireLocked() {
	if !time.Now().Before(l.deadline) {
		l.endLocked(&LostError{Err: ErrExpired, Since: l.deadline, Cause: l.lastErr})
	}
}

// end marks the lease as not held from now on, for reason.
func (l *Lease) end(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.endLocked(&LostError{Err: reason, Since: time.Now()})
}

// endLocked marks the lease as not held; the first reason stays.
func (l *Lease) endLocked(why *LostError) {
	if l.ended != nil {
		return
	}
	l.ended = why
	l.expiry.Stop()
	if !errors.Is(why.Err, ErrReleased) {
		close(l.lost)
	}
}

// renewed moves the deadline, after a renewal that was sent at start.
func (l *Lease) renewed(start time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A renewal that is answered after the deadline revives nothing: somebody
	// may have seen the lease as given up.
	l.expireLocked()
	l.lastErr = nil
	if l.ended == nil {
		l.deadline = start.Add(holdFor(l.ttl))
		l.expiry.Reset(time.Until(l.deadline))
	}
}

// failed notes why the last renewal did not succeed.
func (l *Lease) failed(err error) {
	l.mu.Lock()
	l.lastErr = err
	l.mu.Unlock()
	if l.onErr != nil {
		l.onErr(err)
	}
}

// untilDeadline returns how long the lease counts as held from now.
func (l *Lease) untilDeadline(now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.deadline.Sub(now)
}
