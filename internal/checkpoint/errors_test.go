package checkpoint_test

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

func TestErrorsSayWhatToKnow(t *testing.T) {
	t.Parallel()
	since := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for want, err := range map[string]error{
		"lease held by another instance, host:1:nonce (token 7), 3.2 s left": &checkpoint.BusyError{Owner: "host:1:nonce", Token: 7, TTL: 3210 * time.Millisecond},
		`lease held by "maintenance" without an expiry: it was set by hand, delete it to go on`: &checkpoint.BusyError{
			Owner: "maintenance", TTL: -time.Millisecond,
		},
		"put checkpoint: the copy is as far or further: it stands at fence 2, seq 5, op o": &checkpoint.ConflictError{
			Err: checkpoint.ErrStale, Fence: 2, Seq: 5, Op: "o",
		},
		"key k is corrupt: not a hash (it is safe to delete it)":                &checkpoint.CorruptError{Key: "k", Reason: "not a hash"},
		"key k is corrupt: not a hash (mend or delete it; money is lost)":       &checkpoint.CorruptError{Key: "k", Reason: "not a hash", Loses: "money is lost"},
		"lease lost (since 2026-11-24T10:00:00Z)":                               &checkpoint.LostError{Err: checkpoint.ErrLost, Since: since},
		"lease given up: not renewed in time (since 2026-11-24T10:00:00Z): EOF": &checkpoint.LostError{Err: checkpoint.ErrExpired, Since: since, Cause: io.EOF},
		"redis at h:1: connection refused; check that it runs (EOF)": &checkpoint.UnavailableError{
			Addr: "h:1", Reason: "connection refused", Fix: "check that it runs", Err: io.EOF,
		},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestErrorsUnwrapToWhatCallersBranchOn(t *testing.T) {
	t.Parallel()
	expired := &checkpoint.LostError{Err: checkpoint.ErrExpired, Cause: io.EOF}
	if !errors.Is(expired, checkpoint.ErrExpired) || !errors.Is(expired, io.EOF) || errors.Is(expired, checkpoint.ErrLost) {
		t.Errorf("a LostError is not exactly its reason and its cause")
	}
	if fenced := (&checkpoint.ConflictError{Err: checkpoint.ErrFenced}); !errors.Is(fenced, checkpoint.ErrFenced) || errors.Is(fenced, checkpoint.ErrStale) {
		t.Errorf("a ConflictError is not exactly its reason")
	}
}
