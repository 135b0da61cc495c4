package checkpointtest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

// Fetched is what a memory of what was fetched does; see checkpoint.RedisFetched
// for the contract.
type Fetched interface {
	Recall(ctx context.Context, ids []string) (map[string]checkpoint.Known, error)
	Remember(ctx context.Context, known ...checkpoint.Known) error
	Forget(ctx context.Context, ids ...string) error
	Marks(ctx context.Context) (checkpoint.Marks, error)
	SetMarks(ctx context.Context, marks checkpoint.Marks) error
	Corrupt() (n int64, last error)
}

// NotFoundTTL is that of a Memo.
const NotFoundTTL = time.Hour

// Memo is a memory that knows nothing yet.
type Memo struct {
	Fetched Fetched
	// Wipe loses all state.
	Wipe func()
	// Spoil replaces what is kept of a company.
	Spoil func(id, text string)
	// SetNow sets the caller's clock, which stands still.
	SetNow func(now time.Time)
}

// RunFetched runs the conformance suite of memories. open returns a Memo of its
// own for each call, and cleans up with t.
func RunFetched(t *testing.T, open func(t *testing.T) Memo) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Memo){
		"what is remembered is recalled":                     recalled,
		"a later version wins in either order":               laterVersion,
		"a later fetch of the same version wins":             laterFetch,
		"an equal entry changes nothing":                     equalEntry,
		"an unknown version is before all others":            unknownVersion,
		"the newest version goes forward only":               newestForward,
		"the newest version alone needs an entry":            newestAlone,
		"a company that was missing is forgotten after":      missingExpires,
		"what is forgotten of a missing company stays so":    missingReplaced,
		"a late report of a missing company tells no lie":    missingLate,
		"other outcomes never expire":                        neverExpires,
		"several entries of one company are one":             severalOfOne,
		"the precision is a nanosecond and a millisecond":    precision,
		"an ETag is kept byte by byte unless it is too long": etags,
		"thousands of companies fit into a call":             thousands,
		"a forgotten company is unknown":                     forget,
		"a wipe loses entries and marks":                     wipeFetched,
		"what cannot be read is unknown and mended":          spoilt,
		"marks move forward only":                            marks,
		"large marks stay exact":                             largeMarks,
		"impossible entries and marks are refused":           impossibleKnown,
		"no memory call succeeds under an ended context":     endedFetchedContext,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := open(t)
			m.SetNow(noon)
			test(t, m)
		})
	}
}

// Version is the nth version of a company.
func Version(n int) string {
	return noon.AddDate(0, 0, -1).Add(time.Duration(n) * time.Nanosecond).Format("2006-01-02T15:04:05.000000000Z")
}

// Profile is what is known of a company whose nth version was fetched at noon.
func Profile(id string, n int) checkpoint.Known {
	return checkpoint.Known{ID: id, Version: Version(n), Newest: Version(n), At: noon, Outcome: checkpoint.Profile}
}

// known returns Profile("a", n) with changes.
func known(n int, change func(*checkpoint.Known)) checkpoint.Known {
	k := Profile("a", n)
	change(&k)
	return k
}

// missing is a company that was not found at a time.
func missing(n int, at time.Time) checkpoint.Known {
	return known(n, func(k *checkpoint.Known) { k.Outcome, k.At = checkpoint.Missing, at })
}

// newest tells of the nth version of company a alone.
func newest(n int) checkpoint.Known { return checkpoint.Known{ID: "a", Newest: Version(n)} }

// remember remembers all entries in one call, or ends the test.
func (m Memo) remember(t *testing.T, known ...checkpoint.Known) {
	t.Helper()
	if err := m.Fetched.Remember(t.Context(), known...); err != nil {
		t.Fatalf("remember: %v", err)
	}
}

// want checks all that is known of the companies a, b and c.
func (m Memo) want(t *testing.T, want ...checkpoint.Known) {
	t.Helper()
	got, err := m.Fetched.Recall(t.Context(), []string{"a", "b", "c"})
	if err != nil {
		t.Fatalf("recall: %v", err)
	}
	if diff := cmp.Diff(byID(want), got); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
}

func byID(list []checkpoint.Known) map[string]checkpoint.Known {
	m := make(map[string]checkpoint.Known, len(list))
	for _, k := range list {
		m[k.ID] = k
	}
	return m
}

// inEitherOrder checks that two entries of company a come to the same.
func (m Memo) inEitherOrder(t *testing.T, one, other, want checkpoint.Known) {
	t.Helper()
	for _, entries := range [][]checkpoint.Known{{one, other}, {other, one}} {
		for _, joined := range []bool{true, false} {
			m.Wipe()
			if joined {
				m.remember(t, entries...)
			} else {
				m.remember(t, entries[0])
				m.remember(t, entries[1])
			}
			m.want(t, want)
		}
	}
}

// ids are n of them.
func ids(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	}
	return list
}
