package feed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/secret"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is the API key of the tests, in the shape of the vendor's.
const canary = "jbe_test_abcdefghijklmnopqrstu_canary0123456789canary0123456789canary01234"

// fixture is a feed whose network is in memory, so that it works under synctest
// with virtual time, and a client of it.
type fixture struct {
	client *feed.Client

	mu       sync.Mutex
	requests []request
	attempts []feed.Attempt
}

type request struct {
	method, path, query string
	header              http.Header
	body                string
}

// newFixture serves handler until the test ends. change may bend the client.
func newFixture(t *testing.T, handler http.HandlerFunc, change ...func(*feed.Config)) *fixture {
	t.Helper()
	f := &fixture{}
	network := newPipes()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the client went away
		}
		f.mu.Lock()
		f.requests = append(f.requests, request{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Clone(), string(body)})
		f.mu.Unlock()
		handler(w, r)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(network)
	}()
	cfg := feed.Config{
		BaseURL:     "http://localhost:8080",
		Key:         secret.New(canary),
		DialContext: network.dial,
		Observe:     func(a feed.Attempt) { f.attempts = append(f.attempts, a) },
	}
	for _, c := range change {
		c(&cfg)
	}
	client, err := feed.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.client = client
	t.Cleanup(func() {
		client.Close()
		_ = server.Close()
		<-served
	})
	return f
}

func (f *fixture) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
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

// good answers with a page of n rows and no more.
func good(n int) http.HandlerFunc { return jsonBody(lastPage(n)) }

func jsonBody(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		_, _ = io.WriteString(w, body)
	}
}

// status answers with an error; headers are pairs of name and value.
func status(code int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
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
func wire(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err) // of the server of the test
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, answer)
	}
}

// head is the beginning of a good answer on the wire; extra are header lines.
func head(extra ...string) string {
	lines := append([]string{"HTTP/1.1 200 OK", "Content-Type: application/json"}, extra...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func site(id string) string {
	return fmt.Sprintf(`{"id":%q,"name":"A company","updated_at":"2026-02-03T04:05:06.789Z"}`, id)
}

func sites(n int) string {
	rows := make([]string, n)
	for i := range rows {
		rows[i] = site(fmt.Sprintf("id-%d", i))
	}
	return strings.Join(rows, ",")
}

func lastPage(n int) string {
	return `{"career_sites":[` + sites(n) + `],"next_cursor":null,"has_more":false}`
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
