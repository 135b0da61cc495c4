package feed

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
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
		MaxIdleConnsPerHost:    2,
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
	key    secret.String
}

// RoundTrip implements http.RoundTripper.
func (k *keyed) RoundTrip(req *http.Request) (*http.Response, error) {
	if got := origin(req.URL); got != k.origin {
		return nil, fmt.Errorf("request to %s refused: the API key belongs to %s", got, k.origin)
	}
	req = req.Clone(req.Context()) // a RoundTripper must not change its request
	req.Header.Set(keyHeader, k.key.Reveal())
	return k.next.RoundTrip(req)
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
