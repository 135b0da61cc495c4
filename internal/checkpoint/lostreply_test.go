package checkpoint_test

import (
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
)

// replyServers are the servers whose replies get lost. The one that REDIS_URL
// names is among them if a proxy can read what is said.
func replyServers(t *testing.T) map[string]string {
	t.Helper()
	servers := map[string]string{"miniredis": "redis://" + miniredis.RunT(t).Addr()}
	if named := os.Getenv("REDIS_URL"); strings.HasPrefix(named, "redis://") {
		servers["real"] = named
	}
	return servers
}

// throughProxy opens a store whose calls go through a proxy. Each script was
// called once, so that the server knows it and a call is one message.
func throughProxy(t *testing.T, raw string) (*checkpoint.Redis, *proxy) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	p := newProxy(t, u.Host)
	u.Host = p.addr()
	s, admin := openRedis(t, u.String())
	token, err := s.Acquire(t.Context(), "warm", time.Minute, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, call := range []func() error{
		func() error { return s.Renew(t.Context(), "warm", token, time.Minute) },
		func() error { return s.Repair(t.Context(), "warm", token, checkpointtest.Progress(s.Feed(), 1, 1)) },
		func() error { return s.Put(t.Context(), checkpointtest.Progress(s.Feed(), 1, 2)) },
		func() error { return s.Release(t.Context(), "warm", token) },
	} {
		if err := call(); err != nil {
			t.Fatal(err)
		}
	}
	admin.wipe()
	return s, p
}

// Each call is executed, its reply is lost, and the client sends it again.
func TestALostReplyChangesNothing(t *testing.T) {
	t.Parallel()
	for name, server := range replyServers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lostReplies(t, server)
		})
	}
}

func lostReplies(t *testing.T, server string) {
	s, p := throughProxy(t, server)
	feed := s.Feed()
	var token uint64
	lost := func(what string, call func() error) {
		t.Helper()
		p.lose("evalsha", 1)
		if err := call(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if p.calls() != 2 {
			t.Errorf("%s: the server got %d calls, want 2", what, p.calls())
		}
	}
	lost("acquire", func() (err error) {
		token, err = s.Acquire(t.Context(), "a", time.Minute, 6)
		return err
	})
	if token != 7 {
		t.Errorf("token: got %d, want 7", token)
	}
	lost("renew", func() error { return s.Renew(t.Context(), "a", token, time.Minute) })
	first, second := checkpointtest.Progress(feed, 7, 1), checkpointtest.Progress(feed, 7, 2)
	lost("repair", func() error { return s.Repair(t.Context(), "a", token, first) })
	lost("put", func() error { return s.Put(t.Context(), second) })
	if got, err := s.Get(t.Context()); err != nil || got.Op != second.Op {
		t.Errorf("copy: got %s, %v, want %s", got.Op, err, second.Op)
	}
	lost("release", func() error { return s.Release(t.Context(), "a", token) })
	next, err := s.Acquire(t.Context(), "b", time.Minute, 0)
	if err != nil || next != 8 {
		t.Errorf("acquire after the release: got %d, %v, want 8", next, err)
	}
}

// A reply that is lost as often as the client tries is an outage to the caller,
// who may call again.
func TestACallMayBeMadeAgainAfterAnOutage(t *testing.T) {
	t.Parallel()
	s, p := throughProxy(t, "redis://"+miniredis.RunT(t).Addr())
	p.lose("evalsha", 2)
	if _, err := s.Acquire(t.Context(), "a", time.Minute, 0); !checkpoint.IsDown(err) {
		t.Fatalf("acquire: got %v, want the server to be down", err)
	}
	token, err := s.Acquire(t.Context(), "a", time.Minute, 0)
	if err != nil || token != 1 {
		t.Errorf("acquire again: got %d, %v, want 1", token, err)
	}
	record := checkpointtest.Progress(s.Feed(), 1, 1)
	p.lose("evalsha", 2)
	if err := s.Put(t.Context(), record); !checkpoint.IsDown(err) {
		t.Fatalf("put: got %v, want the server to be down", err)
	}
	if err := s.Put(t.Context(), record); err != nil {
		t.Errorf("put again: %v", err)
	}
}

func TestAServerThatDoesNotAnswerIsDown(t *testing.T) {
	t.Parallel()
	s, p := throughProxy(t, "redis://"+miniredis.RunT(t).Addr())
	p.setMute(true)
	_, err := s.Get(t.Context())
	wantDown(t, err, true, "no answer in time", p.addr())
	p.setMute(false)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping after it answers again: %v", err)
	}
}
