package checkpointtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// ttl is long beside what a test takes.
const ttl = time.Minute

// acquire takes the lease or ends the test.
func (h Harness) acquire(t *testing.T, owner string, floor uint64) uint64 {
	t.Helper()
	token, err := h.Store.Acquire(t.Context(), owner, ttl, floor)
	if err != nil {
		t.Fatalf("acquire for %s: %v", owner, err)
	}
	return token
}

// wantHeld checks whether the lease stands under owner and token.
func (h Harness) wantHeld(t *testing.T, owner string, token uint64, want error) {
	t.Helper()
	if err := h.Store.Held(t.Context(), owner, token); !errors.Is(err, want) {
		t.Errorf("held by %s under %d: got %v, want %v", owner, token, err, want)
	}
}

func firstToken(t *testing.T, h Harness) {
	if got := h.acquire(t, "a", 41); got != 42 {
		t.Errorf("token: got %d, want 42", got)
	}
	h.wantHeld(t, "a", 42, nil)
}

func secondOwner(t *testing.T, h Harness) {
	token := h.acquire(t, "host:1:nonce", 0)
	_, err := h.Store.Acquire(t.Context(), "b", ttl, 0)
	var busy *checkpoint.BusyError
	if !errors.As(err, &busy) {
		t.Fatalf("acquire by b: got %v, want a BusyError", err)
	}
	if busy.Owner != "host:1:nonce" || busy.Token != token {
		t.Errorf("holder: got %s, %d, want host:1:nonce, %d", busy.Owner, busy.Token, token)
	}
	if busy.TTL <= 0 || busy.TTL > ttl {
		t.Errorf("time left: got %s, want within %s", busy.TTL, ttl)
	}
	h.wantHeld(t, "host:1:nonce", token, nil)
}

func askAgain(t *testing.T, h Harness) {
	token := h.acquire(t, "a", 0)
	h.Advance(ttl * 2 / 3)
	if got := h.acquire(t, "a", 0); got != token {
		t.Errorf("second token: got %d, want %d", got, token)
	}
	h.Advance(ttl * 2 / 3)
	h.wantHeld(t, "a", token, nil)
}

func released(t *testing.T, h Harness) {
	first := h.acquire(t, "a", 0)
	if err := h.Store.Release(t.Context(), "a", first); err != nil {
		t.Fatalf("release: %v", err)
	}
	h.wantHeld(t, "a", first, checkpoint.ErrLost)
	if second := h.acquire(t, "b", 0); second <= first {
		t.Errorf("token after %d: got %d, want more", first, second)
	}
}

func expired(t *testing.T, h Harness) {
	first := h.acquire(t, "a", 0)
	h.Advance(ttl)
	h.wantHeld(t, "a", first, checkpoint.ErrLost)
	if err := h.Store.Renew(t.Context(), "a", first, ttl); !errors.Is(err, checkpoint.ErrLost) {
		t.Errorf("renew of an expired lease: got %v, want %v", err, checkpoint.ErrLost)
	}
	if second := h.acquire(t, "b", 0); second <= first {
		t.Errorf("token after %d: got %d, want more", first, second)
	}
}

func renewed(t *testing.T, h Harness) {
	token := h.acquire(t, "a", 0)
	for range 3 {
		h.Advance(ttl * 2 / 3)
		if err := h.Store.Renew(t.Context(), "a", token, ttl); err != nil {
			t.Fatalf("renew: %v", err)
		}
	}
	h.wantHeld(t, "a", token, nil)
}

func notTheirs(t *testing.T, h Harness) {
	token := h.acquire(t, "a", 0)
	for _, c := range []struct {
		owner string
		token uint64
	}{{"b", token}, {"a", token + 1}, {"a", token - 1}} {
		h.wantHeld(t, c.owner, c.token, checkpoint.ErrLost)
		if err := h.Store.Renew(t.Context(), c.owner, c.token, ttl); !errors.Is(err, checkpoint.ErrLost) {
			t.Errorf("renew by %s under %d: got %v, want %v", c.owner, c.token, err, checkpoint.ErrLost)
		}
	}
}

func releaseByAnother(t *testing.T, h Harness) {
	token := h.acquire(t, "a", 0)
	if err := h.Store.Release(t.Context(), "b", token); err != nil {
		t.Errorf("release by b: %v", err)
	}
	if err := h.Store.Release(t.Context(), "a", token+1); err != nil {
		t.Errorf("release under another token: %v", err)
	}
	h.wantHeld(t, "a", token, nil)
}

func floorAfterWipe(t *testing.T, h Harness) {
	first := h.acquire(t, "a", 7)
	h.Wipe()
	h.wantHeld(t, "a", first, checkpoint.ErrLost)
	if second := h.acquire(t, "b", first); second != first+1 {
		t.Errorf("token: got %d, want %d", second, first+1)
	}
	h.wantHeld(t, "a", first, checkpoint.ErrLost)
}

func floorAfterRollback(t *testing.T, h Harness) {
	restore := h.Snapshot()
	first := h.acquire(t, "a", 0)
	restore()
	if second := h.acquire(t, "b", first); second != first+1 {
		t.Errorf("token: got %d, want %d", second, first+1)
	}
}

func largeTokens(t *testing.T, h Harness) {
	const floor = 1<<53 - 4
	for i, owner := range []string{"a", "b"} {
		want := uint64(floor + 1 + i)
		if got := h.acquire(t, owner, floor); got != want {
			t.Errorf("token of %s: got %d, want %d", owner, got, want)
		}
		h.wantHeld(t, owner, want, nil)
		h.Advance(ttl)
	}
}

func impossibleLeases(t *testing.T, h Harness) {
	for name, call := range map[string]func() (uint64, error){
		"no owner":          func() (uint64, error) { return h.Store.Acquire(t.Context(), "", ttl, 0) },
		"owner with a bar":  func() (uint64, error) { return h.Store.Acquire(t.Context(), "a|1", ttl, 0) },
		"no ttl":            func() (uint64, error) { return h.Store.Acquire(t.Context(), "a", 0, 0) },
		"ttl below 1 ms":    func() (uint64, error) { return h.Store.Acquire(t.Context(), "a", time.Microsecond, 0) },
		"floor beyond 2^53": func() (uint64, error) { return h.Store.Acquire(t.Context(), "a", ttl, 1<<53) },
		"renewal, no ttl":   func() (uint64, error) { return 0, h.Store.Renew(t.Context(), "a", 1, 0) },
	} {
		if token, err := call(); err == nil {
			t.Errorf("%s: got token %d, want an error", name, token)
		}
	}
	h.acquire(t, "b", 0)
}

func endedContext(t *testing.T, h Harness) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := Progress(h.Feed, 1, 1)
	_, acquireErr := h.Store.Acquire(ctx, "a", ttl, 0)
	_, getErr := h.Store.Get(ctx)
	for name, err := range map[string]error{
		"acquire": acquireErr, "get": getErr, "put": h.Store.Put(ctx, p),
		"renew": h.Store.Renew(ctx, "a", 1, ttl), "release": h.Store.Release(ctx, "a", 1),
		"held": h.Store.Held(ctx, "a", 1), "repair": h.Store.Repair(ctx, "a", 1, p),
	} {
		if !errors.Is(err, context.Canceled) || checkpoint.IsDown(err) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
}
