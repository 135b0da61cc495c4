//go:build unix

// The tests of this folder hold what watches the programs against the programs
// themselves: the rules and the dashboard may only use what a running producer and
// enricher export.
//
//	main_test.go      the programs, built
//	pipeline_test.go  both of them at work, and what makes trouble for them
//	terms_test.go     the metrics and labels that a query names
//	exported_test.go  every one of them is exported
//	files_test.go     each alert has a runbook and tests; promtool agrees
//	live_test.go      with -prometheus: every query, asked of a real Prometheus
package observability_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

var prometheusFlag = flag.Bool("prometheus", false, "run a Prometheus and ask it every query of the dashboard; takes about a minute")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if dir, err := binDir(); err == nil {
			_ = os.RemoveAll(dir) // it is in the system's temporary folder
		}
		os.Exit(code)
	}))
}

var binDir = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "observability-test-") })

// programs builds both programs once and returns the folder that holds them.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := binDir()
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../../producer", "../../enricher").CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("go build: %s", out)
	}
	return dir, err
})
