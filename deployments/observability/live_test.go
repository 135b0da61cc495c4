//go:build unix

package observability_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// empty are the queries that have nothing to show while all is well, by the title
// of their panel, and why. They are tried in trouble.
var empty = map[string]string{
	"Alerts":                  "nothing fires",
	"Connections that failed": "counted from the first failure on",
	"Failed requests":         "no request failed",
	"Dead letters by reason":  "counted from the first dead letter on",
}

// config is prometheus.yml with the addresses of the test, a short interval and
// the rules in place.
const config = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - {job_name: producer, static_configs: [{targets: [%q]}]}
  - {job_name: enricher, static_configs: [{targets: [%q]}]}
`

// prometheus is a running one.
type prometheus struct {
	t   *testing.T
	url string
}

// startPrometheus scrapes a pipeline until the test ends.
func startPrometheus(t *testing.T, p *pipeline) prometheus {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("-prometheus needs a prometheus on PATH; Debian has it in the package of that name")
	}
	ruleFile, err := filepath.Abs("prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir, addr := t.TempDir(), free(t)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, config, ruleFile, p.producer, p.enricher), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exec.CommandContext(t.Context(), path, "--config.file="+file, "--web.listen-address="+addr,
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--log.level=warn"))
	return prometheus{t, "http://" + addr}
}

// ask decodes the data of an answer, and reports whether there was one.
func (p prometheus) ask(path string, data any) bool {
	p.t.Helper()
	answer := struct{ Data any }{data}
	body := get(p.t, p.url+path)
	if body == "" {
		return false
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
	return true
}

// series returns how many series a query gives that show a number: -1 if the
// query is not answered.
func (p prometheus) series(query string) int {
	p.t.Helper()
	var data struct {
		Result []struct{ Value [2]any }
	}
	if !p.ask("/api/v1/query?query="+url.QueryEscape(query), &data) {
		return -1
	}
	n := 0
	for _, r := range data.Result {
		if r.Value[1] != "NaN" {
			n++
		}
	}
	return n
}

// shown is a query as Grafana would send it.
func shown(text string) string {
	return strings.NewReplacer("$__rate_interval", "10s", "$__range", "1m", "$stream", "producer", "$enricher", "enricher", "$instance", ".*").Replace(text)
}

// fill asks the queries until each has given series, and returns the most that
// each gave. Those that may stay empty are not waited for.
func (p prometheus) fill(work *pipeline, all []query, may func(query) bool) []int {
	p.t.Helper()
	most := make([]int, len(all))
	work.each(time.Second, "a query without data", func() bool {
		full := true
		for i, q := range all {
			if most[i] <= 0 {
				most[i] = p.series(shown(q.text))
			}
			full = full && (most[i] > 0 || may(q))
		}
		return full
	})
	return most
}

// TestEveryQueryReturnsData prints how many series each query of the dashboard,
// and each recording rule, gave while all was well, and in trouble.
func TestEveryQueryReturnsData(t *testing.T) {
	t.Parallel()
	if !*prometheusFlag {
		t.Skip("only with -prometheus: it starts a Prometheus")
	}
	work := start(t)
	p := startPrometheus(t, work)
	all := dashboardQueries(t)
	for _, r := range rules(t) {
		if r.Record != "" {
			all = append(all, query{"rules.yaml", r.Record})
		}
	}
	well := p.fill(work, all, func(q query) bool { return empty[q.where] != "" })
	work.trouble()
	bad := p.fill(work, all, func(q query) bool { return strings.Contains(q.text, lastOnes) })
	work.stack.Kafka.Close()
	gone := p.fill(work, slices.DeleteFunc(slices.Clone(all), func(q query) bool { return !strings.Contains(q.text, lastOnes) }), func(query) bool { return false })
	out := tabwriter.NewWriter(t.Output(), 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "panel\twell\tin trouble\tquery")
	for i, q := range all {
		if strings.Contains(q.text, lastOnes) {
			bad[i], gone = gone[0], gone[1:]
		}
		fmt.Fprintf(out, "%s\t%d\t%d\t%s\n", q.where, max(well[i], 0), bad[i], shown(q.text))
	}
	if err := out.Flush(); err != nil {
		t.Error(err)
	}
	p.healthy()
}

// healthy checks that the rules and targets work for Prometheus, too.
func (p prometheus) healthy() {
	p.t.Helper()
	var loaded struct {
		Groups []struct {
			Rules []struct{ Name, Health, LastError string }
		}
	}
	if !p.ask("/api/v1/rules", &loaded) {
		p.t.Fatal("the rules can't be asked for")
	}
	n := 0
	for _, g := range loaded.Groups {
		for _, r := range g.Rules {
			if n++; r.Health != "ok" {
				p.t.Errorf("rule %s: %s %s, want ok", r.Name, r.Health, r.LastError)
			}
		}
	}
	if want := len(rules(p.t)); n != want {
		p.t.Errorf("got %d rules loaded, want %d", n, want)
	}
	if got := p.series("up == 1"); got != 2 {
		p.t.Errorf("got %d targets up, want 2", got)
	}
}
