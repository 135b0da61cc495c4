package app

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHelpListsEverySettingWithEnvironmentNameAndDefault(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), nil, "--help")
	if got.code != ExitDone || got.stderr != "" {
		t.Errorf("got exit code %d and %q on standard error, want %d and nothing", got.code, got.stderr, ExitDone)
	}
	flat := strings.Join(strings.Fields(got.stdout), " ")
	for name, s := range samples(t) {
		if !strings.Contains(flat, "($"+name+")") {
			t.Errorf("the name %s in the environment is missing", name)
		}
		if !strings.Contains(flat, "--"+strings.ReplaceAll(strings.ToLower(name), "_", "-")) {
			t.Errorf("the flag of %s is missing", name)
		}
		if def := strings.TrimSuffix(s.def, "0s"); def != "" && name != "REDIS_URL_FILE" && !strings.Contains(flat, "Default "+def+". ($"+name+")") {
			t.Errorf("the default %s of %s is missing", def, name)
		}
	}
	for _, want := range []string{"sync", "version", "Exit codes: 0 done", "5 another instance holds the lease"} {
		if !strings.Contains(flat, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

// It is to be read in a terminal: lines that wrap, and not many screens.
func TestHelpFits(t *testing.T) {
	t.Parallel()
	lines := strings.Split(run(t.Context(), nil, "--help").stdout, "\n")
	if len(lines) > 125 {
		t.Errorf("got %d lines, want 125 at the most", len(lines))
	}
	for _, line := range lines {
		if n := utf8.RuneCountInString(line); n > 120 {
			t.Errorf("got a line of %d characters, want 120 at the most: %s", n, line)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	// What is wrong with the settings does not matter: support asks for it first.
	for _, e := range []environment{nil, {"BATCH_SIZE": "60"}, {"CONFIG": "/does/not/exist"}} {
		if got, want := run(t.Context(), e, "version"), (outcome{ExitDone, "producer v1.2.3\n", ""}); got != want {
			t.Errorf("with %v: got %+v, want %+v", e, got, want)
		}
	}
}

func TestUsageThatIsWrong(t *testing.T) {
	t.Parallel()
	const help = "; producer --help shows verbs and settings\n"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no verb":                  {nil, "producer: no verb given: expected one of sync, version; producer --help shows them with all settings\n"},
		"flags and no verb":        {[]string{"--batch-size", "5"}, `producer: expected one of "sync", "version"` + help},
		"an unknown verb":          {[]string{"bogus"}, "producer: unexpected argument bogus" + help},
		"a verb nearly right":      {[]string{"snyc"}, `producer: unexpected argument snyc, did you mean "sync"?` + help},
		"a word too many":          {[]string{"sync", "now"}, "producer: unexpected argument now" + help},
		"an unknown flag":          {[]string{"sync", "--bogus"}, "producer: unknown flag --bogus" + help},
		"a flag nearly right":      {[]string{"sync", "--kafka-brokres", "a:1"}, `producer: unknown flag --kafka-brokres, did you mean "--kafka-brokers"?` + help},
		"one before the verb":      {[]string{"--batchsize=5", "sync"}, `producer: unknown flag --batchsize, did you mean "--batch-size"?` + help},
		"a flag without its value": {[]string{"sync", "--batch-size"}, `producer: --batch-size: expected string value but got "EOL" (<EOL>)` + help},
		"a key without its value":  {[]string{"sync", "--jobo-api-key"}, "producer: --jobo-api-key: expected a value; one that begins with a dash needs an equals sign before it" + help},
	} {
		if got, want := run(t.Context(), keyed(), c.args...), (outcome{ExitUsage, "", c.want}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestFlagsStandBeforeAndAfterTheVerb(t *testing.T) {
	t.Parallel()
	config := mustParse(t, keyed(), "--batch-size", "5", "--feed-name=a", "sync", "--log-level", "warn", "--sync-overlap=1m")
	if config.BatchSize != 5 || config.FeedName != "a" || config.Log.Level != "warn" || config.Overlap.String() != "1m0s" {
		t.Errorf("got batch size %d, feed %q, level %q, overlap %s, want 5, a, warn, 1m0s", config.BatchSize, config.FeedName, config.Log.Level, config.Overlap)
	}
	if got := mustParse(t, keyed(), "sync", "--jobo-api-key=-dash").Feed.Key.Reveal(); got != "-dash" {
		t.Errorf("got the key %q, want %q: after an equals sign a dash is part of the value", got, "-dash")
	}
}

func TestSwitchesMayStandBare(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args                  []string
		tls, create, insecure bool
		agency                any
	}{
		"nothing":                   {[]string{"sync"}, false, true, false, ""},
		"bare at the end":           {[]string{"sync", "--kafka-tls"}, true, true, false, ""},
		"bare before the verb":      {[]string{"--kafka-tls", "sync"}, true, true, false, ""},
		"bare before a flag":        {[]string{"sync", "--kafka-tls", "--jobo-insecure", "--batch-size=5"}, true, true, true, ""},
		"with a value":              {[]string{"sync", "--kafka-tls=true", "--topics-create=false", "--filter-is-agency=false"}, true, false, false, false},
		"with a value after a gap":  {[]string{"sync", "--kafka-tls", "true", "--topics-create", "false", "--filter-is-agency", "true"}, true, false, false, true},
		"in capitals":               {[]string{"--topics-create", "FALSE", "sync", "--kafka-tls=True"}, true, false, false, ""},
		"the last one counts":       {[]string{"sync", "--kafka-tls", "--kafka-tls=false", "--filter-is-agency=false", "--filter-is-agency"}, false, true, false, true},
		"bare and the other filter": {[]string{"sync", "--filter-is-agency"}, false, true, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := mustParse(t, keyed(), c.args...)
			if config.Kafka.TLS != c.tls || config.Topics.Create != c.create || config.Feed.Insecure != c.insecure {
				t.Errorf("got tls %t, create %t, insecure %t, want %t, %t, %t", config.Kafka.TLS, config.Topics.Create, config.Feed.Insecure, c.tls, c.create, c.insecure)
			}
			if got := given(config.Filters.IsAgency); got != c.agency {
				t.Errorf("got is_agency %v, want %v", got, c.agency)
			}
		})
	}
}
