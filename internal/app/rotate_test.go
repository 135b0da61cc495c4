package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/careerstream/careerstream/internal/secret"
)

// rotation is a watch in virtual time: what the file has, and what came of it.
type rotation struct {
	content atomic.Value // of the file, a string; "!" can't be read
	hangup  chan struct{}
	set     []string
	logs    *observer.ObservedLogs
}

// watch runs script against a watch that began with the key "old". Keys with a
// blank are refused.
func watch(t *testing.T, script func(r *rotation)) {
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		r := &rotation{hangup: make(chan struct{}), logs: logs}
		r.content.Store("old")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p := Process{Log: zap.New(core), Hangup: r.hangup, ReloadKey: func() (secret.String, error) {
				content := r.content.Load().(string)
				if content == "!" {
					return secret.String{}, errors.New("no such file")
				}
				return secret.New(content), nil
			}}
			watchKey(ctx, secret.New("old"), p, func(key secret.String) error {
				if key.Reveal() == "a b" {
					return errors.New("it has a blank")
				}
				r.set = append(r.set, key.Reveal())
				return nil
			})
		}()
		synctest.Wait()
		script(r)
		cancel()
		<-ended
	})
}

// passes lets d pass, and what was due in it happen.
func passes(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// said are the messages so far, each with how often it was logged.
func (r *rotation) said() string {
	counts := make(map[string]int)
	for _, e := range r.logs.All() {
		counts[e.Message]++
	}
	return fmt.Sprint(counts)
}

func TestAChangedKeyFileIsNoticedWithinHalfAMinute(t *testing.T) {
	t.Parallel()
	watch(t, func(r *rotation) {
		passes(10 * keyPoll)
		if r.set != nil || r.logs.Len() != 0 {
			t.Errorf("got the keys %q and %s while nothing changed, want none", r.set, r.said())
		}
		for _, key := range []string{"new", "newer", "old"} {
			r.content.Store(key)
			passes(keyPoll)
		}
		if want := []string{"new", "newer", "old"}; !slices.Equal(r.set, want) {
			t.Errorf("got the keys %q, want %q", r.set, want)
		}
		if got, want := r.said(), "map[a new API key is in use:3]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestAHangupReadsTheKeyAtOnce(t *testing.T) {
	t.Parallel()
	watch(t, func(r *rotation) {
		r.content.Store("new")
		r.hangup <- struct{}{}
		synctest.Wait()
		if !slices.Equal(r.set, []string{"new"}) {
			t.Errorf("got the keys %q, want the new one without a wait", r.set)
		}
		r.hangup <- struct{}{}
		synctest.Wait()
		if got, want := r.said(), "map[a new API key is in use:1 the API key has not changed:1]"; got != want {
			t.Errorf("got %s, want an answer to each: %s", got, want)
		}
		close(r.hangup) // whoever sent them is gone; the file is still watched
		r.content.Store("newer")
		passes(keyPoll)
		if len(r.set) != 2 {
			t.Errorf("got the keys %q, want the newer one too", r.set)
		}
	})
}

func TestAnUnusableKeyIsWarnedOfOnce(t *testing.T) {
	t.Parallel()
	watch(t, func(r *rotation) {
		for _, step := range []string{"a b", "a b", "!", "!", "a b", "old", "a b"} {
			r.content.Store(step)
			passes(keyPoll)
		}
		if r.set != nil {
			t.Errorf("got the keys %q, want the old one to stay", r.set)
		}
		want := "map[JOBO_API_KEY_FILE can't be read again, the old API key stays in use:1 the new API key is refused, the old one stays in use:2]"
		if got := r.said(); got != want {
			t.Errorf("got %s, want %s: once while it lasts", got, want)
		}
		r.content.Store("good")
		passes(keyPoll)
		if !slices.Equal(r.set, []string{"good"}) {
			t.Errorf("got the keys %q, want the good one", r.set)
		}
	})
}

func TestAKeyOfNoFileIsNotWatched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.InfoLevel)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		hangup := make(chan struct{}, 1)
		hangup <- struct{}{}
		watchKey(ctx, secret.String{}, Process{Log: zap.New(core), Hangup: hangup}, func(secret.String) error {
			t.Error("a key was set")
			return nil
		})
		if logs.Len() != 1 || logs.All()[0].Level != zap.WarnLevel {
			t.Errorf("got %v, want one warning: somebody asked", logs.All())
		}
	})
}

// The key is what the file says now, and never nothing.
func TestTheKeyIsReadAgainFromItsFile(t *testing.T) {
	t.Parallel()
	path := file(t, "key", "one\n")
	s := apiSettings{JoboAPIKeyFile: path}
	if key, err := s.reloadKey()(); err != nil || key.Reveal() != "one" {
		t.Errorf("got %q and %v, want one", key.Reveal(), err)
	}
	s.JoboAPIKeyFile = file(t, "key", " \n")
	if key, err := s.reloadKey()(); err == nil || !key.Empty() {
		t.Errorf("got %q and %v from an empty file, want an error", key.Reveal(), err)
	}
	if (&apiSettings{JoboAPIKey: "one"}).reloadKey() != nil {
		t.Error("a key that is in no file can be read again")
	}
}
