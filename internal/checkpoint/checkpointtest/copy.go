package checkpointtest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// put stores p or ends the test.
func (h Harness) put(t *testing.T, p schemas.Progress) {
	t.Helper()
	if err := h.Store.Put(t.Context(), p); err != nil {
		t.Fatalf("put %s: %v", p.Op, err)
	}
}

// wantCopy checks what Get returns.
func (h Harness) wantCopy(t *testing.T, want schemas.Progress) {
	t.Helper()
	got, err := h.Store.Get(t.Context())
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
}

// wantNoCopy checks that Get finds nothing.
func (h Harness) wantNoCopy(t *testing.T) {
	t.Helper()
	if p, err := h.Store.Get(t.Context()); !errors.Is(err, checkpoint.ErrNotFound) {
		t.Errorf("get: got %v, %v, want %v", p, err, checkpoint.ErrNotFound)
	}
}

// wantConflict checks that p is refused as too late against at.
func (h Harness) wantConflict(t *testing.T, p, at schemas.Progress, want error) {
	t.Helper()
	err := h.Store.Put(t.Context(), p)
	var conflict *checkpoint.ConflictError
	if !errors.Is(err, want) || !errors.As(err, &conflict) {
		t.Fatalf("put %s over %s: got %v, want a ConflictError that is %v", p.Op, at.Op, err, want)
	}
	if conflict.Fence != at.Fence || conflict.Seq != at.Seq || conflict.Op != at.Op {
		t.Errorf("what stands there: got %d, %d, %s, want %d, %d, %s", conflict.Fence, conflict.Seq, conflict.Op, at.Fence, at.Seq, at.Op)
	}
	h.wantCopy(t, at)
}

// wantCorrupt checks that err is a CorruptError that says reason.
func wantCorrupt(t *testing.T, err error, reason string) {
	t.Helper()
	var corrupt *checkpoint.CorruptError
	if !errors.As(err, &corrupt) {
		t.Fatalf("got %v, want a CorruptError", err)
	}
	if !strings.HasSuffix(corrupt.Key, ":checkpoint") || !strings.Contains(corrupt.Reason, reason) {
		t.Errorf("got key %s, reason %q, want the checkpoint and %q", corrupt.Key, corrupt.Reason, reason)
	}
}

// getErr is the error of a Get.
func (h Harness) getErr(t *testing.T) error {
	t.Helper()
	_, err := h.Store.Get(t.Context())
	return err
}

func noCopy(t *testing.T, h Harness) { h.wantNoCopy(t) }

func putGet(t *testing.T, h Harness) {
	for _, p := range []schemas.Progress{
		{V: 1, Feed: h.Feed, Seq: 1, Op: "minimal", RunID: "r"},
		Progress(h.Feed, 0, 2),
		Progress(h.Feed, 1, 3),
		Progress(h.Feed, 5, 9),
	} {
		h.put(t, p)
		if p.Op == "minimal" {
			// Filters is raw JSON: nothing is written as null, and read as that.
			p.Filters = []byte("null")
		}
		h.wantCopy(t, p)
	}
}

func putTwice(t *testing.T, h Harness) {
	p := Progress(h.Feed, 1, 1)
	h.put(t, p)
	h.put(t, p)
	h.wantCopy(t, p)
	next := Progress(h.Feed, 1, 2)
	h.put(t, next)
	// Its turn is over: as an operation that stands there no more it is stale.
	h.wantConflict(t, p, next, checkpoint.ErrStale)
}

func putFenced(t *testing.T, h Harness) {
	at := Progress(h.Feed, 2, 5)
	h.put(t, at)
	h.wantConflict(t, Progress(h.Feed, 1, 6), at, checkpoint.ErrFenced)
}

func putStale(t *testing.T, h Harness) {
	at := Progress(h.Feed, 2, 5)
	h.put(t, at)
	h.wantConflict(t, Progress(h.Feed, 2, 4), at, checkpoint.ErrStale)
	other := Progress(h.Feed, 2, 5)
	other.Op = "other"
	h.wantConflict(t, other, at, checkpoint.ErrStale)
}

func putBehind(t *testing.T, h Harness) {
	at := Progress(h.Feed, 2, 5)
	h.put(t, at)
	h.wantConflict(t, Progress(h.Feed, 3, 5), at, checkpoint.ErrStale)
}

func largeSeq(t *testing.T, h Harness) {
	const most = 1<<53 - 1
	at := Progress(h.Feed, most, most-1)
	h.put(t, at)
	h.wantConflict(t, Progress(h.Feed, most-1, most), at, checkpoint.ErrFenced)
	h.put(t, Progress(h.Feed, most, most))
	h.wantCopy(t, Progress(h.Feed, most, most))
}

func putImpossible(t *testing.T, h Harness) {
	noRun := Progress(h.Feed, 1, 1)
	noRun.RunID = ""
	for name, p := range map[string]schemas.Progress{
		"zero value":    {},
		"another feed":  Progress(h.Feed+"-b", 1, 1),
		"no run":        noRun,
		"seq too large": Progress(h.Feed, 1, 1<<53),
	} {
		if err := h.Store.Put(t.Context(), p); err == nil {
			t.Errorf("put of %s: got no error", name)
		}
	}
	h.wantNoCopy(t)
}

func wrongType(t *testing.T, h Harness) {
	h.put(t, Progress(h.Feed, 1, 1))
	h.Spoil(nil)
	wantCorrupt(t, h.getErr(t), "not a hash")
	wantCorrupt(t, h.Store.Put(t.Context(), Progress(h.Feed, 1, 2)), "not a hash")
}

func brokenJSON(t *testing.T, h Harness) {
	h.put(t, Progress(h.Feed, 1, 1))
	for _, state := range []string{"{", "null", `{"v":1}`, `{"v":99,"feed":"x","seq":1,"op":"o","run_id":"r"}`} {
		h.Spoil([]byte(state))
		wantCorrupt(t, h.getErr(t), "field state")
	}
	h.wantConflictOverSpoilt(t)
	next := Progress(h.Feed, 1, 2)
	h.put(t, next)
	h.wantCopy(t, next)
}

// wantConflictOverSpoilt checks that the order is kept although the state is
// spoilt: it is in fields of its own.
func (h Harness) wantConflictOverSpoilt(t *testing.T) {
	t.Helper()
	if err := h.Store.Put(t.Context(), Progress(h.Feed, 0, 7)); !errors.Is(err, checkpoint.ErrFenced) {
		t.Errorf("put by an earlier writer: got %v, want %v", err, checkpoint.ErrFenced)
	}
}

func contradiction(t *testing.T, h Harness) {
	h.put(t, Progress(h.Feed, 1, 1))
	state, err := Progress(h.Feed, 1, 2).Encode()
	if err != nil {
		t.Fatal(err)
	}
	h.Spoil(state)
	wantCorrupt(t, h.getErr(t), "seq 1")
}

func otherFeed(t *testing.T, h Harness) {
	h.put(t, Progress(h.Feed, 1, 1))
	state, err := Progress("stranger", 1, 1).Encode()
	if err != nil {
		t.Fatal(err)
	}
	h.Spoil(state)
	wantCorrupt(t, h.getErr(t), "stranger")
}

func repairReplaces(t *testing.T, h Harness) {
	token := h.acquire(t, "a", 0)
	want := Progress(h.Feed, 3, 3)
	otherOp := Progress(h.Feed, 3, 3)
	otherOp.Op = "other"
	for name, damage := range map[string]func(){
		"nothing":         func() { h.repair(t, token, schemas.Progress{}) },
		"a later writer":  func() { h.repair(t, token, Progress(h.Feed, 9, 9)) },
		"an older page":   func() { h.repair(t, token, Progress(h.Feed, 1, 1)) },
		"another op":      func() { h.repair(t, token, otherOp) },
		"broken JSON":     func() { h.Spoil([]byte("{")) },
		"another type":    func() { h.Spoil(nil) },
		"the same record": func() { h.repair(t, token, want) },
	} {
		damage()
		h.repair(t, token, want)
		if t.Failed() {
			t.Fatalf("over %s", name)
		}
		h.wantCopy(t, want)
	}
	h.put(t, Progress(h.Feed, 3, 4))
}

// repair replaces the copy as owner a, or ends the test.
func (h Harness) repair(t *testing.T, token uint64, p schemas.Progress) {
	t.Helper()
	if err := h.Store.Repair(t.Context(), "a", token, p); err != nil {
		t.Fatalf("repair with %q: %v", p.Op, err)
	}
}

func repairRemoves(t *testing.T, h Harness) {
	token := h.acquire(t, "a", 0)
	h.put(t, Progress(h.Feed, 3, 3))
	h.repair(t, token, schemas.Progress{})
	h.wantNoCopy(t)
	h.Spoil(nil)
	h.repair(t, token, schemas.Progress{})
	h.wantNoCopy(t)
}

func repairWithoutLease(t *testing.T, h Harness) {
	at := Progress(h.Feed, 3, 3)
	h.put(t, at)
	refused := func(when string, token uint64) {
		t.Helper()
		err := h.Store.Repair(t.Context(), "a", token, Progress(h.Feed, 4, 4))
		if !errors.Is(err, checkpoint.ErrLost) {
			t.Errorf("repair %s: got %v, want %v", when, err, checkpoint.ErrLost)
		}
		h.wantCopy(t, at)
	}
	refused("without a lease", 1)
	token := h.acquire(t, "a", 0)
	refused("under another token", token+1)
	h.Advance(ttl)
	refused("after the lease expired", token)
	h.acquire(t, "b", 0)
	refused("while another holds the lease", token)
}

func repairTwice(t *testing.T, h Harness) {
	token := h.acquire(t, "a", 0)
	p := Progress(h.Feed, 3, 3)
	h.repair(t, token, p)
	h.repair(t, token, p)
	h.wantCopy(t, p)
}
