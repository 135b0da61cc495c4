//go:build unix

// The tests of this folder run the built program, as its users do: they start
// replicas, stop, kill and starve them, and then ask independent witnesses what
// became of the companies: the account of the server that has the profiles, and a
// read_committed consumer.
//
// They bring their servers along. With KAFKA_BROKERS and REDIS_URL set they use
// those instead, under names of their own, so that suites may run side by side.
//
//	bed_test.go      what one test runs against: profiles, Kafka, Redis
//	rig_test.go      the same with a front that misbehaves, and smaller questions
//	process_test.go  a running enricher
//	wire_test.go     connections that can be cut
//	topics_test.go   what stands on the topics, and what the group has not done
//	audit_test.go    the promise, checked against topics and account
//	kill_test.go     SIGKILL, and SIGSTOP past the session timeout
//	replay_test.go   the topics are read again from their beginning
//	away_test.go     Redis or Kafka can't be reached for a while
//	stop_test.go     SIGTERM, and a second signal
//	limits_test.go   replicas that share the request limits
//	poison_test.go   companies that hang
//	guard_test.go    URLs that are never asked for
//	words_test.go    what is said about mistakes and outages
//	bench_*_test.go  what it costs
package main_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

var (
	seedFlag = flag.Uint64("seed", 0, "decides the moments at which processes are killed; 0 picks one")
	soakFlag = flag.Int("soak", 1, "how many times as many companies, kills and freezes the kill test has")
)

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir, err := binDir(); err == nil {
			_ = os.RemoveAll(dir) // it is in the system's temporary folder
		}
		os.Exit(code)
	}))
}

var binDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "enricher-test-") })

// binary builds the enricher once, with the race detector if the tests have it,
// and returns its path.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := binDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "enricher")
	args := []string{"build", "-o", path}
	if raceDetector() {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, ".")...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("go build: %s", out)
	}
	return path, err
})

// raceDetector reports whether this test binary was built with it.
func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}
