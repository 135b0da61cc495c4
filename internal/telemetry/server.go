package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The limits of a request. They are wide enough for a scrape over a slow line,
// and no client can keep a connection busy for longer.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	// answerTimeout bounds Ready and Status, below what probes and people wait.
	answerTimeout = 8 * time.Second
)

// Check is one thing that a program needs in order to be ready.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Detail is the reason where OK is false, and otherwise what is worth knowing,
	// such as what a paused program waits for.
	Detail string `json:"detail,omitempty"`
}

// ServerOptions are what a Server shows. What is nil is left out, and a program
// without Live or Ready is taken for alive or ready. The functions are called by
// several goroutines at once, and their errors and texts are shown as they are.
type ServerOptions struct {
	// Program is the name on the index page.
	Program string
	// Registry is what /metrics shows.
	Registry *prometheus.Registry
	// Live returns nil while the program moves. It answers at once, without asking
	// any other server.
	Live func() error
	// Ready returns the checks in the order in which they are shown.
	Ready func(ctx context.Context) []Check
	// Status returns a value that encoding/json can write.
	Status func(ctx context.Context) (any, error)
	// ErrorLog is told of broken connections and failed collectors; nil means
	// nobody is.
	ErrorLog *log.Logger
}

// Server answers those who watch a program. Close it in the end.
type Server struct {
	http    *http.Server
	addr    net.Addr
	stop    context.CancelFunc // ends the context of every request
	serving chan struct{}      // closed by the goroutine that accepts
	served  error              // why it ended; read after serving is closed

	mu       sync.Mutex
	closed   bool // no handler begins any more
	handlers sync.WaitGroup
}

// Listen binds addr, such as ":9090" or "127.0.0.1:0", and serves until Close.
// It returns when the address is bound; the error names the setting and how to
// mend it.
func Listen(addr string, o ServerOptions) (*Server, error) {
	// Without a context: a bind does not wait, and a name is looked up by the
	// machine's own resolver.
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, listenError(addr, err)
	}
	if o.ErrorLog == nil {
		o.ErrorLog = log.New(io.Discard, "", 0)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{addr: listener.Addr(), stop: stop, serving: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.counted(o.routes()),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          o.ErrorLog,
	}
	go func() {
		defer close(s.serving)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.served = fmt.Errorf("serve LISTEN %s: %w", s.addr, err)
		}
	}()
	return s, nil
}

// listenError says what is wrong with an address and what to do about it.
func listenError(addr string, err error) error {
	advice := `want host:port, such as ":9090" or "127.0.0.1:9090", or empty for no server`
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		advice = "the port is taken: stop what listens there, set LISTEN to another port, or leave it empty for no server"
	case errors.Is(err, syscall.EACCES):
		advice = "the system refuses it: set LISTEN to a port above 1023"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		advice = "this machine does not have that address: leave the host out to listen on all of them"
	}
	return fmt.Errorf("LISTEN %q can't be bound: %s: %w", addr, advice, err)
}

// Addr is the address that the server listens on, with the port that it was given.
func (s *Server) Addr() net.Addr { return s.addr }

// Close stops accepting, lets the requests under way end until ctx does, and
// returns when no goroutine of the server is left. The error is why serving ended
// by itself, if it did: requests that were cut off are none, since whoever watches
// asks again. It may be called more than once.
func (s *Server) Close(ctx context.Context) error {
	// A handler that asks another server is told when there is no more time.
	cut := context.AfterFunc(ctx, s.stop)
	defer cut()
	if err := s.http.Shutdown(ctx); err != nil {
		_ = s.http.Close() // the listener is closed by Shutdown; connections have nobody to tell
	}
	s.stop()
	<-s.serving
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.handlers.Wait()
	return s.served
}

// counted lets Close wait for the handlers, which net/http does not do once it
// cuts their connections.
func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		s.handlers.Add(1)
		s.mu.Unlock()
		defer s.handlers.Done()
		next.ServeHTTP(w, r)
	})
}
