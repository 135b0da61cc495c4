package company_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/secret"
)

func TestARequestSaysWhatItWants(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, answer(200, good), func(c *company.Config) { c.UserAgent = "tests" })
		if _, err := f.get(t, ""); err != nil {
			t.Fatal(err)
		}
		r := f.sent()[0]
		if r.Method != http.MethodGet || r.RequestURI != "/api/companies/"+id || r.Host != "localhost:8080" || r.ContentLength != 0 {
			t.Errorf("got %s %s for %s with %d bytes", r.Method, r.RequestURI, r.Host, r.ContentLength)
		}
		want := http.Header{
			"Accept": {"application/json, application/problem+json"}, "Accept-Encoding": {"identity"},
			"User-Agent": {"tests"}, "X-Api-Key": {canary},
		}
		for name := range r.Header {
			if got := r.Header.Get(name); got != want.Get(name) {
				t.Errorf("header %s: got %q, want %q", name, got, want.Get(name))
			}
		}
		if len(r.Header) != len(want) {
			t.Errorf("got the headers %v, want %v", r.Header, want)
		}
	})
}

func TestAnETagIsSentAndComesBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			name, pass, sent string
			handler          http.HandlerFunc
			want             string
			etag             string
		}{
			{"first time", "", "", answer(200, good, "ETag", `W/"a"`), "profile", `W/"a"`},
			{"no ETag", "", "", answer(200, good), "profile", ""},
			{"unchanged", `W/"a"`, `W/"a"`, answer(304, "", "ETag", `W/"b"`), "unchanged", `W/"b"`},
			{"unchanged, not named", `"a, b"`, `"a, b"`, answer(304, ""), "unchanged", `"a, b"`},
			{"changed", `"a"`, `"a"`, answer(200, good, "ETag", `"b"`), "profile", `"b"`},
			{"unchanged from what", "", "", answer(304, ""), "bad_profile", ""},
			{"any", "*", "", answer(304, ""), "bad_profile", ""},
			{"a line end", "\"a\"\r\nX: y", "", answer(200, good), "profile", ""},
			{"not ASCII", "\"\u00e9\"", "", answer(200, good), "profile", ""},
			{"too long", strings.Repeat("a", 1025), "", answer(200, good), "profile", ""},
			{"can't be sent again", "", "", answer(200, good, "ETag", strings.Repeat("a", 1025)), "profile", ""},
		} {
			f := newFixture(t, c.handler)
			a, err := f.get(t, c.pass)
			got := outcome(err)
			if a.NotModified {
				got = "unchanged"
			}
			if got != c.want || a.ETag != c.etag || (a.Profile != nil) != (got == "profile") {
				t.Errorf("%s: got %s with ETag %q and profile %q (%v), want %s with %q", c.name, got, a.ETag, a.Profile, err, c.want, c.etag)
			}
			if sent := f.sent()[0].Header.Get("If-None-Match"); sent != c.sent {
				t.Errorf("%s: If-None-Match is %q, want %q", c.name, sent, c.sent)
			}
		}
	})
}

func TestAnAnswerHasItsTimes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		a, err := newFixture(t, func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(3 * time.Second) // virtual
			answer(200, good)(w, r)
		}).get(t, "")
		if err != nil {
			t.Fatal(err)
		}
		if want := begin.Add(3 * time.Second); !a.FetchedAt.Equal(want) || a.FetchedAt.Location() != time.UTC || a.Took != 3*time.Second {
			t.Errorf("fetched at %v in %v, want %v in 3 s", a.FetchedAt, a.Took, want)
		}
	})
}

// The transport would send a GET again by itself when a kept connection ends.
func TestATryIsOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, inTurn(answer(200, good), wire(""), answer(200, good)))
		for i, want := range []string{"profile", "again", "profile"} {
			if _, err := f.get(t, ""); outcome(err) != want {
				t.Errorf("try %d: got %v, want %s", i+1, err, want)
			}
			if got := len(f.sent()); got != i+1 {
				t.Errorf("after try %d: %d requests arrived", i+1, got)
			}
		}
	})
}

func TestATryEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		errStop := errors.New("stop")
		f := newFixture(t, silent)
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errStop) })
		_, err := f.client.Get(ctx, id, "", "")
		if !errors.Is(err, errStop) || outcome(err) != "again" {
			t.Errorf("got %v, want %v", err, errStop)
		}
		if _, err = f.client.Get(ctx, id, "", ""); !errors.Is(err, errStop) {
			t.Errorf("after the end: got %v, want %v", err, errStop)
		}
		if got := len(f.sent()); got != 1 {
			t.Errorf("%d requests arrived, want 1", got)
		}
	})
}

func TestAPrivateCAIsTrustedAndAnotherIsNot(t *testing.T) {
	t.Parallel()
	var keys atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && r.Header.Get("X-Api-Key") == canary && r.Header.Get("Accept-Encoding") == "identity" {
			keys.Add(1)
		}
		answer(200, good)(w, r)
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of clients that do not trust it
	server.StartTLS()
	t.Cleanup(server.Close)
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	cfg := company.Config{BaseURL: server.URL, Key: secret.New(canary), SendKey: true, TLS: &tls.Config{RootCAs: pool}}
	a, err := newClient(t, cfg).Get(t.Context(), id, server.URL+"/x", "")
	if err != nil || string(a.Profile) != good || keys.Load() != 1 {
		t.Errorf("got %q, %v and %d keys, want the profile and one", a.Profile, err, keys.Load())
	}
	cfg.TLS = nil
	if _, err := newClient(t, cfg).Get(t.Context(), id, "", ""); outcome(err) != "again" || keys.Load() != 1 {
		t.Errorf("without the CA: got %v and %d keys, want a failure and no further one", err, keys.Load())
	}
}

// No test runs beside it: it changes the environment.
func TestNoProxyOfTheEnvironmentIsUsed(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://proxy.example:3128")
	}
	var dialed []string
	client := newClient(t, company.Config{
		BaseURL: "http://api.example", Insecure: true, Hosts: []string{"api.example:80", "jobo.example"},
		DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			dialed = append(dialed, addr)
			return nil, errDialed
		},
	})
	for _, to := range []string{"", "https://jobo.example/x"} {
		if _, err := client.Get(t.Context(), id, to, ""); !errors.Is(err, errDialed) {
			t.Errorf("got %v, want %v", err, errDialed)
		}
	}
	if got, want := strings.Join(dialed, " "), "api.example:80 jobo.example:443"; got != want {
		t.Errorf("dialed %s, want %s", got, want)
	}
}

func TestHostNamesTheServer(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://A.example/x":     "a.example:443",
		"https://a.example:443/y": "a.example:443",
		"http://a.example":        "a.example:80",
		"http://[::1]:8080/":      "[::1]:8080",
		"/x":                      "",
		"https://a b/":            "",
	} {
		if got := company.Host(given); got != want {
			t.Errorf("%s: got %q, want %q", given, got, want)
		}
	}
}

func TestOtherErrorsMayPass(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, context.Canceled, errDialed} {
		if verdict, reason, wait := company.Judge(err); verdict != company.Again || reason != "" || wait != 0 {
			t.Errorf("%v: got %v, %q and %v, want again", err, verdict, reason, wait)
		}
		if got := company.LimitsOf(err); got.Known {
			t.Errorf("%v: got the limits %+v, want none", err, got)
		}
	}
}
