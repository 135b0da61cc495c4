package company_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

// A listener on the loopback stands for what lives in a private network.
func TestANameThatResolvesToAPrivateAddressIsNotConnectedTo(t *testing.T) {
	t.Parallel()
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inside.Close() })
	_, port, _ := net.SplitHostPort(inside.Addr().String())
	for _, address := range []string{
		"127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "100.64.0.1", "0.0.0.0", "::1", "::ffff:10.0.0.1",
		"fd00:ec2::254", "64:ff9b::7f00:1", "2002:7f00:1::", "2001::1",
	} {
		client := newClient(t, company.Config{
			// The exception for the base URL's own host is not this one's.
			BaseURL:  "http://127.0.0.1:" + port,
			Hosts:    []string{"profiles.example:" + port, "127.0.0.1:" + port},
			Resolver: resolver(netip.MustParseAddr(address)),
		})
		to, err := client.URL(id, "https://profiles.example:"+port+"/x?secret=1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = client.Get(t.Context(), id, to, "")
		var refused *company.RefusedError
		if !errors.As(err, &refused) || refused.Reason != schemas.ReasonURLAddress || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want reason %s and no query", address, err, schemas.ReasonURLAddress)
			continue
		}
		if verdict, reason, _ := company.Judge(err); verdict != company.Dead || reason != schemas.ReasonURLAddress {
			t.Errorf("%s: got verdict %v and reason %s", address, verdict, reason)
		}
	}
	// The first connection that the listener sees has to be this one.
	ours, err := net.Dial("tcp", inside.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	first, err := inside.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if got, want := first.RemoteAddr().String(), ours.LocalAddr().String(); got != want {
		t.Errorf("a connection from %s was made, want none before %s", got, want)
	}
}

func TestANameWithoutAnAddressMayPass(t *testing.T) {
	t.Parallel()
	client := newClient(t, company.Config{Resolver: resolver()})
	_, err := client.Get(t.Context(), id, "https://jobo.world/x", "")
	if got := outcome(err); got != "again" {
		t.Errorf("got %s and %v, want again", got, err)
	}
}

func TestTheBaseURLsOwnLoopbackHostIsConnectedTo(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		answer(200, good)(w, r)
	}))
	t.Cleanup(server.Close)
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	for _, base := range []string{"http://127.0.0.1:" + port, "http://LOCALHOST:" + port} {
		client := newClient(t, company.Config{BaseURL: base})
		for _, details := range []string{"", strings.ToLower(base) + "/api/companies/x"} {
			to, err := client.URL(id, details)
			if err != nil {
				t.Fatal(err)
			}
			if a, err := client.Get(t.Context(), id, to, ""); err != nil || string(a.Profile) != good {
				t.Errorf("%s: got %q and %v, want the profile", to, a.Profile, err)
			}
		}
	}
	if got := asked.Load(); got != 4 {
		t.Errorf("%d requests arrived, want 4", got)
	}
}

// With Insecure plain http may leave this machine, and still not for a private
// network.
