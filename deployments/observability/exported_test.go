//go:build unix

package observability_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// variable is one of a dashboard.
var variable = regexp.MustCompile(`\$([a-z_]+)`)

// closed are the labels whose values are a list that the programs know. Versions
// and numbers of brokers are anything.
var closed = []string{"outcome", "reason", "code"}

// rare are values that a healthy network and a short test do not bring about.
var rare = map[string]string{
	"304":      "a profile that had not changed: a request with force asks for it again",
	"not_sent": "a request that never left: the connection to the feed can't be made",
	"refused":  "an answer of the profiles that was not taken",
}

// query is text that names metrics, and where it stands.
type query struct{ where, text string }

// queries returns every expression of rules, their tests and the dashboard.
func queries(t *testing.T) []query {
	t.Helper()
	var out []query
	for _, r := range rules(t) {
		out = append(out, query{"rules.yaml: " + r.Alert + r.Record, r.Expr})
	}
	var tests ruleTests
	read(t, "prometheus/rules_test.yaml", &tests)
	for _, test := range tests.Tests {
		for _, s := range test.Series {
			out = append(out, query{"rules_test.yaml", s.Series})
		}
	}
	return append(out, dashboardQueries(t)...)
}

func dashboardQueries(t *testing.T) []query {
	t.Helper()
	var d dashboard
	read(t, "grafana/dashboards/pipeline.json", &d)
	var out []query
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			out = append(out, query{p.Title, target.Expr})
		}
	}
	return out
}

// lacking returns what the queries name and nobody exports so far.
func (e exported) lacking(all []query) []string {
	var out []string
	for _, q := range all {
		for _, x := range termsOf(q.text) {
			if !slices.Contains(closed, x.label) || rare[x.value] != "" {
				x.value = ""
			}
			if lack := e.lacks(x); lack != "" {
				out = append(out, q.where+": "+lack)
			}
		}
		for _, label := range labelsOf(q.text) {
			if !e.hasLabel(label) {
				out = append(out, q.where+": no metric has the label "+label)
			}
		}
	}
	return out
}

// lastOnes are the metrics that only appear when Kafka is gone.
const lastOnes = "connect_errors"

// Some metrics appear with the first event of their kind. So there is trouble,
// and when nothing else is missing Kafka goes away: nothing commits after that.
func TestEveryNameIsExported(t *testing.T) {
	t.Parallel()
	p, seen, all := start(t), make(exported), queries(t)
	scrape := func() []string {
		seen.add(get(t, "http://"+p.producer+"/metrics"))
		seen.add(get(t, "http://"+p.enricher+"/metrics"))
		return seen.lacking(all)
	}
	p.each(100*time.Millisecond, "the first profiles", func() bool {
		scrape()
		return seen.lacks(term{"jobo_enricher_http_request_duration_seconds_count", "code", "200"}) == ""
	})
	p.trouble()
	enough, lacking, gone := time.After(patience/2), []string(nil), false
	p.each(100*time.Millisecond, "every name", func() bool {
		lacking = scrape()
		if !gone && !slices.ContainsFunc(lacking, func(lack string) bool { return !strings.Contains(lack, lastOnes) }) {
			gone = true
			p.stack.Kafka.Close()
		}
		select {
		case <-enough:
			return true
		default:
			return len(lacking) == 0
		}
	})
	for _, lack := range lacking {
		t.Error(lack)
	}
}
