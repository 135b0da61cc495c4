package company

import (
	"net/netip"
	"testing"
)

func TestOnlyPublicAddressesAreDialed(t *testing.T) {
	t.Parallel()
	home := judged(func(a netip.Addr) bool { return a.IsLoopback() || public(a) })
	for address, want := range map[string]struct{ public, home bool }{
		"8.8.8.8:443":                     {true, true},
		"1.1.1.1:443":                     {true, true},
		"172.15.255.255:443":              {true, true},
		"100.128.0.1:443":                 {true, true},
		"[::ffff:8.8.8.8]:443":            {true, true},
		"[2606:4700::1111]:443":           {true, true},
		"[2a00:1450:4001:81b::200e]:443":  {true, true},
		"127.0.0.1:443":                   {false, true},
		"127.255.255.254:443":             {false, true},
		"[::1]:443":                       {false, true},
		"[::ffff:127.0.0.1]:443":          {false, true},
		"0.0.0.0:443":                     {},
		"0.1.2.3:443":                     {},
		"10.0.0.1:443":                    {},
		"172.16.0.1:443":                  {},
		"192.168.1.1:443":                 {},
		"169.254.169.254:443":             {},
		"168.63.129.16:443":               {},
		"100.64.0.1:443":                  {},
		"100.100.100.200:443":             {},
		"192.0.0.192:443":                 {},
		"192.0.2.1:443":                   {},
		"192.88.99.1:443":                 {},
		"198.18.0.1:443":                  {},
		"198.19.255.255:443":              {},
		"198.51.100.1:443":                {},
		"203.0.113.1:443":                 {},
		"224.0.0.1:443":                   {},
		"239.255.255.255:443":             {},
		"240.0.0.1:443":                   {},
		"255.255.255.255:443":             {},
		"[::ffff:10.0.0.1]:443":           {},
		"[::ffff:169.254.169.254]:443":    {},
		"[::]:443":                        {},
		"[::10.0.0.1]:443":                {}, // compatible
		"[::8.8.8.8]:443":                 {},
		"[::ffff:0:8.8.8.8]:443":          {}, // translated
		"[64:ff9b::a00:1]:443":            {}, // NAT64
		"[64:ff9b::808:808]:443":          {},
		"[64:ff9b:1::a00:1]:443":          {},
		"[100::1]:443":                    {}, // discard
		"[2001::1]:443":                   {}, // Teredo
		"[2001:0:4136:e378::1]:443":       {},
		"[2001:2::1]:443":                 {}, // benchmarks
		"[2001:20::1]:443":                {}, // ORCHID
		"[2001:db8::1]:443":               {},
		"[2002:a00:1::1]:443":             {}, // 6to4
		"[2002:808:808::1]:443":           {},
		"[3fff::1]:443":                   {},
		"[5f00::1]:443":                   {}, // segment routing
		"[fc00::1]:443":                   {},
		"[fd00:ec2::254]:443":             {},
		"[fe80::1%eth0]:443":              {},
		"[fec0::1]:443":                   {}, // site-local
		"[ff02::1]:443":                   {},
		"/run/docker.sock":                {},
		"connect.jobo.world:443":          {}, // not resolved
		"":                                {},
		"[64:ff9b::192.168.0.1%eth0]:443": {},
	} {
		if got := judged(public)(t.Context(), "tcp", address, nil) == nil; got != want.public {
			t.Errorf("%s: dialed %v, want %v", address, got, want.public)
		}
		if got := home(t.Context(), "tcp", address, nil) == nil; got != want.home {
			t.Errorf("%s for the base URL's own host: dialed %v, want %v", address, got, want.home)
		}
	}
}

// A network of containers: the user says that the API is at this name, in plain
// http. Its address may then be a private one; no other host's may, and no other
// address that is not public.
func TestInsecureIsLeaveForThePrivateAddressOfTheBaseURLAlone(t *testing.T) {
	t.Parallel()
	d := newDialer(nil, "api.example:8080", true)
	for address, want := range map[string]bool{
		"172.18.0.5:8080": true, "[fd00::5]:8080": true, "127.0.0.1:8080": true, "169.254.169.254:8080": false, "100.64.0.1:8080": false,
	} {
		if got := d.own.ControlContext(t.Context(), "tcp", address, nil) == nil; got != want {
			t.Errorf("%s for the base URL's own host: dialed %v, want %v", address, got, want)
		}
		if d.public.ControlContext(t.Context(), "tcp", address, nil) == nil {
			t.Errorf("%s for another host: dialed, want it refused", address)
		}
	}
	if newDialer(nil, "", false).own.ControlContext(t.Context(), "tcp", "172.18.0.5:8080", nil) == nil {
		t.Error("a private address is dialed without leave")
	}
}
