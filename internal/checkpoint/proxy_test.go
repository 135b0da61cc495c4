package checkpoint_test

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// proxy stands between a client and a server, and can lose replies.
type proxy struct {
	listener net.Listener
	server   string
	wg       sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	// match is what the call whose reply is to be lost has in it; losses how
	// many such replies are left to lose.
	match  []byte
	losses int
	// mute makes the proxy swallow all replies and keep connections open.
	mute bool
	seen int // calls that matched
}

// newProxy starts a proxy before the server at addr.
func newProxy(t *testing.T, addr string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, server: addr, conns: map[net.Conn]struct{}{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// lose makes the proxy cut the connection in place of the reply to each of the
// next n calls that contain match. The server has executed them by then.
func (p *proxy) lose(match string, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.match, p.losses, p.seen = []byte(match), n, 0
}

// calls returns how many calls contained what lose was told.
func (p *proxy) calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

func (p *proxy) setMute(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
}

// close ends the proxy and all connections through it.
func (p *proxy) close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", p.server, time.Second)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = struct{}{}, struct{}{}
		p.mu.Unlock()
		var cut lossy
		p.wg.Go(func() { p.pipe(server, client, func(b []byte) bool { cut.set(p.request(b)); return true }) })
		p.wg.Go(func() { p.pipe(client, server, func([]byte) bool { return p.reply(&cut) }) })
	}
}

// lossy says whether the reply that comes next on a connection is to be lost. A
// client sends one call at a time on a connection, and waits for the reply.
type lossy struct {
	mu   sync.Mutex
	lose bool
}

func (l *lossy) set(lose bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lose = lose
}

// request counts a call and reports whether its reply is to be lost.
func (p *proxy) request(b []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.match) == 0 || !bytes.Contains(b, p.match) {
		return false
	}
	p.seen++
	p.losses--
	return p.losses >= 0
}

// reply reports whether a reply may pass.
func (p *proxy) reply(cut *lossy) bool {
	p.mu.Lock()
	mute := p.mute
	p.mu.Unlock()
	cut.mu.Lock()
	defer cut.mu.Unlock()
	return !mute && !cut.lose
}

// pipe copies from src to dst what pass lets pass, and ends both otherwise. A
// mute proxy swallows it instead.
func (p *proxy) pipe(dst, src net.Conn, pass func([]byte) bool) {
	defer func() {
		_, _ = dst.Close(), src.Close()
		p.mu.Lock()
		delete(p.conns, src)
		p.mu.Unlock()
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if err != nil {
			return
		}
		if !pass(buf[:n]) {
			p.mu.Lock()
			mute := p.mute
			p.mu.Unlock()
			if mute {
				continue
			}
			return
		}
		if _, err := io.Copy(dst, bytes.NewReader(buf[:n])); err != nil {
			return
		}
	}
}
