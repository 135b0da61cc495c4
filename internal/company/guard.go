package company

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/careerstream/careerstream/schemas"
)

// maxURLBytes is the longest URL that is asked for.
const maxURLBytes = 2048

// guard judges URLs. It is pure: it resolves and connects to nothing.
type guard struct {
	hosts []allowed
	// home is the origin of BaseURL where that may be plain http or an address of
	// this machine, because the operator chose it, and empty otherwise.
	home string
}

func newGuard(cfg Config, base *url.URL) (*guard, error) {
	hosts, err := allowedHosts(cfg.Hosts, base)
	if err != nil {
		return nil, err
	}
	g := &guard{hosts: hosts}
	if loopback(base.Hostname()) || base.Scheme == "http" && cfg.Insecure {
		g.home = origin(base)
	}
	return g, nil
}

// check returns raw as it is to be asked for: what was judged is written anew, so
// that nothing after it can read it in another way.
func (g *guard) check(raw string) (*url.URL, *RefusedError) {
	if len(raw) > maxURLBytes {
		return nil, refuse(schemas.ReasonURLTooLong, nil, "it has %d bytes, more than %d", len(raw), maxURLBytes)
	}
	u, wrong := parse(raw)
	if wrong != "" {
		return nil, refuse(schemas.ReasonURLMalformed, nil, "%s", wrong)
	}
	home := g.home != "" && origin(u) == g.home
	host, port := u.Hostname(), portOf(u)
	switch {
	case u.Scheme != "https" && !home:
		return nil, refuse(schemas.ReasonURLScheme, u, "scheme %q is not https", u.Scheme)
	case u.User != nil:
		return nil, refuse(schemas.ReasonURLUserInfo, u, "it has a user name or a password")
	case ipLiteral(host) && !home:
		return nil, refuse(schemas.ReasonURLIPLiteral, u, "host %q is an IP address", host)
	case !g.allow(host, port):
		return nil, refuse(schemas.ReasonURLHost, u, "host %q with port %s is not among COMPANY_HOSTS", host, port)
	}
	// Characters of other scripts in the path are longer on the wire.
	if n := len(u.String()); n > maxURLBytes {
		return nil, refuse(schemas.ReasonURLTooLong, u, "it has %d bytes on the wire, more than %d", n, maxURLBytes)
	}
	return u, nil
}

func (g *guard) allow(host, port string) bool {
	for _, a := range g.hosts {
		if a.match(host, port) {
			return true
		}
	}
	return false
}

// parse reads raw as an absolute URL with a host, or says what is wrong. It does
// not repeat raw: where the parts can't be told apart, one may be a password.
func parse(raw string) (u *url.URL, wrong string) {
	switch {
	case strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r >= 0x7f && r < 0xa0 }):
		return nil, "it has spaces or control characters"
	case strings.ContainsAny(raw, `\`): // a slash to browsers
		return nil, "it has a backslash"
	case strings.Contains(raw, "#"): // has no meaning in a request; parsers differ on what follows
		return nil, "it has a fragment"
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, "it can't be read as a URL"
	}
	u.Host = strings.ToLower(u.Host)
	switch {
	case u.Scheme != "" && u.Scheme != "https" && u.Scheme != "http":
		return u, "" // which is fault enough
	case u.Scheme == "" || u.Opaque != "" || u.Hostname() == "":
		return nil, "it is not an absolute URL with a host"
	case strings.HasSuffix(u.Host, ":"):
		return nil, "its port is empty"
	case strings.ContainsFunc(u.RawQuery, func(r rune) bool { return r > '~' }): // would be sent as it is
		return nil, "its query has characters that are not ASCII"
	}
	return u, ""
}

func refuse(reason schemas.DeadLetterReason, u *url.URL, format string, args ...any) *RefusedError {
	e := &RefusedError{Reason: reason, Detail: fmt.Sprintf(format, args...)}
	if u != nil && u.Host != "" && u.Opaque == "" {
		e.URL = shown(u)
	}
	return e
}

// shown is u as errors repeat it, without user info, query and fragment.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
