//go:build unix

package main_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// guardWitness is a server on another port of this machine that nobody may talk
// to. A connection without a request counts too.
func guardWitness(t *testing.T) (port string, connections *atomic.Int64) {
	t.Helper()
	connections = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, connections
}

// guardAsked is what came to the base URL.
type guardAsked struct {
	mu    sync.Mutex
	paths map[string]int
	keys  map[string]int // of X-Api-Key, the empty one included
}

// record answers what begins with /redirect/ with a redirect to another address.
func (a *guardAsked) record(to string) func(api http.Handler) http.Handler {
	a.paths, a.keys = make(map[string]int), make(map[string]int)
	return func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.mu.Lock()
			a.paths[r.URL.Path]++
			a.keys[r.Header.Get("X-Api-Key")]++
			a.mu.Unlock()
			if strings.HasPrefix(r.URL.Path, "/redirect/") {
				http.Redirect(w, r, to, http.StatusFound)
				return
			}
			api.ServeHTTP(w, r)
		})
	}
}

// guardCase is a details_url that must not be asked for. BASE is host:port of the
// base URL, PORT the port that nobody may talk to.
type guardCase struct {
	name, url string
	reason    schemas.DeadLetterReason
	// asked says that the base URL's own host is asked, as it must be for an answer.
	asked bool
}

func guardCases() []guardCase {
	return []guardCase{
		{name: "metadata service", url: "https://169.254.169.254/latest/meta-data/", reason: schemas.ReasonURLIPLiteral},
		{name: "loopback", url: "https://127.0.0.1:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "private", url: "https://10.0.0.1:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "IPv6 loopback", url: "https://[::1]:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "IPv4 in IPv6", url: "https://[::ffff:127.0.0.1]:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "hexadecimal", url: "https://0x7f000001:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "decimal", url: "https://2130706433:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "octal", url: "https://0177.0.0.1:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "fewer parts", url: "https://127.1:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "percent-encoded", url: "https://%31%32%37.0.0.1:PORT/", reason: schemas.ReasonURLMalformed},
		{name: "full width digits", url: "https://１２７.0.0.1:PORT/", reason: schemas.ReasonURLIPLiteral},
		{name: "name of a private address", url: "https://localhost:PORT/", reason: schemas.ReasonURLAddress},
		{name: "user info", url: "http://jobo@BASE/api/companies/x", reason: schemas.ReasonURLUserInfo},
		{name: "host after user info", url: "https://BASE@localhost:PORT/", reason: schemas.ReasonURLUserInfo},
		{name: "another port", url: "http://127.0.0.1:PORT/api/companies/x", reason: schemas.ReasonURLScheme},
		{name: "another port of the name", url: "https://localhost:1/", reason: schemas.ReasonURLHost},
		{name: "http to another host", url: "http://localhost:PORT/", reason: schemas.ReasonURLScheme},
		{name: "another host", url: "https://companies.example/", reason: schemas.ReasonURLHost},
		{name: "host in the front", url: "https://localhost.companies.example:PORT/", reason: schemas.ReasonURLHost},
		{name: "ftp", url: "ftp://localhost:PORT/", reason: schemas.ReasonURLScheme},
		{name: "file", url: "file:///etc/passwd", reason: schemas.ReasonURLScheme},
		{name: "too long", url: "http://BASE/" + strings.Repeat("a", 2049), reason: schemas.ReasonURLTooLong},
		{name: "backslash", url: `http://BASE\@localhost:PORT/`, reason: schemas.ReasonURLMalformed},
		{name: "line break", url: "http://BASE/\r\nX-Api-Key: stolen", reason: schemas.ReasonURLMalformed},
		{name: "no host", url: "/api/companies/x", reason: schemas.ReasonURLMalformed},
		{name: "redirect inside", url: "http://BASE/redirect/1", reason: schemas.ReasonURLRedirect, asked: true},
	}
}

func TestARefusedURLIsADeadLetterAndNoRequest(t *testing.T) {
	t.Parallel()
	port, connections := guardWitness(t)
	var asked guardAsked
	r := newRig(t, simulator.Options{Rows: 1}, asked.record("http://127.0.0.1:"+port+"/inside"))
	r.apply()
	base := strings.TrimPrefix(r.front.URL, "http://")
	fill := strings.NewReplacer("BASE", base, "PORT", port)
	cases := guardCases()
	want := make(map[string]guardCase)
	sites := make(map[string]*kgo.Record)
	for i, c := range cases {
		url := fill.Replace(c.url)
		if c.name == "too long" {
			url = url[:2049] // one byte too many, whatever the port is
		}
		id := fmt.Sprintf("guard-%02d", i)
		value := fmt.Sprintf(`{ "id":%q, "details_url":%q, "updated_at":"2026-01-02T03:04:05Z" }`, id, url)
		want[id], sites[id] = c, &kgo.Record{Key: []byte(id), Value: []byte(value)}
		r.put(r.sites(), sites[id])
	}
	r.putSites() // and one whose URL is as it should be
	p := r.replica("COMPANY_HOSTS=" + base + ",localhost:" + port)
	letters := r.tail(r.letters()).until("the dead letters", rigAtLeast(len(cases)), p)
	r.tail(r.companies()).until("the profile", rigAtLeast(1), p)
	p.stop()
	for _, letter := range letters {
		guardLetter(t, letter, want[string(letter.Key)], sites[string(letter.Key)])
		delete(want, string(letter.Key))
	}
	if len(want) > 0 {
		t.Errorf("these have no dead letter: %v", want)
	}
	if n := connections.Load(); n != 0 {
		t.Errorf("another server of this machine got %d connections, want none", n)
	}
	asked.mu.Lock()
	defer asked.mu.Unlock()
	if len(asked.paths) != 2 || asked.paths["/redirect/1"] != 1 {
		t.Errorf("the base URL was asked for %v, want /redirect/1 and the good company", asked.paths)
	}
	if asked.keys[r.secret] != 2 || len(asked.keys) != 1 {
		t.Errorf("got %d requests with the API key of %v, want the 2 to the base URL", asked.keys[r.secret], asked.keys)
	}
}

// guardLetter checks one dead letter.
func guardLetter(t *testing.T, letter *kgo.Record, c guardCase, site *kgo.Record) {
	t.Helper()
	if site == nil {
		t.Errorf("a dead letter has the key %q, which is none of the companies or has one already", letter.Key)
		return
	}
	if got := rigHeader(letter, schemas.HeaderReason); got != string(c.reason) {
		t.Errorf("%s: got the reason %s (%s), want %s", c.name, got, rigHeader(letter, schemas.HeaderMessage), c.reason)
	}
	if string(letter.Value) != string(site.Value) {
		t.Errorf("%s: got the value %s, want the career site as it was: %s", c.name, letter.Value, site.Value)
	}
	if got := rigHeader(letter, schemas.HeaderOriginTopic); got != site.Topic {
		t.Errorf("%s: got the origin %s, want %s", c.name, got, site.Topic)
	}
	if tries := rigHeader(letter, schemas.HeaderAttempts); c.asked != (tries == "1") && c.reason != schemas.ReasonURLAddress {
		t.Errorf("%s: it was asked for %q times", c.name, tries)
	}
}

func TestTheKeyStaysAtHomeWhereItIsToldTo(t *testing.T) {
	t.Parallel()
	var asked guardAsked
	r := newRig(t, simulator.Options{Rows: 1}, asked.record(""))
	r.apply()
	r.putSites()
	p := r.replica("COMPANY_SEND_KEY=false")
	r.tail(r.companies()).until("the profile", rigAtLeast(1), p)
	p.stop()
	asked.mu.Lock()
	defer asked.mu.Unlock()
	if asked.keys[""] != 1 || len(asked.keys) != 1 {
		t.Errorf("got keys %v, want one request without any", asked.keys)
	}
}
