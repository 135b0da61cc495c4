package company

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/secret"
)

// The defaults of Config.
const (
	DefaultBaseURL = "https://connect.jobo.world"
	DefaultTimeout = 30 * time.Second
	// DefaultMaxBody and DefaultMaxDecoded limit a body before and after gunzip.
	// A profile has 8 to 20 KB, and a topic takes about 1 MB.
	DefaultMaxBody    = 8 << 20
	DefaultMaxDecoded = 8 << 20

	defaultParallel  = 16
	defaultUserAgent = "careerstream (+https://github.com/careerstream/careerstream)"
)

// Config of a Client. Zero fields have the defaults named.
type Config struct {
	// BaseURL is where the API lives; zero means DefaultBaseURL. Plain http is
	// refused except to a loopback address, or with Insecure, and then for
	// BaseURL's own origin alone.
	BaseURL  string
	Insecure bool
	// Hosts are what a details_url may name: "host" (port 443), "host:port", and
	// "*.host" or ".host" for the subdomains at any depth, the host itself not
	// included. Empty means host and port of BaseURL, and where that is
	// connect.jobo.world also jobo.world and its subdomains.
	Hosts []string
	// Key is sent to the origin of BaseURL, and only with SendKey: profiles are
	// public, but the request limits of a key are higher. With SendKey it is
	// required.
	Key     secret.String
	SendKey bool
	// UserAgent names the program to the servers.
	UserAgent string

	// Timeout bounds one try, from the dial to the last byte of its body; zero
	// means DefaultTimeout.
	Timeout time.Duration
	// MaxBody and MaxDecoded are the most bytes that a body may have as sent and
	// after gunzip; zero means DefaultMaxBody and DefaultMaxDecoded.
	MaxBody, MaxDecoded int64
	// Parallel is how many requests may be under way to a host without
	// connecting anew for each; zero means 16.
	Parallel int

	// Wrap, if set, is put around the transport, inside of what adds the key: for
	// traces.
	Wrap func(http.RoundTripper) http.RoundTripper
	// TLS adds to the settings of the connection (a private CA); versions below
	// 1.2 stay refused.
	TLS *tls.Config
	// Resolver is asked for addresses; nil means the system's. What it answers is
	// judged like any other answer.
	Resolver *net.Resolver
	// DialContext replaces the dialer, and with it Resolver and the judgement of
	// addresses: for networks in memory.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (c Config) withDefaults() Config {
	c.BaseURL = cmp.Or(c.BaseURL, DefaultBaseURL)
	c.UserAgent = cmp.Or(c.UserAgent, defaultUserAgent)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.MaxBody = cmp.Or(c.MaxBody, DefaultMaxBody)
	c.MaxDecoded = cmp.Or(c.MaxDecoded, DefaultMaxDecoded)
	c.Parallel = cmp.Or(c.Parallel, defaultParallel)
	return c
}

// base checks the key and the base URL, and returns the latter.
func (c Config) base() (*url.URL, error) {
	if c.SendKey {
		if err := checkKey(c.Key); err != nil {
			return nil, err
		}
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		// url.Error prints the URL whole, and with it a password.
		return nil, errors.New("base URL can't be read as a URL, want one like " + DefaultBaseURL)
	}
	u.Host = strings.ToLower(u.Host)
	switch {
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("base URL for host %q has user info, a query or a fragment: leave them out, the key goes into a header", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("base URL %q has scheme %q: want https, for example %s", c.BaseURL, u.Scheme, DefaultBaseURL)
	case u.Hostname() == "":
		return nil, fmt.Errorf("base URL %q has no host: want one like %s", c.BaseURL, DefaultBaseURL)
	case u.Scheme == "http" && !c.Insecure && !loopback(u.Hostname()):
		return nil, fmt.Errorf("base URL %q is plain http to another machine: use https, or allow it with JOBO_INSECURE=true", c.BaseURL)
	}
	return u, nil
}

// checkKey reports why no request can carry key.
func checkKey(key secret.String) error {
	if key.Empty() {
		return errors.New("no API key: set JOBO_API_KEY or JOBO_API_KEY_FILE, or COMPANY_SEND_KEY=false to ask without one")
	}
	// A stray newline is the usual fault of a key from a file. net/http would
	// refuse the header only at the first request.
	if strings.ContainsFunc(key.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return errors.New("the API key has spaces, line ends or characters that are not ASCII: copy it again")
	}
	return nil
}

// loopback reports whether host can only be this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
