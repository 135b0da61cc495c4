package checkpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"strings"
	"time"
)

// DefaultTTL is how long a lease outlives its holder.
const DefaultTTL = 15 * time.Second

// Leaser is the store of a lease. Redis and Memory are such stores. Renew and
// Held return ErrLost where the lease is another's, and only there.
type Leaser interface {
	Acquire(ctx context.Context, owner string, ttl time.Duration, floor uint64) (token uint64, err error)
	Renew(ctx context.Context, owner string, token uint64, ttl time.Duration) error
	Release(ctx context.Context, owner string, token uint64) error
	Held(ctx context.Context, owner string, token uint64) error
}

// HoldOptions say how to acquire and keep a lease.
type HoldOptions struct {
	// TTL is how long the server keeps the lease without a renewal. It is
	// renewed at a third of it, and given up by its holder at two thirds: the
	// last third is what the clocks of the two may differ by. Zero means
	// DefaultTTL.
	TTL time.Duration
	// Owner names the holder. It must be another with each Hold. Empty means
	// NewOwner().
	Owner string
	// Floor is the highest fence known from elsewhere: the token is above it,
	// even if the server lost its counter.
	Floor uint64
	// Wait is how long to wait for another holder to let go. Zero means not at
	// all, negative means until ctx ends. A holder that died keeps the lease
	// for up to its TTL: a Wait that is to outlast it must be a little longer.
	Wait time.Duration
	// OnRenewError is told of each renewal that failed and will be tried again.
	// It must not block. Nil means that nobody is told.
	OnRenewError func(error)
}

// NewOwner returns a name for a holder that no other one has and that tells an
// operator where to look: host:pid:nonce.
func NewOwner() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "unknown"
	}
	host = strings.ReplaceAll(host, "|", "-")
	return fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text())
}

// Hold acquires the lease and keeps it until Release. It returns *BusyError if
// another instance still holds the lease when o.Wait is over, and any other
// error of the store at once. ctx bounds the acquisition, not the lease.
func Hold(ctx context.Context, store Leaser, o HoldOptions) (*Lease, error) {
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.Owner == "" {
		o.Owner = NewOwner()
	}
	start, token, err := acquire(ctx, store, o)
	if err != nil {
		return nil, err
	}
	// WithoutCancel: a lease outlives the call that began it.
	keepCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	l := &Lease{
		store: store, owner: o.Owner, token: token, ttl: o.TTL, onErr: o.OnRenewError,
		stop: stop, done: make(chan struct{}), lost: make(chan struct{}),
	}
	l.mu.Lock()
	l.deadline = start.Add(holdFor(o.TTL))
	l.expiry = time.AfterFunc(time.Until(l.deadline), l.expire)
	l.mu.Unlock()
	go l.keep(keepCtx, start)
	// An answer that took longer than the lease is worth nothing.
	if err := l.Alive(); err != nil {
		return nil, errors.Join(err, l.Release(ctx))
	}
	return l, nil
}

// acquire asks for the lease until it gets it or o.Wait is over. It returns
// when the successful request was begun: the lease counts from there.
func acquire(ctx context.Context, store Leaser, o HoldOptions) (start time.Time, token uint64, err error) {
	begin := time.Now()
	for {
		start = time.Now()
		token, err = store.Acquire(ctx, o.Owner, o.TTL, o.Floor)
		var busy *BusyError
		if err == nil || !errors.As(err, &busy) {
			return start, token, err
		}
		// Ask when the lease ends by itself, and now and then before that: its
		// holder may give it back.
		pause := jitter(o.TTL / 5)
		if busy.TTL >= 0 {
			pause = min(pause, busy.TTL+time.Millisecond)
		}
		if o.Wait >= 0 {
			left := o.Wait - time.Since(begin)
			if left <= 0 {
				return start, 0, err
			}
			pause = min(pause, left)
		}
		if cause := sleep(ctx, pause); cause != nil {
			return start, 0, fmt.Errorf("wait for lease: %w (%w)", cause, err)
		}
	}
}

// keep renews the lease until it is lost or ctx ends.
func (l *Lease) keep(ctx context.Context, renewed time.Time) {
	defer close(l.done)
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.lost:
			return
		case <-time.After(time.Until(renewed.Add(l.ttl / 3))):
		}
		var ok bool
		if renewed, ok = l.renew(ctx); !ok {
			return
		}
	}
}

// renew tries until one renewal succeeds, and returns when that was begun. It
// returns false when the lease has ended.
func (l *Lease) renew(ctx context.Context) (time.Time, bool) {
	for {
		start := time.Now()
		err := l.tryRenew(ctx, start)
		switch {
		case err == nil:
			l.renewed(start)
			return start, l.Alive() == nil
		case errors.Is(err, ErrLost):
			l.end(ErrLost)
			return start, false
		case ctx.Err() != nil:
			return start, false
		}
		l.failed(err)
		select {
		case <-ctx.Done():
			return start, false
		case <-l.lost: // expire closes it at the deadline
			return start, false
		case <-time.After(jitter(l.ttl / 30)):
		}
	}
}

// tryRenew sends one renewal. It leaves time for another one before the
// deadline, as long as there is some.
func (l *Lease) tryRenew(ctx context.Context, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, min(l.ttl/6, l.untilDeadline(now)/2))
	defer cancel()
	return l.store.Renew(ctx, l.owner, l.token, l.ttl)
}

// holdFor is how long a lease counts as held after the request that renewed it
// was begun.
func holdFor(ttl time.Duration) time.Duration { return ttl * 2 / 3 }

// jitter returns a duration between half of d and d: replicas that wait for the
// same thing then do not ask at the same time.
func jitter(d time.Duration) time.Duration {
	return d/2 + mathrand.N(d/2+1) //nolint:gosec // nobody gains by guessing it
}

// sleep waits for d. It returns the cause if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
