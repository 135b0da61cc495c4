package app

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/feed"
)

// shared is what both programs are set to alike, as the producer has it.
func shared(e Enricher) Producer {
	return Producer{
		Feed:  feed.Config{BaseURL: e.Company.BaseURL, Insecure: e.Company.Insecure, Key: e.Company.Key},
		Kafka: e.Kafka, RedisURL: e.RedisURL, Listen: e.Listen, Log: e.Log, Values: e.Values,
		Topics: Topics{
			CareerSites: e.Topics.CareerSites, DeadLetters: e.Topics.DeadLetters,
			Create: e.Topics.Create, Partitions: e.Topics.Partitions, Replication: e.Topics.Replication,
		},
	}
}

// producerOnly reports whether the enricher does not have a setting.
func producerOnly(name string) bool {
	switch name {
	case "BATCH_SIZE", "PREFETCH", "BACKFILL_WINDOWS", "WALLET_PROBE_INTERVAL", "PROGRESS_TOPIC", "LEASE_TTL":
		return true
	}
	for _, begin := range []string{"FEED_", "SYNC_", "FILTER_", "CREDITS_"} {
		if strings.HasPrefix(name, begin) {
			return true
		}
	}
	return false
}

// enricherSamples are the settings of the enricher, under the names that users
// know.
func enricherSamples(t *testing.T) map[string]sample[Enricher] {
	all := map[string]sample[Enricher]{
		"COMPANY_HOSTS":      {"f.example", "a.example,b.example:444", "y.example", "", func(e Enricher) any { return strings.Join(e.Company.Hosts, ",") }, nil},
		"COMPANY_SEND_KEY":   {"false", "true", "false", "true", func(e Enricher) any { return e.Company.SendKey }, nil},
		"COMPANY_TIMEOUT":    {"1s", "2s", "3s", "30s", func(e Enricher) any { return e.Company.Timeout }, nil},
		"COMPANY_RATE_LIMIT": {"1/m", "2/h", "off", "360/m,10000/h,100000/d", func(e Enricher) any { return e.Limits }, nil},

		"ENRICH_SELECT":          {"true", "false", "len(industries) > 1", "", func(e Enricher) any { return e.Selection }, nil},
		"ENRICH_CONCURRENCY":     {"1", "2", "1024", "16", func(e Enricher) any { return e.Concurrency }, nil},
		"ENRICH_BATCH":           {"1", "2", "10000", "100", func(e Enricher) any { return e.Batch }, nil},
		"ENRICH_RETRY_DELAYS":    {"1s", "1s,2s", "1s,2s,3s,4s,5s", "1m,10m,1h", func(e Enricher) any { return brief(e) }, nil},
		"ENRICH_NOT_FOUND_TTL":   {"1s", "2s", "3s", "24h0m0s", func(e Enricher) any { return e.NotFoundTTL }, nil},
		"ENRICH_STALL_TIMEOUT":   {"1m1s", "2m1s", "3m1s", "5m0s", func(e Enricher) any { return e.Stall }, nil},
		"ENRICH_GROUP":           {"f", "e", "y", "jobo-enricher", func(e Enricher) any { return e.Group }, nil},
		"ENRICH_SESSION_TIMEOUT": {"1s", "2s", "3s", "45s", func(e Enricher) any { return e.SessionTimeout }, nil},

		"COMPANIES_TOPIC": {"f", "e", "y", "jobo.companies.v1", func(e Enricher) any { return e.Topics.Companies }, nil},
		"REQUESTS_TOPIC":  {"f", "e", "y", "jobo.company-requests.v1", func(e Enricher) any { return e.Topics.Requests }, nil},
		"RETRIES_TOPIC":   {"f", "e", "y", "jobo.company-retries.v1", func(e Enricher) any { return e.Topics.Retries }, nil},
	}
	for name, s := range samples(t) {
		if !producerOnly(name) {
			all[name] = sample[Enricher]{s.flag, s.env, s.file, s.def, func(e Enricher) any { return s.get(shared(e)) }, s.with}
		}
	}
	return all
}

// brief are the delays as a person writes them.
func brief(e Enricher) string {
	var parts []string
	for _, d := range e.RetryDelays {
		parts = append(parts, short(d.String()))
	}
	return strings.Join(parts, ",")
}

func TestTheEnrichersFlagWinsThenEnvironmentThenFileThenDefault(t *testing.T) {
	t.Parallel()
	precedence(t, enricherSamples(t), func(t *testing.T, e environment, args ...string) Enricher {
		t.Helper()
		return mustEnricher(t, e, append(args, "run")...)
	})
}

func TestEverySettingOfTheEnricherHasOneNameInThreeForms(t *testing.T) {
	t.Parallel()
	oneName(t, reflect.TypeFor[enricherSettings](), enricherSamples(t))
}

// Neither program stumbles over what the other one is set to.
func TestOneFileHoldsTheSettingsOfBothPrograms(t *testing.T) {
	t.Parallel()
	values := make(map[string]string)
	for name, s := range samples(t) {
		values[name] = s.file
	}
	for name, s := range enricherSamples(t) {
		values[name] = s.file
	}
	for _, name := range []string{"JOBO_API_KEY_FILE", "KAFKA_SASL_PASSWORD_FILE", "SCHEMA_REGISTRY_PASSWORD_FILE", "REDIS_URL_FILE", "FILTER_DISCOVERED_BEFORE"} {
		delete(values, name) // beside which another one excludes them
	}
	names := map[string]string{"CAREER_SITES_TOPIC": "sites", "PROGRESS_TOPIC": "progress", "DEAD_LETTERS_TOPIC": "letters", "COMPANIES_TOPIC": "companies", "REQUESTS_TOPIC": "requests"}
	var content strings.Builder
	for name, value := range values {
		if own, ok := names[name]; ok {
			value = own
		}
		fmt.Fprintf(&content, "%s: %q\n", name, value)
	}
	path := file(t, "settings.yaml", content.String())
	producer, enricher := mustParse(t, nil, "sync", "--config", path), mustEnricher(t, nil, "run", "--config", path)
	if producer.BatchSize != 3 || producer.Topics.CareerSites != "sites" {
		t.Errorf("producer: got batch size %d and topic %s, want 3 and sites", producer.BatchSize, producer.Topics.CareerSites)
	}
	if enricher.Batch != 10_000 || enricher.Topics.CareerSites != "sites" || enricher.Topics.Companies != "companies" {
		t.Errorf("enricher: got batch %d and topics %s and %s, want 10000, sites and companies", enricher.Batch, enricher.Topics.CareerSites, enricher.Topics.Companies)
	}
}

func TestAnUnknownKeyIsAMistakeForBothPrograms(t *testing.T) {
	t.Parallel()
	config := file(t, "settings.yaml", "batch-size: 5\nenrich-batch: 6\nenrich-selct: true\nbatchsize: 1\n")
	want := config + ":3: there is no setting \"enrich-selct\", did you mean \"enrich-select\"?\n" +
		config + ":4: there is no setting \"batchsize\", did you mean \"batch-size\"?\n"
	for name, got := range map[string]outcome{
		"producer": run(t.Context(), keyed(), "sync", "--config", config),
		"enricher": enrich(t.Context(), nil, "run", "--config", config),
	} {
		if want := (outcome{ExitUsage, "", name + ": 2 settings are wrong:\n" + want}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// A variable may be there for the other program; a flag is meant for this one.
func TestTheOtherProgramsFlagsAreUnknown(t *testing.T) {
	t.Parallel()
	e := environment{"BATCH_SIZE": "wrong", "SYNC_INTERVAL": "wrong", "FILTER_IS_AGENCY": "wrong"}
	mustEnricher(t, e, "run")
	mustParse(t, keyed().with(environment{"ENRICH_BATCH": "wrong", "COMPANY_HOSTS": ",", "ENRICH_SELECT": "("}), "sync")
	for name, got := range map[string]outcome{
		"--batch-size":   enrich(t.Context(), nil, "run", "--batch-size=5"),
		"--enrich-batch": run(t.Context(), keyed(), "sync", "--enrich-batch=5"),
	} {
		if got.code != ExitUsage || !strings.Contains(got.stderr, "unknown flag "+name) {
			t.Errorf("%s: got %+v, want an unknown flag", name, got)
		}
	}
}
