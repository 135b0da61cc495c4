package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/checkpoint/checkpointtest"
	"github.com/careerstream/careerstream/internal/secret"
)

// The tests in this file are about what the embedded server does not have. They
// start servers of their own, and are skipped where none is installed.

// realServer starts a redis-server with a configuration, and returns its port.
// It ends with t.
func realServer(t *testing.T, conf string, args ...string) (port string) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil || testing.Short() {
		t.Skip("needs a redis-server, and time")
	}
	dir := t.TempDir()
	port = freePort(t)
	file := filepath.Join(dir, "redis.conf")
	conf = fmt.Sprintf("port %s\nbind 127.0.0.1\ndir %s\nsave \"\"\n%s\n", port, dir, conf)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.CommandContext(context.WithoutCancel(t.Context()), binary, append([]string{file}, args...)...)
	out := &strings.Builder{}
	server.Stdout, server.Stderr = out, out
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("redis-server:\n%s", out)
		}
	})
	awaitReply(t, port)
	return port
}

// freePort returns a port that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	// Below the range that the system takes the ports of connections from, also with
	// the 10000 that a cluster adds for a second port: one of
	// those may be taken again before the server has it.
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(2700))
		if listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+port); err == nil {
			_ = listener.Close()
			return port
		}
	}
	t.Fatal("no free port in 100 tries")
	return ""
}

// control returns a client without a store.
func control(t *testing.T, port string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + port, MaxRetries: -1, DialerRetries: 1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// await asks until ok or the time is up.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not happen within 30s", what)
		case <-tick.C:
		}
	}
}

func awaitReply(t *testing.T, port string) {
	t.Helper()
	c := control(t, port)
	await(t, "an answer from redis-server", func() bool {
		err := c.Ping(t.Context()).Err()
		var refused redis.Error // by a server that is there
		return err == nil || errors.As(err, &refused)
	})
}

// do sends a command or ends the test.
func do(t *testing.T, c *redis.Client, args ...any) {
	t.Helper()
	if err := c.Do(t.Context(), args...).Err(); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
}

// rights are those that the package comment names.
func rights() []string {
	return strings.Fields("+client|setname +ping +eval +evalsha +get +set +del +incr +pexpire +pttl +hset +hmget +hgetall +hdel")
}

func TestTheDocumentedRightsAreEnoughAndNoneIsTooMany(t *testing.T) {
	t.Parallel()
	port := realServer(t, "")
	c := control(t, port)
	if doc, err := os.ReadFile("doc.go"); err != nil || !strings.Contains(string(doc), strings.Join(rights(), " ")) {
		t.Errorf("the package comment does not name these rights: %v", err)
	}
	grant := func(rights []string) {
		t.Helper()
		args := []any{"ACL", "SETUSER", "jobo", "reset", "on", ">hunter2", "~jobo:{career-sites}:*", "~jobo:{key-*}:*"}
		for _, right := range rights {
			args = append(args, right)
		}
		do(t, c, args...)
	}
	url := "redis://jobo:hunter2@127.0.0.1:" + port
	grant(rights())
	takeOver(t, mustOpen(t, url))
	for i, right := range rights() {
		grant(append(append([]string{}, rights()[:i]...), rights()[i+1:]...))
		do(t, c, "FLUSHALL")        // or the counter would not be set
		do(t, c, "SCRIPT", "FLUSH") // or no script would be sent
		err := tryAll(t, url)
		if err == nil {
			t.Errorf("without %s: got no error", right)
			continue
		}
		wantDown(t, err, false, "lacks a right", strings.Join(rights(), " "))
	}
	grant(rights())
	other, err := checkpoint.Open(t.Context(), checkpoint.Config{URL: secret.New(url), Feed: "other"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	_, err = other.Get(t.Context())
	wantDown(t, err, false, "lacks a right")
}

// tryAll returns the first error of all that a store does to a server.
func tryAll(t *testing.T, url string) error {
	t.Helper()
	s, err := open(t, url)
	if err != nil {
		return err
	}
	token, err := s.Acquire(t.Context(), "a", time.Minute, 5)
	if err != nil {
		return err
	}
	for _, call := range []func() error{
		func() error { return s.Held(t.Context(), "a", token) },
		func() error { _, err := s.Acquire(t.Context(), "b", time.Minute, 5); return ignoreBusy(err) },
		func() error { return s.Repair(t.Context(), "a", token, checkpointtest.Progress(s.Feed(), 1, 1)) },
		func() error { return s.Put(t.Context(), checkpointtest.Progress(s.Feed(), 1, 2)) },
		func() error { return s.Renew(t.Context(), "a", token, time.Minute) },
		func() error { _, err := s.Get(t.Context()); return err },
		func() error { return s.Release(t.Context(), "a", token) },
		func() error { _, err := s.Peek(t.Context()); return err },
	} {
		if err := call(); err != nil {
			return err
		}
	}
	for _, call := range spending(t, s.Account(secret.New("hunter2"))) {
		if err := call(); err != nil {
			return err
		}
	}
	return nil
}

// ignoreBusy returns nil for a lease that is held.
func ignoreBusy(err error) error {
	var busy *checkpoint.BusyError
	if errors.As(err, &busy) {
		return nil
	}
	return err
}

func TestARealServerThatRefusesIsExplained(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		conf, says string
	}{
		"out of memory":    {"maxmemory 1\nmaxmemory-policy noeviction", "out of memory"},
		"a replica":        {"replicaof 127.0.0.1 1", "read-only replica"},
		"too few replicas": {"min-replicas-to-write 1", "min-replicas-to-write"},
		"a stale replica":  {"replicaof 127.0.0.1 1\nreplica-serve-stale-data no", "without its master"},
		"a lonely cluster": {"cluster-enabled yes", "cluster is down"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := "redis://127.0.0.1:" + realServer(t, c.conf)
			wantDown(t, tryAll(t, url), true, c.says)
		})
	}
}

func TestARealSocket(t *testing.T) {
	t.Parallel()
	// Not in TempDir: the path of a socket must be short.
	dir, err := os.MkdirTemp("", "ckpt") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "redis.sock")
	realServer(t, "unixsocket "+socket)
	takeOver(t, mustOpen(t, "unix://"+socket+"?db=2"))
}

func TestARealCluster(t *testing.T) {
	t.Parallel()
	port := realServer(t, "cluster-enabled yes")
	c := control(t, port)
	do(t, c, "CLUSTER", "ADDSLOTSRANGE", 0, 16383)
	await(t, "a working cluster", func() bool {
		info, err := c.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	args := []any{"ACL", "SETUSER", "jobo", "on", ">hunter2", "~jobo:{career-sites}:*", "~jobo:{key-*}:*"}
	for _, right := range append(rights(), "+cluster|slots") {
		args = append(args, right)
	}
	do(t, c, args...)
	s := mustOpen(t, "redis+cluster://jobo:hunter2@127.0.0.1:"+port)
	takeOver(t, s)
	spend(t, s.Account(secret.New("hunter2")))
	if d, err := s.Diagnose(t.Context()); err != nil || d.Version != checkpoint.Unknown {
		t.Errorf("diagnosis without the rights: got %+v, %v, want nothing known", d, err)
	}
}

func TestARealFailOverMovesTheLease(t *testing.T) {
	t.Parallel()
	first := realServer(t, "")
	second := realServer(t, "replicaof 127.0.0.1 "+first)
	s := realServer(t, "sentinel monitor mymaster 127.0.0.1 "+first+" 1\nsentinel down-after-milliseconds mymaster 60000", "--sentinel")
	store := mustOpen(t, "redis+sentinel://127.0.0.1:"+s+"?master_name=mymaster")
	takeOver(t, store)

	replica, watch := control(t, second), control(t, s)
	await(t, "replication", func() bool {
		return replica.Exists(t.Context(), "jobo:{career-sites}:fence").Val() == 1
	})
	await(t, "a sentinel that knows the replica", func() bool {
		return watch.Do(t.Context(), "SENTINEL", "CKQUORUM", "mymaster").Err() == nil &&
			watch.Do(t.Context(), "SENTINEL", "FAILOVER", "mymaster").Err() == nil
	})
	await(t, "a take-over on the new master", func() bool {
		role, err := replica.Do(t.Context(), "ROLE").Slice()
		if err != nil || role[0] != "master" {
			return false
		}
		token, err := store.Acquire(t.Context(), "b", time.Minute, 0)
		return err == nil && token == 2 && replica.Exists(t.Context(), "jobo:{career-sites}:lease").Val() == 1
	})
}
