//go:build unix

package main_test

import (
	"net"
	"time"
)

// late makes what a server answers arrive later, as a network would: answers are
// on their way at the same time.
type late struct{ by time.Duration }

func (l *late) listen(network, address string) (net.Listener, error) {
	ln, err := net.Listen(network, address)
	if err != nil || l.by == 0 {
		return ln, err
	}
	return &lateListener{Listener: ln, by: l.by}, nil
}

type lateListener struct {
	net.Listener
	by time.Duration
}

func (l *lateListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &lateConn{Conn: conn, by: l.by, queue: make(chan answer, 1024), gone: make(chan struct{})}
	go c.deliver()
	return c, nil
}

// answer is what is written to a lateConn, and when it may arrive.
type answer struct {
	bytes []byte
	due   time.Time
}

type lateConn struct {
	net.Conn
	by    time.Duration
	queue chan answer
	gone  chan struct{} // closed with the connection
}

// Write queues a copy of p.
func (c *lateConn) Write(p []byte) (int, error) {
	select {
	case c.queue <- answer{append([]byte(nil), p...), time.Now().Add(c.by)}:
		return len(p), nil
	case <-c.gone:
		return 0, net.ErrClosed
	}
}

func (c *lateConn) deliver() {
	for {
		select {
		case a := <-c.queue:
			time.Sleep(time.Until(a.due)) // what is simulated, not synchronisation
			if _, err := c.Conn.Write(a.bytes); err != nil {
				return // the reader at the other end is gone
			}
		case <-c.gone:
			return
		}
	}
}

// Close closes the connection once.
func (c *lateConn) Close() error {
	err := c.Conn.Close()
	select {
	case <-c.gone:
	default:
		close(c.gone)
	}
	return err
}
