package company

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// dialer connects to public addresses alone. It judges the address that is about
// to be connected to, after the name was resolved: a name may stand for another
// one at each look-up.
type dialer struct {
	public, own net.Dialer
	// home is the host:port of BaseURL where that is on the loopback, or where the
	// user allows plain http to it, and empty otherwise. Only when this is what is
	// dialed may the address be loopback, and in the latter case private.
	home string
}

func newDialer(resolver *net.Resolver, home string, private bool) *dialer {
	plain := net.Dialer{Timeout: dialTimeout, Resolver: resolver}
	d := &dialer{public: plain, own: plain, home: home}
	d.public.ControlContext = judged(public)
	d.own.ControlContext = judged(func(a netip.Addr) bool { return a.IsLoopback() || private && a.IsPrivate() || public(a) })
	return d
}

func (d *dialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	if addr == d.home {
		return d.own.DialContext(ctx, network, addr)
	}
	return d.public.DialContext(ctx, network, addr)
}

// judged is called when there is a socket and no connection yet.
func judged(allow func(netip.Addr) bool) func(context.Context, string, string, syscall.RawConn) error {
	return func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allow(at.Addr().WithZone("").Unmap()) {
			return &addressError{address}
		}
		return nil
	}
}

// public reports whether a, unmapped, is an address in the internet that a
// server may have.
func public(a netip.Addr) bool {
	// IsGlobalUnicast leaves out the unspecified, loopback, link-local, multicast
	// and broadcast addresses; private ones are in it.
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is6() && !global6.Contains(a) {
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// global6 is all of IPv6 that was ever given out to networks (RFC 4291, 2.4, and
// IANA's registry). It leaves out the addresses that hold one of IPv4: compatible
// and translated ones and NAT64 (RFC 6052, RFC 8215). A network that reaches
// IPv4 by NAT64 alone is therefore not served: what its prefix stands for can't
// be told from here.
var global6 = netip.MustParsePrefix("2000::/3")

// special are the ranges within the rest that no public server is in, from IANA's
// special-purpose address registries (RFC 6890).
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network
	netip.MustParsePrefix("100.64.0.0/10"),   // carrier-grade NAT, and some clouds' metadata
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments, and some clouds' metadata
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	// Public, but within Azure it is the host of the virtual machine, which hands
	// out its configuration.
	netip.MustParsePrefix("168.63.129.16/32"),

	netip.MustParsePrefix("2001::/23"),     // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"), // documentation
	netip.MustParsePrefix("2002::/16"),     // 6to4: an address of IPv4 within
	netip.MustParsePrefix("3fff::/20"),     // documentation
}
