package app

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// environment is what Env.LookupEnv sees.
type environment map[string]string

// with returns a copy that has more.
func (e environment) with(more environment) environment {
	out := maps.Clone(e)
	maps.Copy(out, more)
	return out
}

// keyed is the least that a sync needs.
func keyed() environment { return environment{"JOBO_API_KEY": "any-key"} }

// lookup implements Env.LookupEnv.
func (e environment) lookup(name string) (string, bool) {
	value, set := e[name]
	return value, set
}

// parse reads a command line and returns what it means.
func parse(e environment, args ...string) (Producer, error) {
	c, err := parseProducer(Env{Args: args, LookupEnv: e.lookup, Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)})
	if err != nil {
		return Producer{}, err
	}
	return c.config, nil
}

// mustParse is parse where nothing is wrong.
func mustParse(t *testing.T, e environment, args ...string) Producer {
	t.Helper()
	config, err := parse(e, args...)
	if err != nil {
		t.Fatalf("producer %s: %v", strings.Join(args, " "), err)
	}
	return config
}

// outcome is what a process leaves behind.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs the whole producer in this process.
func run(ctx context.Context, e environment, args ...string) outcome {
	return runProgram(ctx, RunProducer, e, args...)
}

// runProgram runs one of the programs in this process.
func runProgram(ctx context.Context, program func(context.Context, Env) int, e environment, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := program(ctx, Env{
		Args: args, LookupEnv: e.lookup, Stdin: new(bytes.Buffer),
		Stdout: &stdout, Stderr: &stderr, Version: "v1.2.3",
	})
	return outcome{code, stdout.String(), stderr.String()}
}

// file writes a file of the test's own and returns its path.
func file(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
