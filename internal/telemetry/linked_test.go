package telemetry_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// gRPC and its gateway are nearly as large as the whole program without them.
func TestNoGRPCAndNoProfilerIsLinked(t *testing.T) {
	t.Parallel()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list -deps: %v", err)
	}
	linked := strings.Fields(string(out))
	if !slices.Contains(linked, "go.opentelemetry.io/otel/sdk/trace") {
		t.Error("the SDK is not linked: this test looks at the wrong package")
	}
	for _, name := range linked {
		if strings.Contains(name, "grpc") || name == "net/http/pprof" || name == "net/http/httptest" {
			t.Errorf("%s is linked", name)
		}
	}
}
