package simulator_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// fetch reads a URL over the wire; without a head there was no answer.
func fetch(ctx context.Context, t *testing.T, c *http.Client, url string) (*head, []byte, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return &head{resp.StatusCode, resp.Header}, got, err
}

// thirds makes every third company live on a host of its own in memory, which is
// beside a simulator's there.
func thirds(t *testing.T) (srv *simulator.Server, host *simulator.Host, client *http.Client) {
	t.Helper()
	own, other := newPipes(), newPipes()
	host = simulator.ServeHost(other)
	n := 0
	o := unlimited(9)
	o.BaseURL = "http://feed.test"
	o.DetailsURL = func(id string) string {
		if n++; n%3 == 0 {
			return "http://poison.test/api/companies/" + id
		}
		return "/api/companies/" + id
	}
	srv = simulator.Serve(own, o)
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.HasPrefix(addr, "poison.test:") {
			return other.dial(ctx, network, addr)
		}
		return own.dial(ctx, network, addr)
	}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := errors.Join(srv.Close(), host.Close()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return srv, host, &http.Client{Transport: transport, Timeout: time.Hour}
}

func TestAThirdOfTheCompaniesHangUntilTheirHostAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		srv, host, client := thirds(t)
		for round, want := range []struct {
			answers, hangs int
			took           time.Duration
		}{{6, 3, 3 * time.Hour}, {9, 0, 0}, {6, 3, 3 * time.Hour}} {
			host.Answer([]http.Handler{nil, srv, nil}[round])
			began := time.Now()
			answers, hangs := 0, 0
			for _, row := range srv.Select(simulator.Filters{}) {
				resp, _, err := fetch(t.Context(), t, client, *decode(t, row.Bytes).DetailsURL)
				switch {
				case errors.Is(err, context.DeadlineExceeded) && resp == nil:
					hangs++
				case err == nil && resp.StatusCode == http.StatusOK:
					answers++
				}
			}
			if took := time.Since(began); answers != want.answers || hangs != want.hangs || took != want.took {
				t.Errorf("round %d: got %d answers and %d hangs in %s, want %+v", round, answers, hangs, took, want)
			}
		}
		if got := host.Requests(); got != 9 {
			t.Errorf("requests to the host: got %d, want 3 in each round", got)
		}
		if got := srv.ProfileLedger().Gets; got != 6+9+6 {
			t.Errorf("requests that the simulator saw: got %d, want 21", got)
		}
	})
}

func TestFaultOfAHostMeetsThatHostAlone(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(1))
	path := "/api/companies/" + s.Select(simulator.Filters{})[0].ID
	arm(t, s, simulator.Fault{
		Kind: simulator.KindStatus, Count: -1, When: simulator.When{Route: simulator.RouteCompanies, Host: "Poison.test:443"},
	})
	for url, want := range map[string]int{
		path: 200, "http://poison.test" + path: 200, "http://poison.test:443" + path: 500,
	} {
		if got := get(t, s, url).Code; got != want {
			t.Errorf("%s: got %d, want %d", url, got, want)
		}
	}
}

func TestHostListensOnAnAddressAndCloseEndsWhatHangs(t *testing.T) {
	t.Parallel()
	host, err := simulator.StartHost(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := simulator.StartHost(t.Context(), host.Addr().String()); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second host on one address: got %v", err)
	}
	came := make(chan struct{})
	host.Answer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(came)
		simulator.Hang(w, r)
	}))
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	ended := make(chan error, 1)
	go func() {
		_, _, err := fetch(t.Context(), t, &http.Client{Transport: transport}, host.URL()+"/api/companies/a")
		ended <- err
	}()
	<-came
	if err := host.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if err := <-ended; err == nil {
		t.Error("the request that hung was answered")
	}
}
