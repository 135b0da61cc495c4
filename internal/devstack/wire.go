package devstack

import (
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Wire stands between the embedded broker and its clients. It loses answers: the
// broker has done what it was asked, the connection breaks before it can say so.
// Or it holds them up. Its methods may be called at any time.
type Wire struct {
	mu   sync.Mutex
	lose map[kmsg.Key]int // how many more answers of a kind get lost; below zero all
	hold map[kmsg.Key]time.Duration
	lost int
}

// NewWire returns a wire that passes everything on.
func NewWire() *Wire { return &Wire{lose: map[kmsg.Key]int{}, hold: map[kmsg.Key]time.Duration{}} }

// Slow holds up all answers of a kind from now on; zero ends it.
func (w *Wire) Slow(key kmsg.Key, by time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hold[key] = by
}

func (w *Wire) holds(key kmsg.Key) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.hold[key]
}

// Cut loses the next n answers of a kind; n below zero means all of them.
func (w *Wire) Cut(key kmsg.Key, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose[key] = n
}

// Mend loses nothing any more.
func (w *Wire) Mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.lose)
}

func (w *Wire) takes(key kmsg.Key) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lose[key] == 0 {
		return false
	}
	w.lose[key]--
	w.lost++
	return true
}

// Lost is how many answers got lost.
func (w *Wire) Lost() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

// Listen returns a function for kfake.ListenFn on top of another one.
func (w *Wire) Listen(next func(network, address string) (net.Listener, error)) func(network, address string) (net.Listener, error) {
	return func(network, address string) (net.Listener, error) {
		listener, err := next(network, address)
		return wireListener{listener, w}, err
	}
}

type wireListener struct {
	net.Listener
	wire *Wire
}

func (l wireListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &wireConn{Conn: conn, wire: l.wire, keys: map[uint32]kmsg.Key{}}, nil
}

// wireConn is the broker's end of a connection. It follows the requests that
// come in to know what each answer is an answer to.
type wireConn struct {
	net.Conn
	wire *Wire

	header []byte // of the request that is being read: size, key, version, correlation id
	body   int    // bytes of it that are still to come

	mu   sync.Mutex
	keys map[uint32]kmsg.Key // by correlation id; under mu, requests are read while answers are written
}

func (c *wireConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	for read := p[:n]; len(read) > 0; {
		if c.body > 0 {
			skip := min(c.body, len(read))
			c.body, read = c.body-skip, read[skip:]
			continue
		}
		take := min(12-len(c.header), len(read))
		c.header, read = append(c.header, read[:take]...), read[take:]
		if len(c.header) == 12 {
			c.mu.Lock()
			c.keys[binary.BigEndian.Uint32(c.header[8:])] = kmsg.Key(binary.BigEndian.Uint16(c.header[4:])) //nolint:gosec // keys are small numbers
			c.mu.Unlock()
			c.body = int(binary.BigEndian.Uint32(c.header)) - 8
			c.header = c.header[:0]
		}
	}
	return n, err
}

// Write gets one whole answer a call.
func (c *wireConn) Write(p []byte) (int, error) {
	id := binary.BigEndian.Uint32(p[4:8])
	c.mu.Lock()
	key := c.keys[id]
	delete(c.keys, id)
	c.mu.Unlock()
	time.Sleep(c.wire.holds(key))
	if c.wire.takes(key) {
		_ = c.Conn.Close()
		return 0, errors.New("the answer got lost")
	}
	return c.Conn.Write(p)
}
