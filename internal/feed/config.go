package feed

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
	"regexp"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/retry"
	"github.com/careerstream/careerstream/internal/secret"
)

// The defaults of Config.
const (
	DefaultBaseURL = "https://connect.jobo.world"
	// DefaultTimeout is a little more than the 120 s that the feed itself may
	// take for an answer.
	DefaultTimeout      = 130 * time.Second
	DefaultDrainTimeout = 45 * time.Second
	DefaultUnknownTries = 3
	// DefaultMaxBody and DefaultMaxDecoded limit a body before and after gunzip.
	// A page has about 45 KB. Kafka takes rows of up to about 1 MB, so a page of
	// 50 of the largest rows that are of any use has about 45 MB; JSON prose
	// compresses to a third or less.
	DefaultMaxBody    = 16 << 20
	DefaultMaxDecoded = 64 << 20

	defaultParallel  = 2
	defaultUserAgent = "careerstream (+https://github.com/careerstream/careerstream)"
)

// Limiter says when a request may start.
type Limiter interface {
	// Wait returns nil when one more request may start now, and an error when
	// ctx ended first or the limits are not known.
	Wait(ctx context.Context) error
}

// holder is what a Limiter may have besides: it is told when the feed wants no
// request before t.
type holder interface{ Until(t time.Time) }

// Config of a Client. Zero fields have the defaults named.
type Config struct {
	// BaseURL is where the feed lives; zero means DefaultBaseURL. Plain http is
	// refused except to a loopback address, or with Insecure.
	BaseURL  string
	Insecure bool
	// Key is the API key, required.
	Key secret.String
	// Limiter is asked before each try; nil means no limit. If it has a method
	// Until(time.Time), it is told of each wait that a 429 asks for.
	Limiter Limiter
	// UserAgent names the program to the feed.
	UserAgent string

	// Timeout bounds one try, from the dial to the last byte of its body; zero
	// means DefaultTimeout. DrainTimeout bounds a try that is on the wire when
	// the context ends; zero means DefaultDrainTimeout.
	Timeout, DrainTimeout time.Duration
	// Retry is how passing failures are tried again; zero is its default policy.
	Retry retry.Policy
	// UnknownTries is how many tries for one page may end with an unknown
	// outcome, each of which may have been billed; zero means
	// DefaultUnknownTries.
	UnknownTries int

	// MaxBody and MaxDecoded are the most bytes that a body may have as sent and
	// after gunzip; zero means DefaultMaxBody and DefaultMaxDecoded.
	MaxBody, MaxDecoded int64

	// Observe, if set, is told of each try when it ends, on the goroutine that
	// called Page.
	Observe func(Attempt)

	// Parallel is how many requests may be under way at the same time without
	// connecting anew for each; zero means 2.
	Parallel int
	// Wrap, if set, is put around the transport, inside of what adds the key: for
	// traces.
	Wrap func(http.RoundTripper) http.RoundTripper

	// TLS adds to the settings of the connection (a private CA); versions below
	// 1.2 stay refused. DialContext replaces the dialer.
	TLS         *tls.Config
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (c Config) withDefaults() Config {
	c.BaseURL = cmp.Or(c.BaseURL, DefaultBaseURL)
	c.UserAgent = cmp.Or(c.UserAgent, defaultUserAgent)
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, DefaultDrainTimeout)
	c.UnknownTries = cmp.Or(c.UnknownTries, DefaultUnknownTries)
	c.Parallel = cmp.Or(c.Parallel, defaultParallel)
	c.MaxBody = cmp.Or(c.MaxBody, DefaultMaxBody)
	c.MaxDecoded = cmp.Or(c.MaxDecoded, DefaultMaxDecoded)
	return c
}

// endpoint checks c and returns the URL of the feed.
func (c Config) endpoint() (*url.URL, error) {
	if err := checkKey(c.Key); err != nil {
		return nil, err
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		// url.Error prints the URL whole, and with it a password.
		return nil, errors.New("base URL can't be read as a URL, want one like " + DefaultBaseURL)
	}
	switch {
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, fmt.Errorf("base URL for host %q has user info, a query or a fragment: leave them out, the key goes into a header", u.Host)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("base URL %q has scheme %q: want https, for example %s", c.BaseURL, u.Scheme, DefaultBaseURL)
	case u.Hostname() == "":
		return nil, fmt.Errorf("base URL %q has no host: want one like %s", c.BaseURL, DefaultBaseURL)
	case u.Scheme == "http" && !c.Insecure && !loopback(u.Hostname()):
		return nil, fmt.Errorf("base URL %q would send the API key unencrypted: use https, or allow plain http explicitly", c.BaseURL)
	}
	return u.JoinPath(path), nil
}

// checkKey reports why no request can carry key.
func checkKey(key secret.String) error {
	if key.Empty() {
		return errors.New("no API key: set JOBO_API_KEY or JOBO_API_KEY_FILE")
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
	return host == "localhost" || err == nil && addr.IsLoopback()
}

var keyShape = regexp.MustCompile(`^jbe_(live|test)_[A-Za-z0-9_-]{21}_[A-Za-z0-9_-]{43}$`)

// KeyLooksRight reports whether key has the shape of the vendor's keys. Warn
// where it has not, and go on: the shape is not part of the feed's contract.
func KeyLooksRight(key secret.String) bool { return keyShape.MatchString(key.Reveal()) }
