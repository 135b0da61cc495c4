package feed_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/secret"
)

func TestTheKeyFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, code := range []int{301, 302, 303, 307, 308} {
		var strangers atomic.Int32
		stranger := func(next string) *httptest.Server {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				strangers.Add(1)
				http.Redirect(w, r, next, code)
			}))
			t.Cleanup(s.Close)
			return s
		}
		second := stranger("/")
		first := stranger(second.URL)
		for _, to := range []string{first.URL, "/api/career-sites/feed", "https://other.example/"} {
			var asked atomic.Int32
			origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked.Add(1)
				http.Redirect(w, r, to, code)
			}))
			t.Cleanup(origin.Close)
			client, err := feed.New(feed.Config{BaseURL: origin.URL, Key: secret.New(canary)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(client.Close)
			_, err = client.Page(t.Context(), feed.Query{})
			var e *feed.StatusError
			if !errors.As(err, &e) || e.Status != code {
				t.Errorf("%d to %s: %v, want a *StatusError", code, to, err)
			}
			if asked.Load() != 1 || strangers.Load() != 0 {
				t.Errorf("%d to %s: %d requests to the feed, %d to others, want 1 and 0", code, to, asked.Load(), strangers.Load())
			}
		}
	}
}

func TestANewKeyIsOnTheNextRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var f *fixture
		next := strings.ReplaceAll(canary, "canary", "fresh1")
		// The key is replaced while the first try is under way, which then fails.
		f = newFixture(t, inTurn(func(w http.ResponseWriter, r *http.Request) {
			if err := f.client.SetKey(secret.New(next)); err != nil {
				t.Error(err)
			}
			status(503, "")(w, r)
		}, good(1)))
		if _, err := f.client.Page(t.Context(), feed.Query{}); err != nil {
			t.Fatal(err)
		}
		for i, want := range []string{canary, next} {
			if got := f.requests[i].header.Get("X-Api-Key"); got != want {
				t.Errorf("request %d: got the key %q, want %q", i+1, got, want)
			}
		}
	})
}

func TestAnUnusableKeyIsRefusedAndTheOldOneStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, good(1))
		for _, bad := range []string{"", "with a space", "line\n", "k\u00e9y", "tab\t"} {
			err := f.client.SetKey(secret.New(bad))
			if err == nil || bad != "" && strings.Contains(err.Error(), bad) {
				t.Errorf("%q: got %v, want an error that does not repeat it", bad, err)
			}
		}
		if _, err := f.client.Page(t.Context(), feed.Query{}); err != nil {
			t.Fatal(err)
		}
		if got := f.requests[0].header.Get("X-Api-Key"); got != canary {
			t.Errorf("got the key %q, want the old one", got)
		}
	})
}

// A request that began with the old key may end after the rotation.
func TestNeitherTheOldKeyNorTheNewIsInAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := strings.ReplaceAll(canary, "canary", "fresh1")
		f := newFixture(t, status(400, `{"title":"`+canary+`","detail":"`+next+`"}`))
		for range 3 { // and back, which makes neither of them forgotten
			for _, key := range []string{next, canary} {
				if err := f.client.SetKey(secret.New(key)); err != nil {
					t.Fatal(err)
				}
			}
		}
		_, err := f.client.Page(t.Context(), feed.Query{})
		if err == nil {
			t.Fatal("no error")
		}
		for _, key := range []string{canary, next} {
			if strings.Contains(printedChain(err), key) {
				t.Errorf("a key shows in %v", err)
			}
		}
	})
}

// forms are the ways in which a key could show.
func forms() []string {
	return []string{canary, canary[4:40], base64.StdEncoding.EncodeToString([]byte(canary))[:40], fmt.Sprintf("%x", canary)[:40]}
}

func TestTheKeyIsInNoError(t *testing.T) {
	t.Parallel()
	padded := strings.Repeat("x", 280) + canary
	for name, answer := range map[string]http.HandlerFunc{
		"problem":           status(400, `{"title":"`+canary+`","detail":"key `+canary+` is wrong","code":"`+canary+`"}`),
		"at the cut":        status(400, `{"title":"`+padded+`"}`),
		"split by controls": status(400, `{"title":"`+canary[:20]+`\u0000`+canary[20:]+`"}`),
		"401":               status(401, `{"status":401,"error":"`+canary+`"}`),
		"402":               status(402, `{"status":402,"error":"`+canary+`"}`),
		"503":               status(503, `{"status":503,"error":"`+canary+`"}`),
		"plain text":        func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, 400) },
		"redirect":          status(302, "", "Location", "https://other.example/"+canary),
		"content type":      typed("text/"+canary, ""),
		"content encoding":  encoded(canary, ""),
		"member name":       jsonBody(`{"` + canary + `":1,"` + canary + `":2}`),
		"status line":       wire("HTTP/1.1 " + canary + "\r\n\r\n"),
		"2xx status line":   wire("HTTP/1.1 299 " + canary + "\r\n\r\n"),
		"header line":       wire("HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n"),
		"transfer encoding": wire("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + canary + "\r\n\r\n"),
		"chunk":             wire(head("Transfer-Encoding: chunked") + canary + "\r\n"),
		"everything it got": wire("X-Api-Key: " + canary + "\r\n\r\n"),
		"no answer":         wire(""),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, answer)
				_, err := f.client.Page(t.Context(), feed.Query{})
				if err == nil {
					t.Fatal("no error")
				}
				printed := fmt.Sprintf("%+v %#v %+v", f.client, f.client, f.attempts) + printedChain(err)
				for _, form := range forms() {
					if strings.Contains(printed, form) {
						t.Errorf("%q shows in %s", form, printed)
					}
				}
			})
		})
	}
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
