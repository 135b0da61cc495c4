package checkpoint_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/secret"
)

// peeker is a store that lets look at its lease.
type peeker interface {
	Acquire(ctx context.Context, owner string, ttl time.Duration, floor uint64) (uint64, error)
	Release(ctx context.Context, owner string, token uint64) error
	Peek(ctx context.Context) (checkpoint.Holder, error)
}

func TestPeekTellsWhoHoldsTheLease(t *testing.T) {
	t.Parallel()
	for name, open := range servers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			store, ok := h.Store.(peeker)
			if !ok {
				t.Fatalf("%T does not let look at its lease", h.Store)
			}
			peek := func(want checkpoint.Holder) {
				t.Helper()
				got, err := store.Peek(t.Context())
				if left := got.TTL; got.Held && (left <= 0 || left > time.Minute) {
					t.Errorf("time left: got %s, want up to a minute", left)
				}
				got.TTL = 0
				if err != nil || got != want {
					t.Errorf("got %+v, %v, want %+v", got, err, want)
				}
			}
			peek(checkpoint.Holder{})
			if _, err := store.Acquire(t.Context(), "host:1:nonce", time.Minute, 6); err != nil {
				t.Fatal(err)
			}
			peek(checkpoint.Holder{Held: true, Owner: "host:1:nonce", Token: 7})
			h.Advance(time.Minute)
			peek(checkpoint.Holder{})
			token, err := store.Acquire(t.Context(), "b", time.Minute, 0)
			if err != nil {
				t.Fatal(err)
			}
			peek(checkpoint.Holder{Held: true, Owner: "b", Token: 8})
			if err := store.Release(t.Context(), "b", token); err != nil {
				t.Fatal(err)
			}
			peek(checkpoint.Holder{})
		})
	}
}

func TestPeekShowsALeaseThatWasSetByHand(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis://"+m.Addr())
	const lease = "jobo:{career-sites}:lease"
	if err := m.Set(lease, "maintenance"); err != nil {
		t.Fatal(err)
	}
	got, err := s.Peek(t.Context())
	if err != nil || !got.Held || got.Owner != "maintenance" || got.Token != 0 || got.TTL >= 0 {
		t.Errorf("got %+v, %v, want maintenance for ever", got, err)
	}
	m.Del(lease)
	m.HSet(lease, "a", "b")
	var corrupt *checkpoint.CorruptError
	if _, err := s.Peek(t.Context()); !errors.As(err, &corrupt) {
		t.Errorf("got %v, want the key to be corrupt", err)
	}
	m.Close()
	_, err = s.Peek(t.Context())
	wantDown(t, err, true, "connection refused")
}

func TestADiagnosisIsSilentAboutWhatTheServerDoesNotTell(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t) // knows TIME, a little INFO and no CONFIG
	m.SetTime(time.Now().Add(time.Hour))
	s := mustOpen(t, "redis://"+m.Addr())
	d, err := s.Diagnose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.Eviction != checkpoint.Unknown || d.Snapshots != checkpoint.Unknown || d.MaxMemory != -1 || d.Evicts() {
		t.Errorf("got %+v, want eviction, snapshots and memory unknown", d)
	}
	if !d.ClockKnown || d.Clock < 59*time.Minute || d.Clock > time.Hour+d.RoundTrip {
		t.Errorf("clock: got %s, want about an hour ahead", d.Clock)
	}
	m.Close()
	_, err = s.Diagnose(t.Context())
	wantDown(t, err, true, "connection refused")
}

func TestARealServerIsDiagnosed(t *testing.T) {
	t.Parallel()
	url := "redis://127.0.0.1:" + realServer(t, "maxmemory 100mb\nmaxmemory-policy allkeys-lru\nappendonly yes")
	d, err := mustOpen(t, url).Diagnose(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.Version == checkpoint.Unknown || d.Role != "master" || d.AppendOnly != "yes" || d.Snapshots != "no" {
		t.Errorf("got %+v, want a version, a master, the AOF and no snapshots", d)
	}
	if !d.Evicts() || d.Eviction != "allkeys-lru" || d.MaxMemory != 100<<20 || !d.ClockKnown {
		t.Errorf("got %+v, want allkeys-lru at 100 MiB, and a clock", d)
	}
}

func TestARealServerThatRefusesToTellIsNoError(t *testing.T) {
	t.Parallel()
	port := realServer(t, "")
	args := []any{"ACL", "SETUSER", "jobo", "on", ">hunter2", "~jobo:{career-sites}:*"}
	for _, right := range rights() {
		args = append(args, right)
	}
	c := control(t, port)
	do(t, c, args...)
	s, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: secret.New("redis://jobo:hunter2@127.0.0.1:" + port), Feed: "career-sites"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	d, err := s.Diagnose(t.Context())
	if err != nil || d.Version != checkpoint.Unknown || d.ClockKnown || d.Evicts() {
		t.Errorf("without rights: got %+v, %v, want nothing known", d, err)
	}
	// Without CONFIG, what INFO tells is left.
	do(t, c, "ACL", "SETUSER", "jobo", "+info")
	d, err = s.Diagnose(t.Context())
	if err != nil || d.Eviction != "noeviction" || d.AppendOnly != "no" || d.Snapshots != checkpoint.Unknown {
		t.Errorf("with INFO alone: got %+v, %v, want noeviction, no AOF, and snapshots unknown", d, err)
	}
}
