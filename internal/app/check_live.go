package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// liveTimeout bounds the question whether a process is alive.
const liveTimeout = 3 * time.Second

// Alive asks the process that listens on this machine whether it is alive, and returns
// nil where it is.
func Alive(ctx context.Context, listen string) error {
	if listen == "" {
		return &UsageError{Problems: []error{errors.New("LISTEN is off: nothing tells whether the process is alive; set it, as in LISTEN=:9090")}}
	}
	host, port, _ := net.SplitHostPort(listen) // the configuration was judged
	if address := net.ParseIP(host); host == "" || address != nil && address.IsUnspecified() {
		host = "localhost"
	}
	url := "http://" + net.JoinHostPort(host, port) + "/livez"
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("nothing answers at %s; check that it runs, and LISTEN: %w", url, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	if answer.StatusCode != http.StatusOK {
		said, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
		return fmt.Errorf("%s says %s: %s", url, answer.Status, strings.TrimSpace(string(said)))
	}
	return nil
}
