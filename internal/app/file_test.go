package app

import (
	"errors"
	"strings"
	"testing"
)

// fromFile parses settings that a YAML file holds.
func fromFile(t *testing.T, content string) (Producer, string, error) {
	t.Helper()
	path := file(t, "settings.yaml", content)
	config, err := parse(keyed(), "sync", "--config", path)
	return config, path, err
}

func TestYAMLKeysAreTheNamesInEitherSpelling(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"JOBO_BASE_URL", "jobo_base_url", "jobo-base-url", `"JOBO_BASE_URL"`, "Jobo-Base_URL"} {
		config, _, err := fromFile(t, key+": https://from.file\n")
		if err != nil {
			t.Errorf("%s: %v", key, err)
		}
		if got, want := config.Feed.BaseURL, "https://from.file"; got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestYAMLValuesMeanWhatTheyMeanAsFlags(t *testing.T) {
	t.Parallel()
	config, _, err := fromFile(t, `
# a comment
batch-size: 10            # a number
kafka-tls: True           # a truth value
filter-is-agency: "false"
sync-overlap: 90s
filter-updated-after: 2026-01-31
filter-industries: [fintech, "bio tech"]
kafka-brokers:
  - a:9092
  - b:9092
filter-company-types: for_profit, non_profit
filter-company-sizes: []
filter-country-codes:
feed-name: >-
  folded
log-level: 'warn'
---
lease-ttl: 2s             # a second document counts like the first
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name      string
		got, want any
	}{
		{"batch-size", config.BatchSize, 10},
		{"kafka-tls", config.Kafka.TLS, true},
		{"filter-is-agency", given(config.Filters.IsAgency), false},
		{"sync-overlap", config.Overlap.String(), "1m30s"},
		{"filter-updated-after", day(config.Filters.UpdatedAfter), "2026-01-31"},
		{"filter-industries", strings.Join(config.Filters.Industries, "|"), "fintech|bio tech"},
		{"kafka-brokers", strings.Join(config.Kafka.Brokers, "|"), "a:9092|b:9092"},
		{"filter-company-types", strings.Join(config.Filters.CompanyTypes, "|"), "for_profit|non_profit"},
		{"filter-company-sizes", len(config.Filters.CompanySizes), 0},
		{"filter-country-codes", len(config.Filters.CountryCodes), 0},
		{"feed-name", config.FeedName, "folded"},
		{"log-level", config.Log.Level, "warn"},
		{"lease-ttl", config.LeaseTTL.String(), "2s"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, c.got, c.want)
		}
	}
}

func TestYAMLMistakesNameFileAndLine(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ content, want string }{
		"an unknown key":             {"batch-size: 5\n\nkafka-broker: a:1\n", `:3: there is no setting "kafka-broker", did you mean "kafka-brokers"?`},
		"an unknown key far off":     {"colour: red\n", `:1: there is no setting "colour"`},
		"the file itself":            {"config: other.yaml\n", `:1: there is no setting "config"`},
		"help":                       {"help: true\n", `:1: there is no setting "help"`},
		"a setting twice":            {"BATCH_SIZE: 5\nbatch-size: 6\n", `:2: batch-size is set a second time: keep one of the two`},
		"the same key twice":         {"batch-size: 5\nbatch-size: 6\n", `"batch-size" already defined`},
		"a mapping as value":         {"batch-size:\n  rows: 5\n", `:1: batch-size: expected one value or a list of values`},
		"a mapping in a list":        {"kafka-brokers:\n  - a: 9092\n", `:1: kafka-brokers: expected one value or a list of values`},
		"a list in a list":           {"kafka-brokers: [[a]]\n", `:1: kafka-brokers: expected one value or a list of values`},
		"an anchor":                  {"feed-name: &a x\n", `:1: feed-name: expected one value or a list of values`},
		"a list as document":         {"- batch-size\n", ":1: expected one setting a line, like kafka-brokers: localhost:9092"},
		"a word as document":         {"\nbatch-size\n", ":2: expected one setting a line, like kafka-brokers: localhost:9092"},
		"an environment file":        {"BATCH_SIZE=5\n", ":1: expected one setting a line, like kafka-brokers: localhost:9092"},
		"no YAML":                    {"batch-size: [5\n", ": not YAML: "},
		"a value that does not fit":  {"batch-size: 060\n", `BATCH_SIZE is "060": expected a whole number from 1 to 50`},
		"a truth value of YAML's":    {"kafka-tls: yes\n", `KAFKA_TLS is "yes": expected true or false`},
		"a number that is no number": {"batch-size: .nan\n", `BATCH_SIZE is ".nan": expected a whole number`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, path, err := fromFile(t, c.content)
			var usage *UsageError
			if !errors.As(err, &usage) || len(usage.Problems) != 1 {
				t.Fatalf("got %v, want one problem", err)
			}
			if strings.HasPrefix(c.want, ":") {
				c.want = path + c.want
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %q, want %q in it", err, c.want)
			}
		})
	}
}

func TestAnEmptyFileIsNoMistake(t *testing.T) {
	t.Parallel()
	for _, content := range []string{"", "\n", "# nothing yet\n", "---\n", "{}\n"} {
		if config, _, err := fromFile(t, content); err != nil || config.BatchSize != 50 {
			t.Errorf("%q: got batch size %d and %v, want the defaults", content, config.BatchSize, err)
		}
	}
}

func TestTheFileIsFoundByFlagThenEnvironment(t *testing.T) {
	t.Parallel()
	ten, twenty := file(t, "ten", "batch-size: 10\n"), file(t, "twenty", "batch-size: 20\n")
	for name, c := range map[string]struct {
		env  string
		args []string
		want int
	}{
		"environment":          {ten, []string{"sync"}, 10},
		"flag":                 {"", []string{"sync", "--config", ten}, 10},
		"flag and environment": {ten, []string{"sync", "--config", twenty}, 20},
		"flag with equals":     {ten, []string{"--config=" + twenty, "sync"}, 20},
		"the last flag":        {"", []string{"sync", "--config", ten, "--config", twenty}, 20},
		"none":                 {"", []string{"sync"}, 50},
	} {
		config := mustParse(t, keyed().with(environment{"CONFIG": c.env}), c.args...)
		if config.BatchSize != c.want {
			t.Errorf("%s: got batch size %d, want %d", name, config.BatchSize, c.want)
		}
	}
}

func TestAMissingFileIsAMistake(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), keyed().with(environment{"BATCH_SIZE": "60"}), "sync", "--config", "/does/not/exist.yaml")
	for _, want := range []string{
		`CONFIG is "/does/not/exist.yaml": expected a YAML file that can be read; reading it says: open /does/not/exist.yaml: no such file or directory`,
		`BATCH_SIZE is "60"`,
	} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("got %q, want %q in it", got.stderr, want)
		}
	}
	if got.code != ExitUsage {
		t.Errorf("got exit code %d, want %d", got.code, ExitUsage)
	}
}
