package checkpoint_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
)

func TestKeysOfWhatWasFetchedShareASlotWhateverTheFeed(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	f := mustOpen(t, "redis://"+m.Addr()).Fetched(checkpoint.FetchedOptions{})
	use(t, f)
	var buckets, marks int
	for _, key := range m.Keys() {
		var n int
		switch _, err := fmt.Sscanf(key, "jobo:{companies}:fetched:%d", &n); {
		case key == "jobo:{companies}:fetched:marks":
			marks++
		case err == nil && n >= 0 && n < 4096:
			buckets++
		default:
			t.Errorf("key %s: want a bucket or the marks", key)
		}
		if m.TTL(key) != 0 {
			t.Errorf("key %s expires, want it kept", key)
		}
	}
	if buckets != 2 || marks != 1 {
		t.Errorf("got %d buckets and %d marks, want 2 and 1", buckets, marks)
	}
}

// use goes through every call once, and leaves two companies and a mark.
func use(t *testing.T, f checkpointtest.Fetched) {
	t.Helper()
	for what, call := range calls(t, f) {
		if err := call(); err != nil {
			t.Errorf("call %d: %v", what, err)
		}
	}
}

func calls(t *testing.T, f checkpointtest.Fetched) []func() error {
	t.Helper()
	return []func() error{
		func() error {
			return f.Remember(t.Context(), checkpointtest.Profile("a", 1), checkpointtest.Profile("b", 1), checkpointtest.Profile("c", 1))
		},
		func() error { _, err := f.Recall(t.Context(), []string{"a", "b", "c"}); return err },
		func() error { return f.Forget(t.Context(), "c") },
		func() error { return f.SetMarks(t.Context(), checkpoint.Marks{"t/0": 5}) },
		func() error { _, err := f.Marks(t.Context()); return err },
	}
}

func TestALostReplyRemembersOnce(t *testing.T) {
	t.Parallel()
	for name, server := range replyServers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p := throughProxy(t, server)
			f := s.FetchedAt("jobo:{"+s.Feed()+"}:fetched:", fetchedOptions)
			admin := newAdmin(t, server, s.Feed())
			t.Cleanup(func() { admin.wipePrefix(f.Prefix()) })
			f.SetClock(func() time.Time { return checkpointtest.Profile("", 1).At })
			use(t, f) // so that the server knows the scripts
			lost := func(command string, call func() error) {
				t.Helper()
				p.lose(command, 1)
				if err := call(); err != nil || p.calls() != 2 {
					t.Errorf("%s: got %v after %d calls, want success after 2", command, err, p.calls())
				}
			}
			next := checkpointtest.Profile("a", 2)
			next.ETag = `"2"`
			lost("evalsha", func() error { return f.Remember(t.Context(), next, checkpointtest.Profile("d", 1)) })
			lost("evalsha", func() error { return f.SetMarks(t.Context(), checkpoint.Marks{"t/0": 7, "t/1": 1}) })
			lost("hdel", func() error { return f.Forget(t.Context(), "d", "b") })
			lost("hgetall", func() error {
				got, err := f.Marks(t.Context())
				if diff := cmp.Diff(checkpoint.Marks{"t/0": 7, "t/1": 1}, got); diff != "" {
					t.Errorf("marks (-want +got):\n%s", diff)
				}
				return err
			})
			lost("hmget", func() error {
				got, err := f.Recall(t.Context(), []string{"a", "b", "c", "d"})
				if diff := cmp.Diff(map[string]checkpoint.Known{"a": next}, got); diff != "" {
					t.Errorf("known (-want +got):\n%s", diff)
				}
				return err
			})
			if n, last := f.Corrupt(); n != 0 || last != nil {
				t.Errorf("corrupt: got %d, %v, want none", n, last)
			}
		})
	}
}

func TestABucketOrMarksOfAnotherTypeAreUnknownAndMended(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	f := mustOpen(t, "redis://"+m.Addr()).Fetched(checkpoint.FetchedOptions{})
	bucket, marks := f.Bucket("a"), "jobo:{companies}:fetched:marks"
	spoil := func() {
		t.Helper()
		m.Del(bucket)
		m.Del(marks)
		if err := errors.Join(m.Set(bucket, "x"), m.Set(marks, "x")); err != nil {
			t.Fatal(err)
		}
	}
	counted := func(want int64, key string) {
		t.Helper()
		n, last := f.Corrupt()
		var corrupt *checkpoint.CorruptError
		if n != want || !errors.As(last, &corrupt) || corrupt.Key != key || corrupt.Reason != "not a hash" {
			t.Errorf("corrupt: got %d, %v, want %d, the last at %s", n, last, want, key)
		}
	}
	if err := f.Remember(t.Context(), checkpointtest.Profile("b", 1)); err != nil {
		t.Fatal(err)
	}
	spoil()
	got, err := f.Recall(t.Context(), []string{"a", "b"})
	if diff := cmp.Diff(map[string]checkpoint.Known{"b": checkpointtest.Profile("b", 1)}, got); err != nil || diff != "" {
		t.Errorf("recall: got %v, want no error and b (-want +got):\n%s", err, diff)
	}
	counted(1, bucket)
	if none, err := f.Marks(t.Context()); err != nil || len(none) != 0 {
		t.Errorf("marks: got %v, %v, want none", none, err)
	}
	counted(2, marks)
	if err := f.Forget(t.Context(), "a"); err != nil {
		t.Errorf("forget: %v", err)
	}
	counted(3, bucket)
	use(t, f)
	counted(5, marks)
	if known, err := f.Recall(t.Context(), []string{"a"}); err != nil || len(known) != 1 {
		t.Errorf("after a was remembered: got %v, %v, want it", known, err)
	}
}

func TestAMarkThatIsNoNumberIsUnknownAndMended(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	f := mustOpen(t, "redis://"+m.Addr()).Fetched(checkpoint.FetchedOptions{})
	for _, text := range []string{"", "x", "-1", "1e9", "0x7fff", " 7", "9007199254740992", "99999999999999999", "00000000000000009"} {
		m.HSet("jobo:{companies}:fetched:marks", "t/0", text)
		if got, err := f.Marks(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("mark %q: got %v, %v, want none", text, got, err)
		}
		if err := f.SetMarks(t.Context(), checkpoint.Marks{"t/0": 3}); err != nil {
			t.Errorf("over mark %q: %v", text, err)
		}
		if got, err := f.Marks(t.Context()); err != nil || got["t/0"] != 3 {
			t.Errorf("over mark %q: got %v, %v, want 3", text, got, err)
		}
	}
	if n, last := f.Corrupt(); n != 2*9 || !strings.Contains(last.Error(), `field "t/0" cannot be read`) {
		t.Errorf("corrupt: got %d, %v, want each of 9 twice", n, last)
	}
}

func TestAMemoryOnAServerThatIsAwayIsDown(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	f := mustOpen(t, "redis://"+m.Addr()).Fetched(checkpoint.FetchedOptions{})
	m.SetError("LOADING Redis is loading the dataset in memory")
	for _, call := range calls(t, f) {
		wantDown(t, call(), true, "loading its data", m.Addr())
	}
	m.SetError("")
	addr := m.Addr()
	m.Close()
	for _, call := range calls(t, f) {
		wantDown(t, call(), true, addr)
	}
	twin := checkpoint.NewMemoryFetched(checkpoint.FetchedOptions{})
	twin.SetError(redis.ErrClosed)
	for i, call := range calls(t, twin) {
		if err := call(); !errors.Is(err, redis.ErrClosed) {
			t.Errorf("twin, call %d: got %v, want what it was told", i, err)
		}
	}
}

func TestAMissingCompanyIsKnownForADayUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	now := checkpointtest.Profile("", 1).At
	f := checkpoint.NewMemoryFetched(checkpoint.FetchedOptions{})
	f.SetClock(func() time.Time { return now })
	k := checkpointtest.Profile("a", 1)
	k.Outcome = checkpoint.Missing
	if err := f.Remember(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]int{checkpoint.DefaultNotFoundTTL - time.Millisecond: 1, checkpoint.DefaultNotFoundTTL: 0} {
		f.SetClock(func() time.Time { return now.Add(after) })
		if got, err := f.Recall(t.Context(), []string{"a"}); err != nil || len(got) != want {
			t.Errorf("after %s: got %v, %v, want %d", after, got, err, want)
		}
	}
}

func TestPackedVersionsAreInTheOrderOfTheirText(t *testing.T) {
	t.Parallel()
	last, ok := checkpoint.PackVersion("9999-12-31T23:59:59.999999999Z")
	if !ok || last != checkpoint.NewestVersion {
		t.Errorf("last version: got %q, %t, want %q", last, ok, checkpoint.NewestVersion)
	}
	before, _ := checkpoint.PackVersion("")
	for _, text := range []string{
		"0000-01-01T00:00:00.000000000Z", "0000-01-01T00:00:00.000000001Z", "0001-01-01T00:00:00.000000000Z", "1969-12-31T23:59:59.999999999Z",
		"1970-01-01T00:00:00.000000000Z", "2026-11-24T09:00:00.999999999Z", "2026-11-24T09:00:01.000000000Z", "9999-12-31T23:59:59.999999998Z",
	} {
		got, ok := checkpoint.PackVersion(text)
		if !ok || len(got) != 12 || got <= before || got >= last {
			t.Errorf("%s: got %q, %t, want 12 bytes after %q", text, got, ok, before)
		}
		before = got
	}
}
