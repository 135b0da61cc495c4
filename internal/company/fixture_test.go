package company_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// canary is the API key of the tests, in the shape of the vendor's.
	canary = "jbe_test_abcdefghijklmnopqrstu_canary0123456789canary0123456789canary01234"
	id     = "0b5d7c1e-0000-4000-8000-000000000001"
	good   = `{"id":"` + id + `","name":"A company"}`
)

// fixture is an API whose network is in memory, so that it works under synctest
// with virtual time, and a client of it.
type fixture struct {
	client *company.Client

	mu       sync.Mutex
	requests []*http.Request
}

// newFixture serves handler until the test ends. change may bend the client.
func newFixture(t *testing.T, handler http.HandlerFunc, change ...func(*company.Config)) *fixture {
	t.Helper()
	f := &fixture{}
	network := newPipes()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r)
		f.mu.Unlock()
		handler(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(network)
	}()
	cfg := company.Config{
		BaseURL:     "http://localhost:8080",
		Key:         secret.New(canary),
		SendKey:     true,
		DialContext: network.dial,
	}
	for _, c := range change {
		c(&cfg)
	}
	f.client = newClient(t, cfg)
	t.Cleanup(func() {
		f.client.Close()
		_ = server.Close()
		<-served
	})
	return f
}

func newClient(t testing.TB, cfg company.Config) *company.Client {
	t.Helper()
	client, err := company.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// get asks for the company that the tests are about at the API itself.
func (f *fixture) get(t *testing.T, etag string) (company.Answer, error) {
	t.Helper()
	to, err := f.client.URL(id, "")
	if err != nil {
		t.Fatal(err)
	}
	return f.client.Get(t.Context(), id, to, etag)
}

// sent returns the requests that arrived.
func (f *fixture) sent() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.requests
}

// inTurn answers the first request with the first handler and so on; the last
// one answers all that follow.
func inTurn(handlers ...http.HandlerFunc) http.HandlerFunc {
	var n int
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		h := handlers[min(n, len(handlers)-1)]
		n++
		mu.Unlock()
		h(w, r)
	}
}

// answer has a status, a body and headers, which are pairs of name and value.
func answer(code int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// silent never answers.
func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// wire answers with exactly these bytes and closes the connection.
func wire(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // of the server of the test
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, text)
	}
}

// head is the beginning of a good answer on the wire; extra are header lines.
func head(extra ...string) string {
	lines := append([]string{"HTTP/1.1 200 OK", "Content-Type: application/json"}, extra...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func zipped(t *testing.T, body string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// outcome is an error of the client as one word: the reason where it has one.
func outcome(err error) string {
	if err == nil {
		return "profile"
	}
	verdict, reason, _ := company.Judge(err)
	if verdict == company.Dead {
		return string(reason)
	}
	return verdict.String()
}

// printedChain prints err and every error within it, in every way.
func printedChain(err error) string {
	if err == nil {
		return ""
	}
	s := fmt.Sprintf("%v\n%+v\n%#v\n", err, err, err)
	switch e := err.(type) { //nolint:errorlint // every link of the chain is wanted
	case interface{ Unwrap() error }:
		s += printedChain(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			s += printedChain(inner)
		}
	}
	return s
}

// resolver answers every name with these addresses, over a network in memory.
func resolver(addresses ...netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			for {
				if serveName(there, addresses) != nil {
					return // the client has hung up
				}
			}
		}()
		return here, nil
	}}
}

// serveName answers one question of DNS over a stream (RFC 1035, 4).
func serveName(conn net.Conn, addresses []netip.Addr) error {
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return err
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return err
	}
	end := bytes.IndexByte(query[12:], 0)
	if end < 0 {
		return errors.New("a question without a name")
	}
	question := query[12 : 12+end+5]
	kind := binary.BigEndian.Uint16(question[end+1:])
	var answers []byte
	count := uint16(0)
	for _, a := range addresses {
		if want := map[bool]uint16{true: 1, false: 28}[a.Is4()]; want != kind {
			continue
		}
		count++
		answers = append(answers, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(a.BitLen()/8))
		answers = append(answers, a.AsSlice()...)
	}
	reply := append(bytes.Clone(query[:2]), 0x81, 0x80, 0, 1, byte(count>>8), byte(count), 0, 0, 0, 0)
	reply = append(append(reply, question...), answers...)
	_, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	return err
}

// pipes is a listener whose connections are net.Pipes.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
