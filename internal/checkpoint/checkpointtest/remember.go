package checkpointtest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/internal/checkpoint"
)

func recalled(t *testing.T, m Memo) {
	m.want(t)
	b := checkpoint.Known{ID: "b", Newest: Version(3), At: noon, Outcome: checkpoint.Dead, ETag: `W/"x y"`}
	c := checkpoint.Known{ID: "c", At: noon, Outcome: checkpoint.Missing}
	m.remember(t, Profile("a", 1), b, c)
	m.want(t, Profile("a", 1), b, c)
	m.remember(t)
	if got, err := m.Fetched.Recall(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("recall of nobody: got %v, %v, want nothing", got, err)
	}
}

func laterVersion(t *testing.T, m Memo) {
	old := known(1, func(k *checkpoint.Known) { k.At, k.ETag = noon.Add(time.Hour), `"1"` })
	m.inEitherOrder(t, old, Profile("a", 2), Profile("a", 2))
}

func laterFetch(t *testing.T, m Memo) {
	later := known(1, func(k *checkpoint.Known) {
		k.At, k.ETag, k.Outcome = noon.Add(time.Millisecond), `"2"`, checkpoint.Dead
	})
	m.inEitherOrder(t, Profile("a", 1), later, later)
}

func equalEntry(t *testing.T, m Memo) {
	m.remember(t, Profile("a", 1))
	m.remember(t, known(1, func(k *checkpoint.Known) { k.ETag, k.Outcome = `"2"`, checkpoint.Dead }))
	m.want(t, Profile("a", 1))
}

func unknownVersion(t *testing.T, m Memo) {
	unknown := checkpoint.Known{ID: "a", At: noon.Add(time.Hour), Outcome: checkpoint.Profile}
	m.remember(t, unknown)
	m.want(t, unknown)
	first := known(0, func(k *checkpoint.Known) { k.Version = "0000-01-01T00:00:00.000000000Z"; k.Newest = k.Version })
	m.inEitherOrder(t, unknown, first, first)
}

func newestForward(t *testing.T, m Memo) {
	seen := func(n, newest int) checkpoint.Known {
		return known(n, func(k *checkpoint.Known) { k.Newest = Version(newest) })
	}
	m.inEitherOrder(t, seen(1, 1), seen(2, 1), Profile("a", 2)) // Newest is Version at least
	m.inEitherOrder(t, seen(1, 5), seen(2, 2), seen(2, 5))      // also with an entry that is older
	m.remember(t, newest(7), newest(6))
	m.want(t, seen(2, 7))
}

func newestAlone(t *testing.T, m Memo) {
	m.remember(t, newest(1))
	m.want(t)
	m.remember(t, Profile("a", 2))
	m.remember(t, newest(1), checkpoint.Known{ID: "a"}, checkpoint.Known{ID: "b"})
	m.want(t, Profile("a", 2))
}

func missingExpires(t *testing.T, m Memo) {
	m.remember(t, missing(1, noon))
	m.SetNow(noon.Add(NotFoundTTL - time.Millisecond))
	m.want(t, missing(1, noon))
	m.SetNow(noon.Add(NotFoundTTL))
	m.want(t)
}

func missingReplaced(t *testing.T, m Memo) {
	m.remember(t, missing(5, noon))
	m.SetNow(noon.Add(NotFoundTTL))
	m.remember(t, newest(9))
	m.want(t)
	// It is older, but there is nothing that it would be older than.
	m.remember(t, Profile("a", 1))
	m.want(t, Profile("a", 1))
}

func missingLate(t *testing.T, m Memo) {
	late := missing(2, noon.Add(-NotFoundTTL))
	m.remember(t, late)
	m.want(t)
	m.inEitherOrder(t, Profile("a", 3), late, Profile("a", 3))
	m.Wipe()
	m.remember(t, Profile("a", 1))
	m.remember(t, late)
	m.want(t, known(1, func(k *checkpoint.Known) { k.Newest = Version(2) }))
}

func neverExpires(t *testing.T, m Memo) {
	dead := checkpoint.Known{ID: "b", At: noon, Outcome: checkpoint.Dead}
	m.remember(t, Profile("a", 1), dead)
	m.SetNow(noon.AddDate(10, 0, 0))
	m.want(t, Profile("a", 1), dead)
}

func severalOfOne(t *testing.T, m Memo) {
	m.remember(t, newest(9), Profile("a", 2), Profile("b", 1), newest(4), Profile("a", 3), Profile("a", 1))
	m.want(t, known(3, func(k *checkpoint.Known) { k.Newest = Version(4) }), Profile("b", 1))
}

func precision(t *testing.T, m Memo) {
	for _, version := range []string{
		"2026-11-24T09:00:00.123456789Z", "0001-01-01T00:00:00.000000000Z", "9999-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.000000001Z",
	} {
		m.Wipe()
		k := known(0, func(k *checkpoint.Known) { k.Version, k.Newest = version, version })
		k.At = noon.Add(1999 * time.Microsecond).In(time.FixedZone("west", -3600))
		m.remember(t, k)
		k.At = noon.Add(time.Millisecond)
		m.want(t, k)
	}
}

func etags(t *testing.T, m Memo) {
	k := known(1, func(k *checkpoint.Known) { k.ETag, k.Newest = " \"\x00\xff\n "+strings.Repeat("e", 250), Version(2) })
	m.remember(t, k)
	m.want(t, k)
	k.At, k.ETag = k.At.Add(time.Second), k.ETag+"e"
	m.remember(t, k)
	k.ETag = ""
	m.want(t, k)
}

func thousands(t *testing.T, m Memo) {
	var all []checkpoint.Known
	for _, id := range ids(2500) {
		all = append(all, Profile(id, 1))
	}
	m.remember(t, all...)
	got, err := m.Fetched.Recall(t.Context(), append(ids(2500), ids(1)[0], "unknown"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(byID(all), got); diff != "" {
		t.Errorf("known (-want +got):\n%s", diff)
	}
	if err := m.Fetched.Forget(t.Context(), ids(2499)...); err != nil {
		t.Fatal(err)
	}
	if got, err := m.Fetched.Recall(t.Context(), ids(2500)); err != nil || len(got) != 1 {
		t.Errorf("after all but one were forgotten: got %d, %v, want 1", len(got), err)
	}
}

func forget(t *testing.T, m Memo) {
	m.remember(t, Profile("a", 5), Profile("b", 1))
	for range 2 {
		if err := m.Fetched.Forget(t.Context(), "a", "c"); err != nil {
			t.Fatal(err)
		}
		m.want(t, Profile("b", 1))
	}
	m.remember(t, Profile("a", 1))
	m.want(t, Profile("a", 1), Profile("b", 1))
}

func impossibleKnown(t *testing.T, m Memo) {
	for name, change := range map[string]func(*checkpoint.Known){
		"no id":               func(k *checkpoint.Known) { k.ID = "" },
		"no time":             func(k *checkpoint.Known) { k.At = time.Time{} },
		"a time far away":     func(k *checkpoint.Known) { k.At = time.UnixMilli(1 << 48) },
		"no outcome":          func(k *checkpoint.Known) { k.Outcome = "" },
		"an unknown outcome":  func(k *checkpoint.Known) { k.Outcome = "p" },
		"a version in words":  func(k *checkpoint.Known) { k.Version = "v1" },
		"a version of a zone": func(k *checkpoint.Known) { k.Version = "2026-11-24T09:00:00.000000000+01:00" },
		"a shorter version":   func(k *checkpoint.Known) { k.Newest = "2026-11-24T09:00:00Z" },
		"a comma":             func(k *checkpoint.Known) { k.Newest = "2026-11-24T09:00:00,000000000Z" },
	} {
		// The entry before it is not remembered either.
		if err := m.Fetched.Remember(t.Context(), Profile("b", 1), known(1, change)); err == nil || checkpoint.IsDown(err) {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	for name, bad := range map[string]checkpoint.Marks{
		"a negative mark": {"t/0": 1, "t/1": -1}, "a mark of 2^53": {"t/0": 1 << 53}, "no name": {"": 1},
	} {
		if err := m.Fetched.SetMarks(t.Context(), bad); err == nil || checkpoint.IsDown(err) {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
	m.want(t)
	m.wantMarks(t, checkpoint.Marks{})
}

func endedFetchedContext(t *testing.T, m Memo) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, recallErr := m.Fetched.Recall(ctx, []string{"a"})
	_, marksErr := m.Fetched.Marks(ctx)
	for name, err := range map[string]error{
		"recall": recallErr, "marks": marksErr, "remember": m.Fetched.Remember(ctx, Profile("a", 1)),
		"forget": m.Fetched.Forget(ctx, "a"), "set marks": m.Fetched.SetMarks(ctx, checkpoint.Marks{"t/0": 1}),
	} {
		if !errors.Is(err, context.Canceled) || checkpoint.IsDown(err) {
			t.Errorf("%s: got %v, want %v", name, err, context.Canceled)
		}
	}
}
