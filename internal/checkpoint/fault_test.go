package checkpoint_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/secret"
)

// open opens a store at url for feed career-sites.
func open(t *testing.T, url string) (*checkpoint.Redis, error) {
	t.Helper()
	s, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: secret.New(url), Feed: "career-sites"})
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

// mustOpen is open for a server that is there.
func mustOpen(t *testing.T, url string) *checkpoint.Redis {
	t.Helper()
	s, err := open(t, url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantDown checks that err is an UnavailableError that says all of says.
func wantDown(t *testing.T, err error, temporary bool, says ...string) {
	t.Helper()
	var down *checkpoint.UnavailableError
	if !errors.As(err, &down) {
		t.Fatalf("got %v, want an UnavailableError", err)
	}
	if down.Temporary != temporary || retry.IsPermanent(err) == temporary {
		t.Errorf("temporary: got %t, permanent %t, want temporary %t: %v", down.Temporary, retry.IsPermanent(err), temporary, err)
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got %q, want it to say %q", err, text)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("got %q, want one line", err)
	}
}

func TestWhatAServerRefusesIsExplained(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]struct {
		says      string
		temporary bool
	}{
		"LOADING Redis is loading the dataset in memory":                                       {"loading its data", true},
		"READONLY You can't write against a read only replica.":                                {"read-only replica", true},
		"OOM command not allowed when used memory > 'maxmemory'.":                              {"out of memory", true},
		"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to":      {"cannot save", true},
		"CLUSTERDOWN Hash slot not served":                                                     {"cluster is down", true},
		"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.":     {"without its master", true},
		"NOREPLICAS Not enough good replicas to write.":                                        {"min-replicas-to-write", true},
		"BUSY Redis is busy running a script. You can only call SCRIPT KILL":                   {"script blocks it", true},
		"ERR max number of clients reached":                                                    {"maxclients", true},
		"NOAUTH Authentication required.":                                                      {"asks for a password", false},
		"WRONGPASS invalid username-password pair or user is disabled.":                        {"password is wrong", false},
		"NOPERM User x has no permissions to run the 'evalsha' command":                        {"lacks a right", false},
		"MOVED 3999 127.0.0.1:1":                                                               {"redis+cluster://", false},
		"ERR unknown command 'evalsha', with args beginning with:":                             {"switched off", false},
		"ERR Error running script (call to f_0): @user_script:1: -OOM command not allowed":     {"out of memory", true},
		"ERR Error running script (call to f_0): @user_script:1: -READONLY You can't write to": {"read-only replica", true},
	} {
		t.Run(reply, func(t *testing.T) {
			t.Parallel()
			m := miniredis.RunT(t)
			s := mustOpen(t, "redis://"+m.Addr())
			m.SetError(reply)
			p := checkpointtest.Progress("career-sites", 1, 1)
			_, acquireErr := s.Acquire(t.Context(), "a", time.Minute, 0)
			_, getErr := s.Get(t.Context())
			for _, err := range []error{
				acquireErr, getErr, s.Put(t.Context(), p), s.Held(t.Context(), "a", 1), s.Ping(t.Context()),
				s.Renew(t.Context(), "a", 1, time.Minute), s.Release(t.Context(), "a", 1), s.Repair(t.Context(), "a", 1, p),
			} {
				wantDown(t, err, want.temporary, want.says, m.Addr())
			}
			m.SetError("")
			if err := s.Put(t.Context(), p); err != nil {
				t.Errorf("put after it works again: %v", err)
			}
		})
	}
}

func TestAnErrorThatIsNoOutageStaysAnError(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis://"+m.Addr())
	m.SetError("ERR something new")
	if _, err := s.Get(t.Context()); err == nil || checkpoint.IsDown(err) || !strings.Contains(err.Error(), "something new") {
		t.Errorf("got %v, want the server's error", err)
	}
}

func TestScriptsAreSentAgainToAServerThatForgotThem(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis://"+m.Addr())
	admin := redis.NewClient(&redis.Options{Addr: m.Addr()})
	t.Cleanup(func() { _ = admin.Close() })
	for seq := range uint64(3) {
		if err := admin.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Put(t.Context(), checkpointtest.Progress("career-sites", 1, seq+1)); err != nil {
			t.Errorf("put %d after a flush: %v", seq+1, err)
		}
		token, err := s.Acquire(t.Context(), "a", time.Minute, 0)
		if err != nil || token != 1 {
			t.Errorf("acquire after a flush: got %d, %v, want 1", token, err)
		}
	}
}

func TestAServerThatIsAwayAtTheStartIsNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_ = l.Close()
	_, err = open(t, "redis://user:hunter2@"+addr)
	wantDown(t, err, true, "connection refused", addr)
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error shows the password: %v", err)
	}
	_, err = open(t, "redis://no-such-host.invalid:6379")
	wantDown(t, err, true, "no-such-host.invalid does not resolve")
	_, err = open(t, "unix://"+t.TempDir()+"/redis.sock")
	wantDown(t, err, true, "no such socket", "redis.sock")
}

func TestAServerThatIsAwayMidWayComesBack(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis://"+m.Addr())
	if _, err := s.Acquire(t.Context(), "a", time.Minute, 0); err != nil {
		t.Fatal(err)
	}
	addr := m.Addr()
	m.Close()
	wantDown(t, s.Renew(t.Context(), "a", 1, time.Minute), true, addr)
	wantDown(t, s.Held(t.Context(), "a", 1), true, "connection refused")
	if err := m.Restart(); err != nil {
		t.Fatal(err)
	}
	if err := s.Renew(t.Context(), "a", 1, time.Minute); err != nil {
		t.Errorf("renew after it came back: %v", err)
	}
}

func TestPasswordsAreToldApart(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	m.RequireUserAuth("jobo", "hunter2")
	_, err := open(t, "redis://"+m.Addr())
	wantDown(t, err, false, "asks for a password", m.Addr())
	_, err = open(t, "redis://jobo:hunter3@"+m.Addr())
	wantDown(t, err, false, "password is wrong", m.Addr())
	if strings.Contains(err.Error(), "hunter3") {
		t.Errorf("the error shows the password: %v", err)
	}
	if err := mustOpen(t, "redis://jobo:hunter2@"+m.Addr()).Ping(t.Context()); err != nil {
		t.Errorf("ping with the right password: %v", err)
	}
}

func TestForeignValuesAtTheKeysAreReported(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis://"+m.Addr())
	acquire := func() error {
		_, err := s.Acquire(t.Context(), "a", time.Minute, 0)
		return err
	}
	wantCorrupt := func(err error, key string) {
		t.Helper()
		var corrupt *checkpoint.CorruptError
		if !errors.As(err, &corrupt) || !strings.Contains(corrupt.Key, key) {
			t.Errorf("got %v, want %s to be corrupt", err, key)
		}
	}
	const lease, fence, copied = "jobo:{career-sites}:lease", "jobo:{career-sites}:fence", "jobo:{career-sites}:checkpoint"

	m.HSet(lease, "a", "b")
	wantCorrupt(acquire(), lease)
	wantCorrupt(s.Renew(t.Context(), "a", 1, time.Minute), lease)
	wantCorrupt(s.Release(t.Context(), "a", 1), lease)
	wantCorrupt(s.Held(t.Context(), "a", 1), lease)
	wantCorrupt(s.Repair(t.Context(), "a", 1, checkpointtest.Progress("career-sites", 1, 1)), lease)
	m.Del(lease)

	for _, value := range []string{"x", "1.5"} {
		if err := m.Set(fence, value); err != nil {
			t.Fatal(err)
		}
		wantCorrupt(acquire(), fence)
	}
	m.Del(fence)

	m.HSet(copied, "fence", "x")
	wantCorrupt(s.Put(t.Context(), checkpointtest.Progress("career-sites", 1, 1)), copied)
	if _, err := s.Get(t.Context()); true {
		wantCorrupt(err, copied)
	}

	// Set by hand, to keep all instances out: it never expires.
	if err := m.Set(lease, "maintenance"); err != nil {
		t.Fatal(err)
	}
	var busy *checkpoint.BusyError
	if err := acquire(); !errors.As(err, &busy) || busy.TTL >= 0 || busy.Owner != "maintenance" {
		t.Errorf("got %v, want busy with maintenance for ever", err)
	}
}

func TestTheCopyCanBeReadByPeople(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	s := mustOpen(t, "redis://"+m.Addr())
	p := checkpointtest.Progress("career-sites", 3, 7)
	if err := s.Put(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	for field, want := range map[string]string{
		"fence": "3", "seq": "7", "op": "op-3-7", "run_id": "run-1", "cursor": p.Cursor,
		"watermark": "2026-11-24T09:00:00.000000001Z", "updated_at": "2026-11-24T10:00:07Z",
	} {
		if got := m.HGet("jobo:{career-sites}:checkpoint", field); got != want {
			t.Errorf("field %s: got %q, want %q", field, got, want)
		}
	}
}
