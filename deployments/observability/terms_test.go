//go:build unix

package observability_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// term is a metric that a query names, with a label and a value that it asks for:
// empty, if it asks for none.
type term struct{ metric, label, value string }

// terms of a query are few: names that Prometheus or the rules make themselves are
// none of the programs' business.
var (
	// A metric of ours, with what stands in its braces.
	selector = regexp.MustCompile(`\b((?:jobo|process|go)_[a-z0-9_]+)\b(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|on|group_left|without|ignoring)\s*\(([^)]*)\)`)
	recorded = regexp.MustCompile(`\b[a-z_]+:[a-z0-9_:]+`)
	quoted   = regexp.MustCompile(`"[^"]*"`)
)

// given are the labels that Prometheus adds to each series it scrapes.
var given = []string{"job", "instance"}

// termsOf returns the metrics and labels that a query names. The values of a
// regular expression are its alternatives, as long as they are plain words.
func termsOf(query string) []term {
	query = recorded.ReplaceAllString(query, "")
	var out []term
	for _, found := range selector.FindAllStringSubmatch(query, -1) {
		out = append(out, term{metric: found[1]})
		for _, m := range matcher.FindAllStringSubmatch(found[2], -1) {
			if slices.Contains(given, m[1]) {
				continue
			}
			for _, value := range strings.Split(m[3], "|") {
				if strings.HasPrefix(m[2], "!") || strings.ContainsAny(value, ".*[$") {
					value = ""
				}
				out = append(out, term{found[1], m[1], value})
			}
		}
	}
	return out
}

// labelsOf returns the labels that a query groups or joins by.
func labelsOf(query string) []string {
	var out []string
	for _, found := range grouping.FindAllStringSubmatch(quoted.ReplaceAllString(query, ""), -1) {
		for label := range strings.SplitSeq(found[1], ",") {
			if label = strings.TrimSpace(label); label != "" && !slices.Contains(given, label) {
				out = append(out, label)
			}
		}
	}
	return out
}

func TestTermsOfAQuery(t *testing.T) {
	t.Parallel()
	query := `sum by (job, le) (rate(jobo_a_total{job="x", code=~"none|5..", outcome!="page"}[5m])) / job:jobo_b:max{reason="r"} > go_c`
	want := []term{{"jobo_a_total", "", ""}, {"jobo_a_total", "code", "none"}, {"jobo_a_total", "code", ""}, {"jobo_a_total", "outcome", ""}, {"go_c", "", ""}}
	if got := termsOf(query); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := labelsOf(query), []string{"le"}; !slices.Equal(got, want) {
		t.Errorf("got labels %v, want %v", got, want)
	}
}

// exported is what was scraped: the values of each label of each metric.
type exported map[string]map[string][]string

var sample = regexp.MustCompile(`(?m)^([a-z][a-z0-9_]*)(?:\{(.*)\})? \S+$`)

// add reads an answer of /metrics.
func (e exported) add(text string) {
	for _, found := range sample.FindAllStringSubmatch(text, -1) {
		labels := e[found[1]]
		if labels == nil {
			labels = make(map[string][]string)
			e[found[1]] = labels
		}
		for _, m := range matcher.FindAllStringSubmatch(found[2], -1) {
			labels[m[1]] = append(labels[m[1]], m[3])
		}
	}
}

// lacks says what of a term was not scraped; nothing, if all was.
func (e exported) lacks(x term) string {
	labels, ok := e[x.metric]
	if !ok {
		return "no program exports " + x.metric
	}
	values, ok := labels[x.label]
	switch {
	case x.label == "":
		return ""
	case !ok:
		return x.metric + " has no label " + x.label
	case x.value != "" && !slices.Contains(values, x.value):
		return x.metric + " was never seen with " + x.label + "=" + x.value
	}
	return ""
}

// hasLabel reports whether any metric has a label.
func (e exported) hasLabel(label string) bool {
	for _, labels := range e {
		if _, ok := labels[label]; ok {
			return true
		}
	}
	return false
}

func TestWhatIsNotExportedIsFound(t *testing.T) {
	t.Parallel()
	e := make(exported)
	e.add("# HELP jobo_a_total A.\njobo_a_total{code=\"200\",host=\"x\"} 1\njobo_b 2e+09\n")
	for _, c := range []struct {
		x    term
		want string
	}{
		{term{"jobo_b", "", ""}, ""},
		{term{"jobo_a_total", "code", "200"}, ""},
		{term{"jobo_a_total", "code", ""}, ""},
		{term{"jobo_a_total", "code", "404"}, "jobo_a_total was never seen with code=404"},
		{term{"jobo_a_total", "status", ""}, "jobo_a_total has no label status"},
		{term{"jobo_c", "", ""}, "no program exports jobo_c"},
	} {
		if got := e.lacks(c.x); got != c.want {
			t.Errorf("%v: got %q, want %q", c.x, got, c.want)
		}
	}
}
