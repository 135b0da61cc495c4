package app

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

// The topics that hold companies have as many partitions as the career sites,
// which somebody else may have created.
func TestTheEnrichersTopicsFollowTheCareerSites(t *testing.T) {
	t.Parallel()
	w := newWard(t, simulator.Options{})
	w.create("sites", 3, "compact")
	e := environment{
		"KAFKA_BROKERS": strings.Join(w.kafka.ListenAddrs(), ","), "TOPIC_PARTITIONS": "5", "ENRICH_RETRY_DELAYS": "1m,2m",
		"CAREER_SITES_TOPIC": "sites", "COMPANIES_TOPIC": "companies", "REQUESTS_TOPIC": "requests", "RETRIES_TOPIC": "retries", "DEAD_LETTERS_TOPIC": "letters",
	}
	missing := []string{"companies", "letters", "requests", "retries.0", "retries.1", "retries.2"}
	for _, args := range [][]string{{"topics", "check"}, {"topics", "apply", "--dry-run"}} { // neither changes anything
		got := enrich(t.Context(), e, args...)
		if created := toCreate(got.stdout); !slices.Equal(created, missing) || got.code != ExitFailed {
			t.Errorf("%q: got exit code %d and to create %q, want %d and %q", args, got.code, created, ExitFailed, missing)
		}
		if !strings.Contains(got.stderr, "enricher topics apply") {
			t.Errorf("%q: got %q, want the way to mend it", args, got.stderr)
		}
	}
	if got := enrich(t.Context(), e, "topics", "apply"); got.code != ExitDone {
		t.Errorf("apply: got %+v, want exit code %d", got, ExitDone)
	}
	if got := enrich(t.Context(), e, "topics", "check"); got.code != ExitDone || strings.Contains(got.stdout, "+") {
		t.Errorf("check afterwards: got %+v, want exit code %d and nothing to create", got, ExitDone)
	}
	for topic, n := range map[string]int32{"companies": 3, "requests": 3, "retries.0": 3, "retries.2": 3, "letters": 1, "sites": 3} {
		w.wantPartitions(topic, n)
	}
	for topic, want := range map[string]string{"companies": "compact", "retries.1": "delete", "requests": "delete"} {
		if policy := w.kafka.TopicInfo(topic).Configs["cleanup.policy"]; policy == nil || *policy != want {
			t.Errorf("topic %s: got another policy than %s", topic, want)
		}
	}
}

// toCreate are the topics that a plan says are missing, in order.
func toCreate(plan string) []string {
	var names []string
	for line := range strings.Lines(plan) {
		if rest, ok := strings.CutPrefix(line, "+ create topic "); ok {
			name, _, _ := strings.Cut(rest, ":")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func TestTheEnrichersTopicsNeedABroker(t *testing.T) {
	t.Parallel()
	c := mustEnricher(t, environment{"KAFKA_BROKERS": "127.0.0.1:1"}, "topics", "check")
	var differ *TopicsDifferError
	if err := EnrichTopics(t.Context(), c, true, new(strings.Builder)); err == nil || errors.As(err, &differ) {
		t.Errorf("got %v, want an error about the broker", err)
	}
}
