package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/simulator"
)

// asCommand makes the test binary the command itself: exit codes and what goes to
// which stream are those of a process.
const asCommand = "SIMULATOR_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

func parse(t *testing.T, args ...string) (config, error) {
	t.Helper()
	var c config
	parser, err := kong.New(&c, kong.Vars{"key": simulator.DefaultAPIKey})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return c, err
}

func TestFlagsBecomeOptions(t *testing.T) {
	t.Parallel()
	off := simulator.NoLimits()
	for name, tc := range map[string]struct {
		args []string
		want simulator.Options
	}{
		"defaults": {nil, simulator.Options{
			Seed: 1, Rows: 1000, APIKeys: []string{simulator.DefaultAPIKey}, Price: 50, Balance: 1_000_000_000_000,
			Change: simulator.Change{Update: 5, Insert: 1},
		}},
		"all": {
			[]string{
				"--rows=7", "--seed=9", "--api-key=k", "--latency=5ms", "--company-latency=6ms", "--profile-bytes=8192", "--price=3", "--balance=11", "--change-every=2",
				"--change-rows=4", "--change-new-rows=6", "--rate-limits=off", "--base-url=http://a.test", "--plain", "--no-admin",
			},
			simulator.Options{
				Seed: 9, Rows: 7, APIKeys: []string{"k"}, Latency: 5 * time.Millisecond, Price: 3, Balance: 11,
				CompanyLatency: 6 * time.Millisecond, ProfileBytes: 8192,
				Change:  simulator.Change{EveryPages: 2, Update: 4, Insert: 6},
				BaseURL: "http://a.test", Plain: true, NoAdmin: true, FeedLimits: off, CompanyLimits: off, PublicLimits: off,
			},
		},
		"nothing to sell and nothing to pay with": {[]string{"--rows=0", "--balance=0"}, simulator.Options{
			Seed: 1, Rows: -1, APIKeys: []string{simulator.DefaultAPIKey}, Price: 50, Balance: -1,
			Change: simulator.Change{Update: 5, Insert: 1},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := parse(t, tc.args...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, c.options()); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFlagsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for _, arg := range []string{"--rate-limits=maybe", "--latency=5", "--company-latency=-1s", "--profile-bytes=-1", "--rows=many", "--seed=-1", "--no-such-flag", "word"} {
		if _, err := parse(t, arg); err == nil {
			t.Errorf("%s: accepted", arg)
		}
	}
}

func TestEnvironmentSetsFlags(t *testing.T) {
	t.Setenv("SIMULATOR_ROWS", "12")
	t.Setenv("SIMULATOR_ADMIN", "false")
	c, err := parse(t, "--seed=3")
	if err != nil || c.Rows != 12 || c.Admin || c.Seed != 3 {
		t.Errorf("got %+v (%v), want 12 rows, no admin, seed 3", c, err)
	}
}

// line hands on what is written to it, once.
type line chan string

func (l line) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

func TestRunSaysWhereItServesAndStopsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ flag, admin string }{
		"with admin": {"--admin", "%s/admin"}, "without": {"--no-admin", "off"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := parse(t, "--listen=127.0.0.1:0", "--rows=3", tc.flag)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			out, ended := make(line, 1), make(chan error, 1)
			go func() { ended <- c.run(ctx, out) }()
			var got string
			select {
			case got = <-out:
			case err := <-ended:
				t.Fatalf("ended early: %v", err)
			}
			url := strings.Fields(got)[3]
			want := "simulated feed at " + url + "  key " + simulator.DefaultAPIKey + "  rows 3  admin " + strings.ReplaceAll(tc.admin, "%s", url) + "\n"
			if got != want {
				t.Errorf("start line: got %q, want %q", got, want)
			}
			if body := feed(t, url); strings.Count(body, `"listing_url"`) != 3 {
				t.Errorf("feed: got %s, want 3 rows", body)
			}
			stop()
			if err := <-ended; err != nil {
				t.Errorf("stopped: got %v, want no error", err)
			}
		})
	}
}

// feed reads the first page.
func feed(t *testing.T, url string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/api/career-sites/feed", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Api-Key", simulator.DefaultAPIKey)
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestPortThatIsTakenEndsTheProcessWithOneLine(t *testing.T) {
	t.Parallel()
	var lc net.ListenConfig
	taken, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }() // nothing was accepted
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addr := taken.Addr().String()
	cmd := exec.CommandContext(t.Context(), self, "--listen="+addr, "--rows=1")
	cmd.Env = append(os.Environ(), asCommand+"=1")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the exit code below says more
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("exit code: got %d, want 1", code)
	}
	if want := fmt.Sprintf("simulator: listen on %s: bind: address already in use\n", addr); stderr.String() != want {
		t.Errorf("stderr: got %q, want %q", stderr.String(), want)
	}
	if stdout.Len() != 0 {
		t.Errorf("stdout: got %q, want nothing", stdout.String())
	}
}
