//go:build unix

package observability_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// rule is one of rules.yaml.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

// read decodes a file of this folder, whose members need not all be known.
func read(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	decode := yaml.Unmarshal
	if path.Ext(name) == ".json" {
		decode = json.Unmarshal
	}
	if err := decode(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	read(t, "prometheus/rules.yaml", &file)
	var out []rule
	for _, g := range file.Groups {
		out = append(out, g.Rules...)
	}
	return out
}

// ruleTests is rules_test.yaml.
type ruleTests struct {
	Tests []struct {
		Series []struct{ Series string } `yaml:"input_series"`
		Checks []struct {
			Alert    string           `yaml:"alertname"`
			Expected []map[string]any `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
	}
}

// panel is what a dashboard shows in one place.
type panel struct {
	ID      int
	Type    string
	Title   string
	Targets []struct{ Expr string }
}

// dashboard is what Grafana shows.
type dashboard struct {
	UID        string
	Panels     []panel
	Templating struct{ List []struct{ Name string } }
}

func TestEachAlertSaysWhatToDo(t *testing.T) {
	t.Parallel()
	var runbooks []string
	for _, r := range rules(t) {
		if r.Alert == "" {
			continue
		}
		runbooks = append(runbooks, r.Alert+".md")
		if !slices.Contains([]string{"critical", "warning", "info"}, r.Labels["severity"]) {
			t.Errorf("%s: got severity %q, want critical, warning or info", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s: got annotations %v, want a summary and a description", r.Alert, r.Annotations)
		}
		if got, want := r.Annotations["runbook_url"], "deployments/observability/runbooks/"+r.Alert+".md"; got != want {
			t.Errorf("%s: got runbook %q, want %q", r.Alert, got, want)
		}
		text, err := os.ReadFile(filepath.Join("runbooks", r.Alert+".md"))
		if err != nil {
			t.Error(err)
		}
		for _, part := range []string{"# " + r.Alert, "## Meaning", "## Impact", "## How to look", "## How to mend"} {
			if !strings.Contains(string(text), part+"\n") {
				t.Errorf("runbooks/%s.md: want a line %q", r.Alert, part)
			}
		}
	}
	found, err := filepath.Glob("runbooks/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range found {
		if !slices.Contains(runbooks, filepath.Base(file)) {
			t.Errorf("%s: no alert leads there", file)
		}
	}
}

func TestEachAlertIsSeenFiringAndQuiet(t *testing.T) {
	t.Parallel()
	var file ruleTests
	read(t, "prometheus/rules_test.yaml", &file)
	fires, quiet := make(map[string]bool), make(map[string]bool)
	for _, test := range file.Tests {
		for _, c := range test.Checks {
			fires[c.Alert] = fires[c.Alert] || len(c.Expected) > 0
			quiet[c.Alert] = quiet[c.Alert] || len(c.Expected) == 0
		}
	}
	for _, r := range rules(t) {
		if r.Alert != "" && (!fires[r.Alert] || !quiet[r.Alert]) {
			t.Errorf("%s: firing is tested: %t, quiet is tested: %t; want both", r.Alert, fires[r.Alert], quiet[r.Alert])
		}
	}
}

func TestPromtoolAccepts(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not on PATH: the rules are not tried; Debian has it in the package prometheus")
	}
	for _, args := range [][]string{
		{"check", "config", "prometheus/prometheus.yml"},
		{"check", "config", "prometheus/host.yml"},
		{"check", "rules", "--lint-fatal", "prometheus/rules.yaml"},
		{"test", "rules", "prometheus/rules_test.yaml"},
	} {
		if out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestTheDashboardIsOneThatGrafanaKeeps(t *testing.T) {
	t.Parallel()
	var d dashboard
	read(t, "grafana/dashboards/pipeline.json", &d)
	if want := "careerstream-pipeline"; d.UID != want {
		t.Errorf("got uid %q, want %q: links to the dashboard hold it", d.UID, want)
	}
	variables := map[string]bool{"__rate_interval": true, "__range": true}
	for _, v := range d.Templating.List {
		variables[v.Name] = true
	}
	ids := make(map[int]string)
	for _, p := range d.Panels {
		if other, taken := ids[p.ID]; taken {
			t.Errorf("%q and %q both have the id %d", other, p.Title, p.ID)
		}
		ids[p.ID] = p.Title
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("%q asks nothing", p.Title)
		}
		for _, target := range p.Targets {
			for _, found := range variable.FindAllStringSubmatch(target.Expr, -1) {
				if !variables[found[1]] {
					t.Errorf("%q: there is no variable %q, only %v", p.Title, found[1], slices.Sorted(maps.Keys(variables)))
				}
			}
		}
	}
}

var (
	command = regexp.MustCompile("`((?:producer|enricher) [a-z][^`]*)`")
	setting = regexp.MustCompile("`([A-Z][A-Z_]+)`")
)

// What a runbook tells one to type has to work at three in the morning.
func TestRunbooksNameCommandsAndSettingsThatExist(t *testing.T) {
	t.Parallel()
	dir, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	output := func(line ...string) string {
		cmd := exec.CommandContext(t.Context(), filepath.Join(dir, line[0]), line[1:]...)
		cmd.Env = []string{}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", strings.Join(line, " "), err, out)
		}
		return string(out)
	}
	settings := output("producer", "settings") + output("enricher", "settings")
	found, err := filepath.Glob("runbooks/*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("got %d runbooks, %v", len(found), err)
	}
	tried := make(map[string]bool)
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			if !tried[m[1]] {
				tried[m[1]] = true
				output(append(strings.Fields(strings.Replace(m[1], "TIME", "2026-01-01T00:00:00Z", 1)), "--help")...)
			}
		}
		for _, m := range setting.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile(`\b` + m[1] + `\b`).MatchString(settings) {
				t.Errorf("%s: there is no setting %s", file, m[1])
			}
		}
	}
}
