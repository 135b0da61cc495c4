package company_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/schemas"
)

func TestTheKeyFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	for _, code := range []int{300, 301, 302, 303, 305, 307, 308, 399} {
		var strangers, asked atomic.Int32
		serve := func(count *atomic.Int32, location string) *httptest.Server {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				count.Add(1)
				w.Header().Set("Location", location)
				w.WriteHeader(code)
			}))
			t.Cleanup(s.Close)
			return s
		}
		second := serve(&strangers, "/")
		first := serve(&strangers, second.URL)
		for _, to := range []string{first.URL, "/api/companies/" + id, "https://u:hunter2@other.example/" + canary + "?hunter2#hunter2", "https:x", ""} {
			asked.Store(0)
			home := serve(&asked, to)
			client := newClient(t, company.Config{BaseURL: home.URL, SendKey: true, Key: secret.New(canary)})
			_, err := client.Get(t.Context(), id, "", "")
			var refused *company.RefusedError
			if !errors.As(err, &refused) || refused.Reason != schemas.ReasonURLRedirect || refused.Status != code {
				t.Errorf("%d to %s: got %v, want reason %s", code, to, err, schemas.ReasonURLRedirect)
			}
			if printed := printedChain(err); strings.Contains(printed, canary) || strings.Contains(printed, "hunter2") {
				t.Errorf("%d to %s: a secret shows in %v", code, to, err)
			}
			if asked.Load() != 1 || strangers.Load() != 0 {
				t.Errorf("%d to %s: %d requests to the API, %d to others, want 1 and 0", code, to, asked.Load(), strangers.Load())
			}
		}
	}
}

// Every host is the same server here, which tells what it got.
func TestTheKeyGoesToTheAPIsOwnOriginAlone(t *testing.T) {
	t.Parallel()
	hosts := []string{"connect.example", "connect.example:8443", "www.connect.example", "jobo.example", "*.connect.example"}
	for _, c := range []struct {
		url  string
		send bool
		want string
	}{
		{"http://connect.example/x", true, canary},
		{"http://connect.example:80/x", true, canary},
		{"http://CONNECT.example/y?z", true, canary},
		{"http://connect.example/x", false, ""},
		{"https://connect.example/x", true, ""},
		{"https://connect.example:8443/x", true, ""},
		{"https://www.connect.example/x", true, ""},
		{"https://jobo.example/x", true, ""},
	} {
		rt := &recorder{}
		client := newClient(t, company.Config{
			BaseURL: "http://connect.example", Insecure: true, Hosts: append(hosts, "connect.example:80"),
			Key: secret.New(canary), SendKey: c.send, Wrap: func(http.RoundTripper) http.RoundTripper { return rt },
		})
		_, err := client.Get(t.Context(), id, c.url, "")
		if !errors.Is(err, errDialed) || rt.key != c.want {
			t.Errorf("%s, to be sent %v: got the key %q and %v, want %q", c.url, c.send, rt.key, err, c.want)
		}
	}
}

// recorder notes the key on a request and sends nothing.
type recorder struct{ key string }

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.key = req.Header.Get("X-Api-Key")
	return nil, errDialed
}

func TestANewKeyIsOnTheNextRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t, answer(200, good))
		next := strings.ReplaceAll(canary, "canary", "fresh1")
		for _, key := range []string{canary, next} {
			if err := f.client.SetKey(secret.New(key)); err != nil {
				t.Fatal(err)
			}
			for _, bad := range []string{"", "with a space", "line\n", "k\u00e9y"} {
				if err := f.client.SetKey(secret.New(bad)); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
					t.Errorf("%q: got %v, want an error that does not repeat it", bad, err)
				}
			}
			if _, err := f.get(t, ""); err != nil {
				t.Fatal(err)
			}
			sent := f.sent()
			if got := sent[len(sent)-1].Header.Get("X-Api-Key"); got != key {
				t.Errorf("got the key %q, want %q", got, key)
			}
		}
	})
}

// forms are the ways in which a key could show.
func forms(key string) []string {
	return []string{key, key[4:40], base64.StdEncoding.EncodeToString([]byte(key))[:40], fmt.Sprintf("%x", key)[:40]}
}

func TestNoKeyIsInAnyError(t *testing.T) {
	t.Parallel()
	old := strings.ReplaceAll(canary, "canary", "stale0") // a request may have begun with it
	padded := strings.Repeat("x", 280) + canary
	other, err := json.Marshal(map[string]string{"id": canary})
	if err != nil {
		t.Fatal(err)
	}
	for name, handler := range map[string]http.HandlerFunc{
		"problem":           answer(400, `{"title":"`+canary+`","detail":"key `+old+` is wrong","code":"`+canary+`"}`),
		"at the cut":        answer(400, `{"title":"`+padded+`"}`),
		"split by controls": answer(400, `{"title":"`+canary[:20]+`\u0000`+canary[20:]+`"}`),
		"401":               answer(401, `{"status":401,"error":"`+canary+`"}`),
		"503":               answer(503, `{"status":503,"error":"`+canary+`"}`),
		"plain text":        answer(400, canary, "Content-Type", "text/plain"),
		"content type":      answer(200, "", "Content-Type", "text/"+canary),
		"content encoding":  answer(200, "", "Content-Encoding", canary),
		"member name":       answer(200, `{"`+canary+`":1,"`+canary+`":2}`),
		"other company":     answer(200, string(other)),
		"not JSON":          answer(200, canary),
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
				f := newFixture(t, handler, func(c *company.Config) { c.Key = secret.New(old) })
				if err := f.client.SetKey(secret.New(canary)); err != nil {
					t.Fatal(err)
				}
				_, err := f.client.Get(t.Context(), id, "http://localhost:8080/x?key="+canary, "")
				if err == nil {
					t.Fatal("no error")
				}
				printed := fmt.Sprintf("%+v %#v", f.client, f.client) + printedChain(err)
				for _, form := range append(forms(canary), forms(old)...) {
					if strings.Contains(printed, form) {
						t.Errorf("%q shows in %s", form, printed)
					}
				}
			})
		})
	}
}
