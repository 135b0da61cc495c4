package telemetry_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/trace/noop"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/careerstream/careerstream/internal/telemetry"
)

// env is an environment.
func env(pairs ...string) func(string) string {
	vars := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		vars[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return vars[name] }
}

const (
	endpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
)

func TestTracesAreOffUnlessAskedFor(t *testing.T) {
	t.Parallel()
	for name, getenv := range map[string]func(string) string{
		"by default":             env(),
		"disabled":               env(endpoint, "http://127.0.0.1:1", "OTEL_SDK_DISABLED", "TRUE"),
		"exporter none":          env(tracesEndpoint, "http://127.0.0.1:1", "OTEL_TRACES_EXPORTER", "none"),
		"wrong, but disabled":    env(endpoint, "nowhere", "OTEL_SDK_DISABLED", "true"),
		"only a protocol is set": env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider, shutdown, err := telemetry.Trace(t.Context(), "producer", "1", getenv)
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := provider.(noop.TracerProvider); !ok {
				t.Errorf("got a %T, want one that does nothing", provider)
			}
			_, span := provider.Tracer("test").Start(t.Context(), "page")
			if span.IsRecording() || span.SpanContext().IsValid() {
				t.Error("got a span that is recorded")
			}
			span.End()
			if err := shutdown(t.Context()); err != nil {
				t.Errorf("shutdown: %v", err)
			}
		})
	}
}

// collector is an endpoint for spans. It refuses the first ones with status.
type collector struct {
	*httptest.Server
	mu     sync.Mutex
	status []int
	got    []delivery
}

type delivery struct {
	path   string
	header http.Header
	spans  *tracepb.TracesData
}

func collect(t *testing.T, status ...int) *collector {
	t.Helper()
	c := &collector{status: status}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = z
		}
		raw, err := io.ReadAll(body)
		spans := &tracepb.TracesData{}
		if err != nil || proto.Unmarshal(raw, spans) != nil {
			t.Errorf("%d bytes are no spans (%v)", len(raw), err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, delivery{r.Method + " " + r.URL.Path, r.Header, spans})
		if len(c.status) > 0 {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(c.status[0])
			c.status = c.status[1:]
		}
	}))
	t.Cleanup(c.Close)
	return c
}

// deliver makes one span and returns what arrived and what shutdown said.
func deliver(t *testing.T, c *collector, getenv func(string) string) ([]delivery, error) {
	t.Helper()
	provider, shutdown, err := telemetry.Trace(t.Context(), "producer", "1.2.3", getenv)
	if err != nil {
		t.Fatal(err)
	}
	_, span := provider.Tracer("test").Start(t.Context(), "page")
	span.End()
	err = shutdown(t.Context())
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.got, err
}

func TestSpansArriveWithTheProgramsName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		vars func(url string) []string
		path string
	}{
		"one endpoint for all": {func(url string) []string { return []string{endpoint, url} }, "POST /v1/traces"},
		"below a path":         {func(url string) []string { return []string{endpoint, url + "/otlp/"} }, "POST /otlp/v1/traces"},
		"one for traces, gzip": {func(url string) []string {
			return []string{tracesEndpoint, url + "/mine", endpoint, "http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"}
		}, "POST /mine"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := collect(t)
			vars := append(c.vars(to.URL), "OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc, X-Tenant = one")
			got, err := deliver(t, to, env(vars...))
			if err != nil || len(got) != 1 {
				t.Fatalf("got %d deliveries (%v), want one", len(got), err)
			}
			d := got[0]
			if d.path != c.path || d.header.Get("Content-Type") != "application/x-protobuf" || d.header.Get("Authorization") != "Bearer abc" || d.header.Get("X-Tenant") != "one" {
				t.Errorf("got %s with %v, want %s with both headers", d.path, d.header, c.path)
			}
			of := d.spans.GetResourceSpans()[0]
			if name := of.GetScopeSpans()[0].GetSpans()[0].GetName(); name != "page" {
				t.Errorf("got span %q, want page", name)
			}
			what := make(map[string]string)
			for _, a := range of.GetResource().GetAttributes() {
				what[a.GetKey()] = a.GetValue().GetStringValue()
			}
			if what["service.name"] != "producer" || what["service.version"] != "1.2.3" || what["telemetry.sdk.language"] != "go" {
				t.Errorf("got the resource %v, want producer 1.2.3", what)
			}
		})
	}
}

func TestADeliveryIsTriedAgainOnlyWhereThatCanHelp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status []int
		tries  int
		want   string
	}{
		"passing":    {[]int{503, 429}, 3, ""},
		"refused":    {[]int{401}, 1, ": status 401 Unauthorized"},
		"redirected": {[]int{307}, 1, ": status 307 Temporary Redirect"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := collect(t, c.status...)
			got, err := deliver(t, to, env(endpoint, to.URL))
			if len(got) != c.tries || err != nil {
				t.Errorf("got %d tries (%v), want %d", len(got), err, c.tries)
			}
			if failed := undelivered.contain(to.URL + "/v1/traces" + c.want); failed != (c.want != "") {
				t.Errorf("got a failure %t, want %q", failed, c.want)
			}
		})
	}
}

func TestWhatCannotBeUsedIsNamedWithoutSecrets(t *testing.T) {
	t.Parallel()
	const at = "http://127.0.0.1:1"
	for want, getenv := range map[string]func(string) string{
		endpoint + " is no URL":                          env(endpoint, "localhost:4317"),
		tracesEndpoint + " is no URL":                    env(tracesEndpoint, "http://me:hunter2@localhost", endpoint, at),
		"OTEL_TRACES_EXPORTER is \"zipkin\"":             env(endpoint, at, "OTEL_TRACES_EXPORTER", "zipkin"),
		"OTEL_EXPORTER_OTLP_PROTOCOL is \"grpc\"":        env(endpoint, at, "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
		"OTEL_EXPORTER_OTLP_HEADERS: pair 2 is not":      env(endpoint, at, "OTEL_EXPORTER_OTLP_HEADERS", "a=b,hunter2"),
		"OTEL_EXPORTER_OTLP_COMPRESSION is \"zstd\"":     env(endpoint, at, "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
		"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT is \"10s\"":   env(endpoint, at, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "10s"),
		"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is not":   env(endpoint, at, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "x"),
		"OTEL_EXPORTER_OTLP_CERTIFICATE: open ":          env(endpoint, at, "OTEL_EXPORTER_OTLP_CERTIFICATE", filepath.Join(t.TempDir(), "none")),
		"OTEL_EXPORTER_OTLP_CERTIFICATE: no certificate": env(endpoint, at, "OTEL_EXPORTER_OTLP_CERTIFICATE", "trace_test.go"),
	} {
		_, _, err := telemetry.Trace(t.Context(), "producer", "1", getenv)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want it to begin with %q", err, want)
		}
	}
}
