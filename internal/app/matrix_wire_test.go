package app_test

import (
	"bytes"
	"net"
	"sync"
	"testing"
	"time"
)

// wire is the connection between the program and Redis.
type wire struct {
	listener net.Listener
	server   string
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool          // refuses connections
	delay time.Duration // before each reply
	match [][]byte      // a call with one of these in it loses its reply
	lose  int           // so many times
	lost  int
}

func newWire(t *testing.T, server string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, server: server, conns: map[net.Conn]bool{}}
	w.running.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		w.running.Wait()
	})
	return w
}

func (w *wire) addr() string { return w.listener.Addr().String() }

// away makes Redis unreachable, and cuts what was connected.
func (w *wire) away() {
	w.mu.Lock()
	w.down = true
	w.mu.Unlock()
	w.cut()
}

// slow delays every reply.
func (w *wire) slow(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delay = d
}

// drop cuts the connection in place of the replies to the next n calls that have
// one of these in them. The server has executed them by then.
func (w *wire) drop(n int, match ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.match, w.lose = nil, n
	for _, text := range match {
		w.match = append(w.match, []byte(text))
	}
}

// dropped returns how many replies were lost.
func (w *wire) dropped() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// heal makes everything pass again.
func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down, w.delay, w.lose = false, 0, 0
}

// cut ends all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		_ = c.Close()
	}
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", w.server, time.Second)
		w.mu.Lock()
		if err != nil || w.down {
			w.mu.Unlock()
			_ = client.Close()
			if server != nil {
				_ = server.Close()
			}
			continue
		}
		w.conns[client], w.conns[server] = true, true
		w.mu.Unlock()
		// A client sends one call at a time on a connection and waits for its reply:
		// this says whether that one is to be lost.
		var doomed sync.Map
		w.running.Go(func() { w.pipe(server, client, func(b []byte) bool { doomed.Store(0, w.dooms(b)); return true }) })
		w.running.Go(func() {
			w.pipe(client, server, func([]byte) bool { lost, _ := doomed.Load(0); return w.pass(lost == true) })
		})
	}
}

// dooms reports whether the reply to a call is to be lost.
func (w *wire) dooms(call []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range w.match {
		if w.lose > 0 && bytes.Contains(call, text) {
			w.lose--
			w.lost++
			return true
		}
	}
	return false
}

// pass waits as long as replies take, and reports whether this one arrives.
func (w *wire) pass(lost bool) bool {
	w.mu.Lock()
	delay := w.delay
	w.mu.Unlock()
	if delay > 0 {
		<-time.After(delay)
	}
	return !lost
}

// pipe copies what passes from one side to the other, until one of them ends.
func (w *wire) pipe(dst, src net.Conn, passes func([]byte) bool) {
	defer func() {
		_, _ = dst.Close(), src.Close()
		w.mu.Lock()
		delete(w.conns, src)
		w.mu.Unlock()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if err != nil || !passes(buf[:n]) {
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}
