package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a simulator that listens.
type Server struct {
	*Simulator
	http     *http.Server
	addr     net.Addr
	stop     context.CancelFunc // ends the context of every request
	serving  chan struct{}      // closed by the goroutine that accepts
	served   error              // why it ended; read after serving is closed
	mu       sync.Mutex
	closed   bool // no handler begins any more
	handlers sync.WaitGroup
}

// Start listens on addr, such as "127.0.0.1:0", and serves a new simulator there.
// ctx bounds the binding alone. The error names the address.
func Start(ctx context.Context, addr string, o Options) (*Server, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err // the rest of it repeats the address
		}
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return Serve(ln, o), nil
}

// Serve serves a new simulator on a listener, which it closes in the end.
func Serve(ln net.Listener, o Options) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{Simulator: New(o), addr: ln.Addr(), stop: stop, serving: make(chan struct{})}
	if o.BaseURL == "" && dialable(s.addr) {
		s.SetBaseURL(s.URL())
	}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		// What goes wrong here goes wrong on purpose.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(s.serving)
		if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			s.served = fmt.Errorf("serve on %s: %w", s.addr, err)
		}
	}()
	return s
}

// serve lets Close wait for the handlers: net/http does not.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.handlers.Add(1)
	s.mu.Unlock()
	defer s.handlers.Done()
	s.ServeHTTP(w, r)
}

// URL is the server's address with scheme, without a slash at the end. For a
// wildcard address it names the loopback.
func (s *Server) URL() string {
	if tcp, ok := s.addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + s.addr.String()
}

// Addr is the address that the server listens on.
func (s *Server) Addr() net.Addr { return s.addr }

// Close cuts every connection and returns when no goroutine of the server is
// left. It may be called more than once; the error is why serving ended by
// itself, if it did.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	err := s.http.Close()
	<-s.serving
	s.handlers.Wait()
	return errors.Join(s.served, err)
}

// Wait serves until ctx ends, which is no error, or until serving fails.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-s.serving:
	}
	return s.Close()
}

// dialable reports whether clients can be told this address.
func dialable(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && !tcp.IP.IsUnspecified()
}
