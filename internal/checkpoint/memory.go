package checkpoint

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// Memory is a store in the memory of one process, with the semantics of Redis.
// Several owners may share it, as processes share a server. It starts no
// goroutine and takes the time from package time, so that it works under
// testing/synctest.
//
// The methods after Repair play what happens to a server.
type Memory struct {
	feed string
	keys keys

	mu    sync.Mutex
	state memoryState
	down  error
}

// memoryState is all that a server would lose.
type memoryState struct {
	owner   string
	token   uint64
	expires time.Time
	fence   uint64

	copied    *stored
	wrongType bool
}

// NewMemory returns an empty store for feed. It fails on a name that Redis keys
// cannot carry.
func NewMemory(feed string) (*Memory, error) {
	k, err := feedKeys(feed)
	if err != nil {
		return nil, err
	}
	return &Memory{feed: feed, keys: k}, nil
}

// enter locks m for one call. The caller unlocks it if there is no error.
func (m *Memory) enter(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	if m.down != nil {
		defer m.mu.Unlock()
		return m.down
	}
	return nil
}

// held reports whether the lease stands under owner and token.
func (s *memoryState) held(owner string, token uint64) bool {
	return s.owner == owner && s.token == token && time.Now().Before(s.expires)
}

// Acquire is Redis.Acquire.
func (m *Memory) Acquire(ctx context.Context, owner string, ttl time.Duration, floor uint64) (uint64, error) {
	if err := checkAcquire(owner, ttl, floor); err != nil {
		return 0, err
	}
	if err := m.enter(ctx); err != nil {
		return 0, fmt.Errorf("acquire lease: %w", err)
	}
	defer m.mu.Unlock()
	s, now := &m.state, time.Now()
	switch {
	case s.owner == "" || !now.Before(s.expires):
		s.fence = max(s.fence, floor) + 1
		s.owner, s.token = owner, s.fence
	case s.owner != owner:
		return 0, &BusyError{Owner: s.owner, Token: s.token, TTL: s.expires.Sub(now)}
	}
	s.expires = now.Add(ttl)
	return s.token, nil
}

// Renew is Redis.Renew.
func (m *Memory) Renew(ctx context.Context, owner string, token uint64, ttl time.Duration) error {
	if err := checkTTL(ttl); err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return fmt.Errorf("renew lease: %w", err)
	}
	defer m.mu.Unlock()
	if !m.state.held(owner, token) {
		return ErrLost
	}
	m.state.expires = time.Now().Add(ttl)
	return nil
}

// Release is Redis.Release.
func (m *Memory) Release(ctx context.Context, owner string, token uint64) error {
	if err := m.enter(ctx); err != nil {
		return fmt.Errorf("release lease: %w", err)
	}
	defer m.mu.Unlock()
	if m.state.held(owner, token) {
		m.state.owner = ""
	}
	return nil
}

// Held is Redis.Held.
func (m *Memory) Held(ctx context.Context, owner string, token uint64) error {
	if err := m.enter(ctx); err != nil {
		return fmt.Errorf("check lease: %w", err)
	}
	defer m.mu.Unlock()
	if !m.state.held(owner, token) {
		return ErrLost
	}
	return nil
}

// Get is Redis.Get.
func (m *Memory) Get(ctx context.Context) (schemas.Progress, error) {
	if err := m.enter(ctx); err != nil {
		return schemas.Progress{}, fmt.Errorf("get checkpoint: %w", err)
	}
	defer m.mu.Unlock()
	switch {
	case m.state.wrongType:
		return schemas.Progress{}, m.corrupt()
	case m.state.copied == nil:
		return schemas.Progress{}, ErrNotFound
	}
	return m.state.copied.decode(m.feed, m.keys.checkpoint)
}

// Put is Redis.Put.
func (m *Memory) Put(ctx context.Context, p schemas.Progress) error {
	state, err := encode(m.feed, p)
	if err != nil {
		return err
	}
	if err := m.enter(ctx); err != nil {
		return fmt.Errorf("put checkpoint: %w", err)
	}
	defer m.mu.Unlock()
	if m.state.wrongType {
		return m.corrupt()
	}
	if at := m.state.copied; at != nil {
		// What is in copied was encoded by this package: it parses.
		fence, _ := strconv.ParseUint(at.fence, 10, 64)
		seq, _ := strconv.ParseUint(at.seq, 10, 64)
		switch {
		case at.op == p.Op:
			return nil
		case p.Fence < fence:
			return &ConflictError{Err: ErrFenced, Fence: fence, Seq: seq, Op: at.op}
		case p.Seq <= seq:
			return &ConflictError{Err: ErrStale, Fence: fence, Seq: seq, Op: at.op}
		}
	}
	m.set(p, state)
	return nil
}

// Repair is Redis.Repair.
func (m *Memory) Repair(ctx context.Context, owner string, token uint64, p schemas.Progress) error {
	var state []byte
	if !isZero(p) {
		var err error
		if state, err = encode(m.feed, p); err != nil {
			return err
		}
	}
	if err := m.enter(ctx); err != nil {
		return fmt.Errorf("repair checkpoint: %w", err)
	}
	defer m.mu.Unlock()
	if !m.state.held(owner, token) {
		return ErrLost
	}
	m.state.copied, m.state.wrongType = nil, false
	if state != nil {
		m.set(p, state)
	}
	return nil
}

// set stores p, whose JSON is state.
func (m *Memory) set(p schemas.Progress, state []byte) {
	m.state.copied = &stored{
		fence: strconv.FormatUint(p.Fence, 10),
		seq:   strconv.FormatUint(p.Seq, 10),
		op:    p.Op,
		state: state,
	}
}

// corrupt is what Redis answers to a command for another type.
func (m *Memory) corrupt() error {
	return &CorruptError{Key: m.keys.checkpoint, Reason: "not a hash"}
}

// Wipe plays FLUSHALL: lease, fence and copy are gone.
func (m *Memory) Wipe() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state = memoryState{}
}

// Advance lets d pass for the lease alone, without a wait.
func (m *Memory) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.expires = m.state.expires.Add(-d)
}

// Steal gives the lease to owner, whoever holds it, and returns the new token:
// what a jump of the server's clock does to a live holder.
func (m *Memory) Steal(owner string, ttl time.Duration) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.state
	s.fence++
	s.owner, s.token, s.expires = owner, s.fence, time.Now().Add(ttl)
	return s.token
}

// SetError makes every call fail with err, as if the server were away; nil
// brings it back with its data.
func (m *Memory) SetError(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = err
}

// Snapshot returns a function that brings back all that is there now: a
// fail-over to a replica that had not got the last writes.
func (m *Memory) Snapshot() (restore func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := m.state
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.state = was
	}
}

// Spoil replaces what the copy holds as its state, and leaves its other fields
// as they are. Nil puts a value of another type at the key.
func (m *Memory) Spoil(state []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if state == nil {
		m.state.copied, m.state.wrongType = nil, true
		return
	}
	spoiled := stored{}
	if m.state.copied != nil {
		spoiled = *m.state.copied
	}
	spoiled.state = state
	m.state.copied = &spoiled
}
