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
	*listening
}

// listening is an address that is served.
type listening struct {
	answer   http.Handler
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
	ln, err := bind(ctx, addr)
	if err != nil {
		return nil, err
	}
	return Serve(ln, o), nil
}

// bind listens on addr. The error names it once.
func bind(ctx context.Context, addr string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			err = op.Err // the rest of it repeats the address
		}
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return ln, nil
}

// Serve serves a new simulator on a listener, which it closes in the end.
func Serve(ln net.Listener, o Options) *Server {
	sim := New(o)
	if o.BaseURL == "" && dialable(ln.Addr()) {
		sim.SetBaseURL(urlOf(ln.Addr()))
	}
	return &Server{sim, listen(ln, sim)}
}

// listen serves a handler on a listener from now on.
func listen(ln net.Listener, answer http.Handler) *listening {
	ctx, stop := context.WithCancel(context.Background())
	l := &listening{answer: answer, addr: ln.Addr(), stop: stop, serving: make(chan struct{})}
	l.http = &http.Server{
		Handler:           http.HandlerFunc(l.serve),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 30 * time.Second,
		// What goes wrong here goes wrong on purpose.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	go func() {
		defer close(l.serving)
		if err := l.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			l.served = fmt.Errorf("serve on %s: %w", l.addr, err)
		}
	}()
	return l
}

// serve lets Close wait for the handlers: net/http does not.
func (l *listening) serve(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return
	}
	l.handlers.Add(1)
	l.mu.Unlock()
	defer l.handlers.Done()
	l.answer.ServeHTTP(w, r)
}

// URL is the server's address with scheme, without a slash at the end. For a
// wildcard address it names the loopback.
func (l *listening) URL() string { return urlOf(l.addr) }

func urlOf(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("http://127.0.0.1:%d", tcp.Port)
	}
	return "http://" + a.String()
}

// Addr is the address that the server listens on.
func (l *listening) Addr() net.Addr { return l.addr }

// Close cuts every connection and returns when no goroutine of the server is
// left. It may be called more than once; the error is why serving ended by
// itself, if it did.
func (l *listening) Close() error {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.stop()
	err := l.http.Close()
	<-l.serving
	l.handlers.Wait()
	return errors.Join(l.served, err)
}

// Wait serves until ctx ends, which is no error, or until serving fails.
func (l *listening) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-l.serving:
	}
	return l.Close()
}

// dialable reports whether clients can be told this address.
func dialable(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && !tcp.IP.IsUnspecified()
}
