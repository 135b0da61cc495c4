package company

import (
	"context"
	"crypto/tls"
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
	// more): a request on a kept connection that the server closes at the same
	// moment fails.
	idleTimeout = 30 * time.Second
	// maxIdle is how many connections are kept for all hosts together.
	maxIdle = 512
)

// newTransport returns a transport with nothing shared and nothing implicit.
func newTransport(cfg Config, base *url.URL) *http.Transport {
	tlsConfig := &tls.Config{}
	if cfg.TLS != nil {
		tlsConfig = cfg.TLS.Clone()
	}
	tlsConfig.MinVersion = max(tlsConfig.MinVersion, tls.VersionTLS12)
	protocols := new(http.Protocols)
	// HTTP/1.1 alone: Go's transport for HTTP/2 sends a request again by itself,
	// which would not be counted against the request limits.
	protocols.SetHTTP1(true)
	return &http.Transport{
		// No proxy, not even from the environment: it would resolve names itself,
		// out of reach of the judgement of addresses.
		Proxy:                  nil,
		DialContext:            dialFunc(cfg, base),
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    dialTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    cfg.Parallel,
		IdleConnTimeout:        idleTimeout,
		DisableCompression:     true,
		Protocols:              protocols,
	}
}

func dialFunc(cfg Config, base *url.URL) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if cfg.DialContext != nil {
		return cfg.DialContext
	}
	home := ""
	if loopback(base.Hostname()) || cfg.Insecure {
		home = hostPort(base)
	}
	return newDialer(cfg.Resolver, home, cfg.Insecure).DialContext
}

// keyed puts the API key on requests to one origin and on no others.
type keyed struct {
	next   http.RoundTripper
	origin string // empty: no request carries the key
	keys   *keys
}

// RoundTrip implements http.RoundTripper.
func (k *keyed) RoundTrip(req *http.Request) (*http.Response, error) {
	if k.covers(req.URL) {
		req = req.Clone(req.Context()) // a RoundTripper must not change its request
		req.Header.Set(keyHeader, k.keys.now().Reveal())
	}
	return k.next.RoundTrip(req)
}

// covers reports whether a request to u carries the key.
func (k *keyed) covers(u *url.URL) bool { return k.origin != "" && origin(u) == k.origin }

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
		if !key.Empty() {
			s = strings.ReplaceAll(s, key.Reveal(), "***")
		}
	}
	return s
}
