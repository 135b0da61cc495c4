package feed

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/secret"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (r roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return r(req) }

func TestTheKeyLeavesForItsOwnOriginAlone(t *testing.T) {
	t.Parallel()
	errSent := errors.New("sent")
	for to, good := range map[string]bool{
		"https://feed.example/a":          true,
		"https://feed.example:443/b":      true,
		"http://feed.example/a":           false,
		"https://feed.example:8443/a":     false,
		"https://other.example/a":         false,
		"https://feed.example.evil/a":     false,
		"https://feed.example@evil/a":     false,
		"https://sub.feed.example/a":      false,
		"http://feed.example:443/a":       false,
		"https://[::ffff:192.0.2.1]/a":    false,
		"https://evil/https/feed.example": false,
	} {
		base, err := url.Parse("https://feed.example")
		if err != nil {
			t.Fatal(err)
		}
		k := &keyed{keys: newKeys(secret.New("key")), origin: origin(base), next: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("X-Api-Key") != "key" {
				t.Error("the key is not on the request")
			}
			return nil, errSent
		})}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.RoundTrip(req) //nolint:bodyclose // there is none
		if got := errors.Is(err, errSent); got != good {
			t.Errorf("to %s: %v, want sent %v", to, err, good)
		}
		if req.Header.Get("X-Api-Key") != "" {
			t.Errorf("to %s: the caller's request was changed", to)
		}
	}
}

func TestTheTransportIsClosedToSurprises(t *testing.T) {
	t.Parallel()
	tr := newTransport(Config{}.withDefaults())
	if tr.Proxy != nil {
		t.Error("a proxy is asked for")
	}
	if !tr.DisableCompression || tr.Protocols.HTTP2() || !tr.Protocols.HTTP1() {
		t.Errorf("compression disabled %v, protocols %v; want true, HTTP/1 alone", tr.DisableCompression, tr.Protocols)
	}
	if tr.MaxResponseHeaderBytes != 64<<10 || tr.ResponseHeaderTimeout != DefaultTimeout {
		t.Errorf("header limit %d, timeout %v", tr.MaxResponseHeaderBytes, tr.ResponseHeaderTimeout)
	}
}

func TestCursorsShowAsDigests(t *testing.T) {
	t.Parallel()
	q := Query{Cursor: Cursor("a\n" + strings.Repeat("secret", 3))}
	if _, err := q.body(); err == nil || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), q.Cursor.String()) {
		t.Errorf("error is %v, want the cursor's digest %v and not the cursor", err, q.Cursor)
	}
}
