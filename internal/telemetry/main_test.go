package telemetry_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"
	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/telemetry"
)

func TestMain(m *testing.M) {
	otel.SetErrorHandler(&undelivered)
	goleak.VerifyTestMain(m)
}

// undelivered is what the SDK says about spans that it could not deliver: it has
// one place for that in a process. Tests find theirs by its URL.
var undelivered failures

type failures struct {
	mu   sync.Mutex
	text strings.Builder
}

// Handle implements otel.ErrorHandler.
func (f *failures) Handle(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.WriteString(err.Error() + "\n")
}

func (f *failures) contain(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Contains(f.text.String(), text)
}

// listen starts a server on a free port that ends with the test.
func listen(t *testing.T, o telemetry.ServerOptions) *telemetry.Server {
	t.Helper()
	s, err := telemetry.Listen("127.0.0.1:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("close: got %v, want no error", err)
		}
	})
	return s
}

// request sends one without keeping its connection.
func request(t *testing.T, s *telemetry.Server, method, path string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.Addr().String()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(text)
}

// get returns what a path answers.
func get(t *testing.T, s *telemetry.Server, path string) (status int, body string) {
	t.Helper()
	status, _, body = request(t, s, http.MethodGet, path)
	return status, body
}
