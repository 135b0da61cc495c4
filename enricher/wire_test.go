//go:build unix

package main_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// wires are the connections to a server, which can be cut.
type wires struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	down  bool
}

func (w *wires) listen(network, address string) (net.Listener, error) {
	ln, err := net.Listen(network, address)
	return &tapped{Listener: ln, wires: w}, err
}

// cut closes all connections and refuses new ones until mend.
func (w *wires) cut() {
	w.mu.Lock()
	conns := w.conns
	w.down, w.conns = true, nil
	w.mu.Unlock()
	for c := range conns {
		_ = c.Close() // the next read tells either end
	}
}

func (w *wires) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

// add reports whether a new connection may stay.
func (w *wires) add(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return false
	}
	if w.conns == nil {
		w.conns = make(map[net.Conn]struct{})
	}
	w.conns[c] = struct{}{}
	return true
}

func (w *wires) drop(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
}

// tapped is a listener whose connections are on wires.
type tapped struct {
	net.Listener
	wires *wires
}

func (l *tapped) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		tap := &tappedConn{Conn: c, wires: l.wires}
		if l.wires.add(tap) {
			return tap, nil
		}
		_ = c.Close() // the caller takes it for a server that is away
	}
}

type tappedConn struct {
	net.Conn
	wires *wires
}

func (c *tappedConn) Close() error {
	c.wires.drop(c)
	return c.Conn.Close()
}

// proxy stands before a server until the test ends, and returns its address.
func proxy(t *testing.T, w *wires, server string) string {
	t.Helper()
	ln, err := w.listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // either end may go at any time
		_ = to.Close()
		_ = from.Close()
	}
	running.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return // the end
			}
			up, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			running.Go(func() { pass(up, client) })
			running.Go(func() { pass(client, up) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		w.cut()
		running.Wait()
	})
	return ln.Addr().String()
}
