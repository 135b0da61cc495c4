//go:build unix

// The tests of this folder run the built program, as its users do: they start
// processes, stop, kill and starve them, and then ask independent witnesses what
// became of the money: the feed's own ledger, and a read_committed consumer.
//
// They bring their servers along. With KAFKA_BROKERS and REDIS_URL set they use
// those instead, under names of their own, so that suites may run side by side.
//
//	bed_test.go        what one test runs against: feed, Kafka, Redis
//	process_test.go    a running producer
//	topics_test.go     what the topics hold
//	audit_test.go      the promise, checked against ledger and topics
//	complete_test.go   what holds besides when a run has ended
//	bills_test.go      which bill a committed page is for
//	secrets_test.go    the API key shows up nowhere
//	messages_test.go   what the operator is told
//	kill_test.go       SIGKILL at random moments
//	windows_kill_test.go  the same in a backfill that is cut, with pages ahead
//	overlap_test.go    rows that did not change are paid for and not published
//	budget_test.go     budgets and the wallet, by the ledger
//	freeze_test.go     SIGSTOP past the lease, while another instance goes on
//	redis_test.go      Redis loses everything
//	kafka_test.go      connections to Kafka break
//	signal_test.go     SIGTERM and SIGINT
//	rows_test.go       records are the rows, byte for byte
//	usage_test.go      exit code 2
//	failure_test.go    exit code 1
//	refusal_test.go    exit code 5
//	desk_test.go       exit code 4, and each way out that it offers
//	situations_test.go the ways into exit code 4
//	service_test.go    a running service, and what it shows
//	run_test.go        verb run
package main_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

var (
	killsFlag   = flag.Int("kills", 20, "how often the kill test kills the producer")
	seedFlag    = flag.Uint64("seed", 0, "decides the moments at which processes are killed; 0 picks one")
	patientFlag = flag.Bool("patient", false, "also wait out failures that take minutes")
)

func TestMain(m *testing.M) {
	flag.Parse()
	atOnce()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir, err := binDir(); err == nil {
			_ = os.RemoveAll(dir) // it is in the system's temporary folder
		}
		os.Exit(code)
	}))
}

// atOnce lets more tests run at a time than there are processors, unless -parallel
// says otherwise: they mostly wait for a feed that takes its time, and for leases.
// With the race detector they mostly compute.
func atOnce() {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	n := 4 * runtime.GOMAXPROCS(0)
	if raceDetector() {
		n /= 2
	}
	if !given {
		_ = flag.Set("test.parallel", strconv.Itoa(n)) // the flag exists and takes numbers
	}
}

var binDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "producer-test-") })

// binary builds the producer once, with the race detector if the tests have it,
// and returns its path.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := binDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "producer")
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
