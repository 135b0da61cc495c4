package checkpoint_test

import (
	"crypto/rand"
	"os"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
	"github.com/careerstream/careerstream/internal/secret"
)

// memos are the ways to open a memory of what was fetched. A real server is used
// where REDIS_URL names one.
func memos() map[string]func(t *testing.T) checkpointtest.Memo {
	open := map[string]func(t *testing.T) checkpointtest.Memo{
		"memory": func(*testing.T) checkpointtest.Memo {
			f := checkpoint.NewMemoryFetched(fetchedOptions)
			return checkpointtest.Memo{
				Fetched: f, Wipe: f.Wipe, Spoil: f.Spoil,
				SetNow: func(now time.Time) { f.SetClock(func() time.Time { return now }) },
			}
		},
		"miniredis": func(t *testing.T) checkpointtest.Memo {
			return redisMemo(t, "redis://"+miniredis.RunT(t).Addr())
		},
	}
	if url := os.Getenv("REDIS_URL"); url != "" {
		open["real"] = func(t *testing.T) checkpointtest.Memo { return redisMemo(t, url) }
	}
	return open
}

var fetchedOptions = checkpoint.FetchedOptions{NotFoundTTL: checkpointtest.NotFoundTTL}

// redisMemo is a memory with keys of its own, which are deleted with t.
func redisMemo(t *testing.T, url string) checkpointtest.Memo {
	t.Helper()
	feed := "test-" + rand.Text()
	// The embedded server runs a script of a thousand entries for longer than the
	// store waits, if it was built to look for races.
	s, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: secret.New(url), Feed: feed, ReadTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	admin, f := newAdmin(t, url, feed), s.FetchedAt("jobo:{"+feed+"}:fetched:", fetchedOptions)
	wipe := func() { admin.wipePrefix(f.Prefix()) }
	t.Cleanup(wipe)
	return checkpointtest.Memo{
		Fetched: f, Wipe: wipe,
		Spoil:  func(id, text string) { admin.must(admin.client.HSet(admin.ctx, f.Bucket(id), id, text)) },
		SetNow: func(now time.Time) { f.SetClock(func() time.Time { return now }) },
	}
}

// wipePrefix deletes all keys that begin with prefix.
func (a admin) wipePrefix(prefix string) {
	a.t.Helper()
	keys := a.client.Scan(a.ctx, 0, prefix+"*", 1000).Iterator()
	for keys.Next(a.ctx) {
		a.must(a.client.Del(a.ctx, keys.Val()))
	}
	if err := keys.Err(); err != nil {
		a.t.Errorf("scan %s: %v", prefix, err)
	}
}

func TestMemoriesOfWhatWasFetched(t *testing.T) {
	t.Parallel()
	for name, open := range memos() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkpointtest.RunFetched(t, open)
		})
	}
}

// A round is 100 checks, or what -rapid.checks says.
func TestMemoriesOfWhatWasFetchedBehaveAsTheModel(t *testing.T) {
	t.Parallel()
	for name, open := range memos() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, checkpointtest.FetchedModel(t.Context(), open(t)))
		})
	}
}
