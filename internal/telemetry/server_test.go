package telemetry_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/telemetry"
)

func TestAnAddressThatCannotBeBoundSaysHowToMendIt(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for addr, want := range map[string]string{
		taken.Addr().String(): "the port is taken: stop what listens there, set LISTEN to another port",
		"192.0.2.1:0":         "this machine does not have that address",
		"9090":                `want host:port, such as ":9090"`,
	} {
		s, err := telemetry.Listen(addr, telemetry.ServerOptions{})
		if err == nil {
			_ = s.Close(t.Context())
			t.Errorf("%s: got no error", addr)
			continue
		}
		if got := err.Error(); !strings.HasPrefix(got, `LISTEN "`+addr+`" can't be bound: `) || !strings.Contains(got, want) {
			t.Errorf("got %q, want LISTEN, the address and %q in it", got, want)
		}
	}
}

func TestCloseFreesThePortAndMayBeRepeated(t *testing.T) {
	t.Parallel()
	s := listen(t, telemetry.ServerOptions{})
	addr := s.Addr().String()
	for range 2 {
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("got %v, want no error", err)
		}
	}
	again, err := telemetry.Listen(addr, telemetry.ServerOptions{})
	if err != nil {
		t.Fatalf("got %v, want the port back", err)
	}
	if err := again.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// slow is a server with a /status that waits, and a request that is in it.
func slow(t *testing.T, status func(ctx context.Context) (any, error)) (s *telemetry.Server, answer chan string) {
	t.Helper()
	inside := make(chan struct{})
	s = listen(t, telemetry.ServerOptions{Status: func(ctx context.Context) (any, error) {
		close(inside)
		return status(ctx)
	}})
	answer = make(chan string, 1)
	go func() {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + s.Addr().String() + "/status")
		if err != nil {
			answer <- "cut"
			return
		}
		_ = response.Body.Close()
		answer <- response.Status
	}()
	<-inside
	return s, answer
}

func TestCloseLetsARequestEnd(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	s, answer := slow(t, func(context.Context) (any, error) { <-leave; return 1, nil })
	closed := make(chan error, 1)
	go func() { closed <- s.Close(context.Background()) }()
	close(leave)
	if got := <-answer; got != "200 OK" {
		t.Errorf("got %s, want the answer", got)
	}
	if err := <-closed; err != nil {
		t.Errorf("got %v, want no error", err)
	}
}

func TestCloseCutsARequestWhenThereIsNoMoreTime(t *testing.T) {
	t.Parallel()
	ended := false // written by the handler, read after Close has waited for it
	s, answer := slow(t, func(ctx context.Context) (any, error) {
		<-ctx.Done()
		ended = true
		return nil, ctx.Err()
	})
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Close(now); err != nil {
		t.Errorf("got %v, want no error: whoever watches asks again", err)
	}
	if !ended {
		t.Error("Close returned while a handler was running")
	}
	<-answer
}

func TestALateRequestIsToldInTime(t *testing.T) {
	t.Parallel()
	s := listen(t, telemetry.ServerOptions{Status: func(ctx context.Context) (any, error) {
		deadline, ok := ctx.Deadline()
		return ok && !deadline.IsZero(), nil
	}})
	if status, body := get(t, s, "/status"); status != 200 || body != "true\n" {
		t.Errorf("got %d %q, want a deadline for the status", status, body)
	}
}
