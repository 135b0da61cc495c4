package app

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// What users run in production links no server for tests, and no test library.
func TestTheProgramsLinkNoTestServer(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"./producer", "./enricher"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			list := exec.CommandContext(t.Context(), "go", "list", "-deps", program)
			list.Dir = "../.."
			out, err := list.Output()
			if err != nil {
				t.Fatalf("go list -deps %s: %v", program, err)
			}
			linked := strings.Fields(string(out))
			for _, needed := range []string{"github.com/careerstream/careerstream/internal/app", "github.com/twmb/franz-go/pkg/kgo", "github.com/redis/go-redis/v9"} {
				if !slices.Contains(linked, needed) {
					t.Errorf("%s is not linked: this test looks at the wrong program", needed)
				}
			}
			for _, name := range linked {
				for _, banned := range []string{"kfake", "miniredis", "gopher-lua", "simulator", "devstack", "testify", "go-cmp", "goleak", "rapid"} {
					if strings.Contains(name, banned) {
						t.Errorf("%s is linked", name)
					}
				}
				if name == "testing" || name == "net/http/httptest" || name == "net/http/pprof" {
					t.Errorf("%s is linked", name)
				}
			}
		})
	}
}
