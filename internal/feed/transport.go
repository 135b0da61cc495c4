package feed

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/careerstream/careerstream/internal/secret"
)

const (
	keyHeader      = "X-Api-Key"
	maxHeaderBytes = 64 << 10
	dialTimeout    = 10 * time.Second
	// idleTimeout is shorter than what servers and load balancers use (60 s and
	// more): a kept connection that the server closes while a request is written
	// to it makes that request's outcome unknown.
	idleTimeout = 30 * time.Second
)

// newTransport returns a transport with nothing shared and nothing implicit.
func newTransport(cfg Config) *http.Transport {
	tlsConfig := &tls.Config{}
	if cfg.TLS != nil {
		tlsConfig = cfg.TLS.Clone()
	}
	tlsConfig.MinVersion = max(tlsConfig.MinVersion, tls.VersionTLS12)
	dial := cfg.DialContext
	if dial == nil {
		dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	protocols := new(http.Protocols)
	// HTTP/1.1 alone: requests go one by one, so HTTP/2 gains nothing, and Go's
	// transport for it sends a request again by itself when the peer answers
	// with a protocol error. A try that is not counted may be a page paid twice.
	protocols.SetHTTP1(true)
	return &http.Transport{
		// No proxy, not even from the environment: over plain http it would see
		// the key, and an HTTP_PROXY that was set for something else must not
		// decide where a paid request goes.
		Proxy:                  nil,
		DialContext:            dial,
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  cfg.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConnsPerHost:    cfg.Parallel,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

// keyed puts the API key on requests to one origin, and refuses all others: the
// key can't leave for another host, port or scheme, whatever asks for it.
type keyed struct {
	next   http.RoundTripper
	origin string
	keys   *keys
}

// RoundTrip implements http.RoundTripper.
func (k *keyed) RoundTrip(req *http.Request) (*http.Response, error) {
	if got := origin(req.URL); got != k.origin {
		return nil, fmt.Errorf("request to %s refused: the API key belongs to %s", got, k.origin)
	}
	req = req.Clone(req.Context()) // a RoundTripper must not change its request
	req.Header.Set(keyHeader, k.keys.now().Reveal())
	return k.next.RoundTrip(req)
}

// keys are the API key in use and those that it replaced. The old ones are kept
// because a request that began with one may still end, with an error that quotes
// it; a process sees a handful in its life.
type keys struct {
	all atomic.Pointer[[]secret.String]
} // the newest last

func newKeys(key secret.String) *keys {
	k := new(keys)
	k.all.Store(&[]secret.String{key})
	return k
}

// now returns the key for the next request.
func (k *keys) now() secret.String {
	all := *k.all.Load()
	return all[len(all)-1]
}

// set makes key the newest one. What a reader holds is never written to.
func (k *keys) set(key secret.String) {
	for {
		old := k.all.Load()
		next := append(slices.DeleteFunc(slices.Clone(*old), func(s secret.String) bool { return s == key }), key)
		if k.all.CompareAndSwap(old, &next) {
			return
		}
	}
}

// redact returns s with every key masked.
func (k *keys) redact(s string) string {
	for _, key := range *k.all.Load() {
		s = strings.ReplaceAll(s, key.Reveal(), "***")
	}
	return s
}

// origin is scheme, host and port of u, the port always spelled out.
func origin(u *url.URL) string {
	port := u.Port()
	switch {
	case port != "":
	case u.Scheme == "https":
		port = "443"
	default:
		port = "80"
	}
	return u.Scheme + "://" + net.JoinHostPort(u.Hostname(), port)
}
