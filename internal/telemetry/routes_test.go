package telemetry_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/telemetry"
)

func TestAliveWhileTheProgramMovesWhateverItsServersDo(t *testing.T) {
	t.Parallel()
	stuck := make(chan error, 3)
	s := listen(t, telemetry.ServerOptions{
		Live:   func() error { return <-stuck },
		Ready:  func(context.Context) []telemetry.Check { return []telemetry.Check{{Name: "kafka", Detail: "down"}} },
		Status: func(context.Context) (any, error) { return nil, errors.New("down") },
	})
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{nil, 200, "ok\n"},
		{errors.New("no step for 3m0s, at most 2m0s is usual"), 503, "no step for 3m0s, at most 2m0s is usual\n"},
		{nil, 200, "ok\n"},
	} {
		stuck <- c.err
		if status, body := get(t, s, "/livez"); status != c.status || body != c.body {
			t.Errorf("live %v: got %d %q, want %d %q", c.err, status, body, c.status, c.body)
		}
	}
}

func TestReadyNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	kafka := telemetry.Check{Name: "kafka", OK: true}
	redis := telemetry.Check{Name: "redis", Detail: "connection refused"}
	wallet := telemetry.Check{Name: "wallet", OK: true, Detail: "paused since 10:00: 0 credits"}
	for name, c := range map[string]struct {
		checks []telemetry.Check
		path   string
		status int
		want   string
	}{
		"all well":           {[]telemetry.Check{kafka, wallet}, "/readyz", 200, `{"ready":true}`},
		"all well, in full":  {[]telemetry.Check{kafka, wallet}, "/readyz?verbose", 200, `{"ready":true,"checks":[{"name":"kafka","ok":true},{"name":"wallet","ok":true,"detail":"paused since 10:00: 0 credits"}]}`},
		"one fails":          {[]telemetry.Check{kafka, redis, wallet}, "/readyz", 503, `{"ready":false,"checks":[{"name":"redis","ok":false,"detail":"connection refused"}]}`},
		"one fails, in full": {[]telemetry.Check{redis, kafka}, "/readyz?verbose=1", 503, `{"ready":false,"checks":[{"name":"redis","ok":false,"detail":"connection refused"},{"name":"kafka","ok":true}]}`},
		"nothing to check":   {nil, "/readyz?verbose", 200, `{"ready":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, telemetry.ServerOptions{Ready: func(ctx context.Context) []telemetry.Check {
				if _, ok := ctx.Deadline(); !ok {
					t.Error("the checks have no deadline")
				}
				return c.checks
			}})
			status, header, body := request(t, s, http.MethodGet, c.path)
			var tight strings.Builder
			for _, part := range strings.Split(body, "\n") { // indented for people
				tight.WriteString(strings.Replace(strings.TrimSpace(part), `": `, `":`, 1))
			}
			if status != c.status || tight.String() != c.want || header.Get("Content-Type") != "application/json" {
				t.Errorf("got %d %s (%s), want %d %s", status, tight.String(), header.Get("Content-Type"), c.status, c.want)
			}
		})
	}
}

func TestStatusIsTheProgramsOwnAccount(t *testing.T) {
	t.Parallel()
	type account struct {
		Mode string `json:"mode"`
		Rows int    `json:"rows"`
	}
	for name, c := range map[string]struct {
		value  any
		err    error
		status int
		want   string
	}{
		"known":       {account{"backfill", 50}, nil, 200, `{"mode":"backfill","rows":50}`},
		"not known":   {nil, errors.New("redis: connection refused"), 503, `{"error":"redis: connection refused"}`},
		"not a value": {func() {}, nil, 500, `{"error":"the answer is no JSON: json: unsupported type: func()"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, telemetry.ServerOptions{Status: func(context.Context) (any, error) { return c.value, c.err }})
			status, body := get(t, s, "/status")
			var got, want any
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			a, _ := json.Marshal(got)
			b, _ := json.Marshal(want)
			if status != c.status || string(a) != string(b) {
				t.Errorf("got %d %s, want %d %s", status, a, c.status, b)
			}
		})
	}
}

func TestOnlyWhatIsGivenIsServedAndOnlyToReaders(t *testing.T) {
	t.Parallel()
	bare := listen(t, telemetry.ServerOptions{Program: "producer"})
	full := listen(t, telemetry.ServerOptions{
		Program: "producer", Registry: telemetry.NewRegistry("producer", "1"),
		Status: func(context.Context) (any, error) { return 1, nil },
	})
	for _, c := range []struct {
		server       *telemetry.Server
		method, path string
		want         int
	}{
		{bare, "GET", "/", 200},
		{bare, "GET", "/livez", 200},
		{bare, "GET", "/readyz", 200},
		{bare, "GET", "/metrics", 404},
		{bare, "GET", "/status", 404},
		{full, "GET", "/metrics", 200},
		{full, "GET", "/status", 200},
		{full, "HEAD", "/livez", 200},
		{full, "POST", "/livez", 405},
		{full, "DELETE", "/status", 405},
		{full, "GET", "/debug/pprof/", 404},
		{full, "GET", "/elsewhere", 404},
	} {
		status, header, _ := request(t, c.server, c.method, c.path)
		if status != c.want || header.Get("Cache-Control") != "no-store" || header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: got %d with %v, want %d, uncached", c.method, c.path, status, header, c.want)
		}
	}
	if _, body := get(t, full, "/"); body != "producer\n/livez\n/readyz\n/readyz?verbose\n/status\n/metrics\n" {
		t.Errorf("got the index %q, want what is served", body)
	}
	if _, body := get(t, bare, "/"); strings.Contains(body, "/status") || strings.Contains(body, "/metrics") {
		t.Errorf("got the index %q, want only what is served", body)
	}
}
