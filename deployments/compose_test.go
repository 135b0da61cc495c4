package deployments_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/careerstream/careerstream/schemas"
)

// project reads compose.yaml as docker compose does, with all profiles.
func project(t *testing.T, env ...string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"compose.yaml"},
		cli.WithEnv(env), cli.WithProfiles([]string{"*"}), cli.WithResolvedPaths(true), cli.WithInterpolation(true))
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ours are the services that run a program of ours: the target of their image.
func ours(p *types.Project) map[string]types.ServiceConfig {
	out := make(map[string]types.ServiceConfig)
	for name, s := range p.Services {
		if s.Build != nil && s.Build.Target != "" {
			out[name] = s
		}
	}
	return out
}

var pinned = regexp.MustCompile(`^[a-z0-9./-]+(:[0-9][0-9]*)?(/[a-z0-9./-]+)?:v?[0-9]+(\.[0-9]+)+(-[a-z0-9]+)*$`)

// base is what a stage of a Dockerfile begins with.
var base = regexp.MustCompile(`(?m)^FROM (?:--platform=\S+ )?(\S+)(?: AS (\S+))?$`)

func TestEveryImageIsBuiltFromPinnedOnes(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"Dockerfile", "connect/Dockerfile"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		stages := make(map[string]bool)
		args := regexp.MustCompile(`(?m)^ARG (GO_VERSION)=(\S+)$`).FindStringSubmatch(string(text))
		for _, m := range base.FindAllStringSubmatch(string(text), -1) {
			image := m[1]
			if args != nil {
				image = strings.ReplaceAll(image, "${"+args[1]+"}", args[2])
			}
			// Distroless has no versions, only the release of Debian that it is made of.
			if !stages[image] && !pinned.MatchString(image) && image != "gcr.io/distroless/static-debian13:nonroot" {
				t.Errorf("%s begins with %s, which is no version", file, image)
			}
			stages[m[2]] = true
		}
		if len(stages) < 2 {
			t.Errorf("%s has the stages %v", file, stages)
		}
	}
}

func TestEveryImageIsPinnedAndEveryPortIsItsOwn(t *testing.T) {
	t.Parallel()
	p := project(t)
	published := make(map[string]string)
	for name, s := range p.Services {
		if s.Build == nil && !pinned.MatchString(s.Image) {
			t.Errorf("%s has the image %q, which is no version", name, s.Image)
		}
		for _, port := range s.Ports {
			if port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s to every address", name, port.Published)
			}
			if other := published[port.Published]; other != "" {
				t.Errorf("%s and %s both publish %s", name, other, port.Published)
			}
			published[port.Published] = name
		}
	}
}

func TestEveryServiceIsChecked(t *testing.T) {
	t.Parallel()
	p := project(t)
	for name, s := range p.Services {
		once := s.Restart == "no"
		if once == (s.HealthCheck != nil) {
			t.Errorf("%s ends by itself: %v, and has a health check: %v", name, once, s.HealthCheck != nil)
		}
		if _, is := ours(p)[name]; is && (!s.ReadOnly || !slices.Contains(s.CapDrop, "ALL")) {
			t.Errorf("%s may write to its image, or do more than it needs", name)
		}
		if once && !slices.ContainsFunc(slices.Collect(maps.Values(p.Services)), func(s types.ServiceConfig) bool {
			return s.DependsOn[name].Condition == types.ServiceConditionCompletedSuccessfully
		}) {
			t.Errorf("nobody waits for %s", name)
		}
		for on, d := range s.DependsOn {
			other, ok := p.Services[on]
			if len(other.Profiles) > 0 && !slices.Equal(other.Profiles, s.Profiles) && d.Required {
				t.Errorf("%s needs %s, which is there with %v alone", name, on, other.Profiles)
			}
			want := types.ServiceConditionHealthy
			if other.Restart == "no" {
				want = types.ServiceConditionCompletedSuccessfully
			}
			if !ok || d.Condition != want {
				t.Errorf("%s waits for %s until %s, want %s", name, on, d.Condition, want)
			}
		}
	}
}

// Both ways of finding the broker are there, or clients are sent to an address that is
// not theirs.
func TestTheBrokerIsFoundFromInsideAndOutside(t *testing.T) {
	t.Parallel()
	broker := project(t).Services["redpanda"]
	command := strings.Join(broker.Command, " ")
	for _, want := range []string{"--advertise-kafka-addr=internal://redpanda:9092,external://localhost:19092", "--kafka-addr=internal://0.0.0.0:9092,external://0.0.0.0:19092"} {
		if !strings.Contains(command, want) {
			t.Errorf("the broker's command has no %s: %s", want, command)
		}
	}
	for name, s := range ours(project(t)) {
		if brokers := s.Environment["KAFKA_BROKERS"]; brokers != nil && *brokers != "redpanda:9092" {
			t.Errorf("%s looks for the broker at %s", name, *brokers)
		}
	}
}

// Every address that a configuration names is a service.
func TestConsoleAndConnectLookForWhatIsThere(t *testing.T) {
	t.Parallel()
	p := project(t)
	texts := map[string]string{"the console's configuration": p.Configs["console"].Content}
	for _, file := range []string{"connect/worker.properties", "connect/postgres.properties"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	for _, variable := range p.Services["registry"].Environment {
		texts["the registry's "+*variable] = *variable
	}
	address := regexp.MustCompile(`\b([a-z]+):\d{4,5}\b`)
	found := make(map[string]bool)
	for what, text := range texts {
		for _, m := range address.FindAllStringSubmatch(text, -1) {
			if _, ok := p.Services[m[1]]; !ok {
				t.Errorf("%s names %s, which is no service", what, m[0])
			}
			found[m[0]] = true
		}
	}
	for _, want := range []string{"redpanda:9092", "redpanda:8081", "registry:8080", "postgres:5432"} {
		if !found[want] {
			t.Errorf("nobody looks for %s", want)
		}
	}
	if text := texts["connect/postgres.properties"]; !strings.Contains(text, "\ntopics="+schemas.CareerSitesTopic+"\n") {
		t.Errorf("Connect reads another topic than %s", schemas.CareerSitesTopic)
	}
}

func TestRedisKeepsWhatItHas(t *testing.T) {
	t.Parallel()
	command := strings.Join(project(t).Services["redis"].Command, " ")
	for _, want := range []string{"--appendonly yes", "--maxmemory-policy noeviction"} {
		if !strings.Contains(command, want) {
			t.Errorf("Redis is started with %s, want %s", command, want)
		}
	}
}

// Every variable that the file asks for is in .env.example, and the other way round.
func TestEveryVariableIsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\$\{([A-Z_]+)(:-[^}]*)?\}`).FindAllStringSubmatch(string(text), -1) {
		asked[m[1]] = true
		if m[2] == "" {
			t.Errorf("%s has no default", m[1])
		}
	}
	example, err := os.ReadFile(".env.example")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^#?([A-Z_]+)=`).FindAllStringSubmatch(string(example), -1) {
		documented[m[1]] = true
	}
	if !maps.Equal(asked, documented) {
		t.Errorf("compose.yaml asks for %v, .env.example has %v", slices.Sorted(maps.Keys(asked)), slices.Sorted(maps.Keys(documented)))
	}
	options, err := cli.NewProjectOptions([]string{"compose.yaml"}, cli.WithEnvFiles(".env.example"), cli.WithDotEnv)
	if err != nil {
		t.Fatal(err)
	}
	p, err := options.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Services["enricher"].Environment["ENRICH_SELECT"]; got == nil || *got != `"fintech" in industries` {
		t.Errorf("with .env.example ENRICH_SELECT is %v", got)
	}
}

// binaries are our programs, built once.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "deployments-test-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+"/", "../producer", "../enricher", "./simulator").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %s", out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := binaries(); err == nil {
		_ = os.RemoveAll(dir) // it is in the system's temporary folder
	}
	os.Exit(code)
}

func program(t *testing.T, name string) string {
	t.Helper()
	dir, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// What each service of ours is told is what its program understands: the verb, the
// flags, the settings.
func TestEveryCommandAndSettingExists(t *testing.T) {
	t.Parallel()
	for name, s := range ours(project(t)) {
		binary := program(t, s.Build.Target)
		help := append(slices.Clone(s.Command), "--help")
		if out, err := exec.Command(binary, help...).CombinedOutput(); err != nil {
			t.Errorf("%s: %s %v: %v\n%s", name, s.Build.Target, help, err, out)
		}
		verb := []string{"settings"}
		if s.Build.Target == "simulator" {
			verb = []string{"--help"}
		}
		known, err := exec.Command(binary, verb...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", binary, err, known)
		}
		for setting := range s.Environment {
			if !strings.Contains(string(known), setting) {
				t.Errorf("%s: %s is no setting of %s", name, setting, s.Build.Target)
			}
		}
		if s.HealthCheck != nil && s.HealthCheck.Test[1] != "/"+s.Build.Target {
			t.Errorf("%s asks %s whether it is well", name, s.HealthCheck.Test[1])
		}
	}
}
