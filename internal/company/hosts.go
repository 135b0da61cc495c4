package company

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

const (
	defaultHost = "connect.jobo.world" // of DefaultBaseURL
	vendorHost  = "jobo.world"
	httpsPort   = "443"
)

// allowed is one entry of Config.Hosts.
type allowed struct {
	host, port string
	below      bool // the subdomains of host, and not host itself
}

func (a allowed) match(host, port string) bool {
	if port != a.port {
		return false
	}
	if !a.below {
		return host == a.host
	}
	return strings.HasSuffix(host, "."+a.host) && plainName(host)
}

// allowedHosts reads Config.Hosts; base is what the default is made of.
func allowedHosts(entries []string, base *url.URL) ([]allowed, error) {
	home := allowed{host: base.Hostname(), port: portOf(base)}
	if len(entries) == 0 {
		hosts := []allowed{home}
		if home.host == defaultHost {
			hosts = append(hosts, allowed{host: vendorHost, port: httpsPort}, allowed{host: vendorHost, port: httpsPort, below: true})
		}
		return hosts, nil
	}
	hosts := make([]allowed, 0, len(entries))
	for _, entry := range entries {
		a, err := parseAllowed(strings.ToLower(strings.TrimSpace(entry)))
		if err != nil {
			return nil, fmt.Errorf("host %q: %w", entry, err)
		}
		// The base URL's own address is the operator's; see guard.check.
		if a != home && ipLiteral(a.host) {
			return nil, fmt.Errorf("host %q is an IP address: profiles are only asked for by name", entry)
		}
		hosts = append(hosts, a)
	}
	return hosts, nil
}

func parseAllowed(entry string) (allowed, error) {
	wrong := errors.New("want host, host:port, *.host or *.host:port, in ASCII (a name in another script begins with xn--)")
	if strings.ContainsRune(entry, '/') {
		return allowed{}, wrong // a whole URL
	}
	a := allowed{host: entry, port: httpsPort}
	if host, port, err := net.SplitHostPort(entry); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return allowed{}, fmt.Errorf("port %q is not a number from 1 to 65535", port)
		}
		a = allowed{host: host, port: port}
	}
	for _, mark := range []string{"*.", "."} {
		if rest, ok := strings.CutPrefix(a.host, mark); ok {
			a.host, a.below = rest, true
			break
		}
	}
	if !plainName(a.host) && !ipLiteral(a.host) {
		return allowed{}, wrong
	}
	return a, nil
}

// plainName reports whether host, in lower case, is made of labels of letters,
// digits, hyphens and underscores.
func plainName(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// ipLiteral reports whether host is an IP address in any spelling that a
// resolver, a proxy or a library may take for one: IPv6 in brackets or without,
// dotted, decimal, octal and hexadecimal, with fewer than four parts, with dots at
// the end, with digits of other scripts. As browsers do it (WHATWG URL, "ends in a
// number"), a name whose last label is a number counts: no top-level domain is
// one.
func ipLiteral(host string) bool {
	host = strings.ToLower(strings.TrimRight(strings.Map(narrow, host), "."))
	if strings.ContainsAny(host, ":[]") {
		return true
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	if digits, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}

// narrow maps what compatibility normalization (Unicode NFKC, which is part of
// how names in other scripts are read) turns into digits, letters and dots. Which
// digit it is does not matter to ipLiteral.
func narrow(r rune) rune {
	switch {
	case r < 0x80:
		return r
	case r >= 0xff01 && r <= 0xff5e: // full width
		return r - 0xff01 + '!'
	case r == 0x3002 || r == 0xff61: // ideographic full stops
		return '.'
	case unicode.IsNumber(r):
		return '0'
	}
	return r
}

// portOf is the port of u, spelled out.
func portOf(u *url.URL) string {
	switch port := u.Port(); {
	case port != "":
		return port
	case u.Scheme == "http":
		return "80"
	}
	return httpsPort
}

func hostPort(u *url.URL) string { return net.JoinHostPort(u.Hostname(), portOf(u)) }

// origin is scheme, host and port of u.
func origin(u *url.URL) string { return u.Scheme + "://" + hostPort(u) }

// Host returns host:port of a URL that Client.URL returned, the port always
// spelled out: one name for each server. It is empty where rawURL is no URL.
func Host(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(hostPort(u))
}
