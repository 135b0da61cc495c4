package app

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// canary is what must show up nowhere.
const canary = "c4n4ry"

// secretive is an environment in which every secret holds the canary.
func secretive() environment {
	return environment{
		"JOBO_API_KEY": canary, "REDIS_URL": "redis://user:" + canary + "@127.0.0.1:1/0",
		"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "me", "KAFKA_SASL_PASSWORD": canary,
	}
}

func TestSecretsComeFromFilesToo(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"bare": canary, "a line": canary + "\n", "a line of another system": canary + "\r\n", "a line among others": "\n" + canary + "\n\n",
	} {
		path := file(t, "secret", content)
		config := mustParse(t, environment{
			"JOBO_API_KEY_FILE":    path,
			"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "me", "KAFKA_SASL_PASSWORD_FILE": path,
			"REDIS_URL_FILE": file(t, "url", "rediss://:"+canary+"@host\n"),
		}, "sync")
		if got := config.Feed.Key.Reveal(); got != canary {
			t.Errorf("%s: got the API key %q, want %q", name, got, canary)
		}
		if got := config.Kafka.Password.Reveal(); got != canary {
			t.Errorf("%s: got the password %q, want %q", name, got, canary)
		}
		if got, want := config.RedisURL.Reveal(), "rediss://:"+canary+"@host"; got != want {
			t.Errorf("%s: got the Redis URL %q, want %q", name, got, want)
		}
	}
}

func TestAConfigurationPrintsWithoutItsSecrets(t *testing.T) {
	t.Parallel()
	producer, enricher := mustParse(t, secretive(), "sync"), mustEnricher(t, secretive(), "run")
	printsNoSecret(t, producer, map[string]any{"feed": producer.Feed.Key, "redis": producer.RedisURL, "kafka": producer.Kafka.Password})
	printsNoSecret(t, enricher, map[string]any{"company": enricher.Company.Key, "redis": enricher.RedisURL, "kafka": enricher.Kafka.Password})
}

// printsNoSecret prints a configuration, and its secrets by themselves, in every
// way there is.
func printsNoSecret[C any](t *testing.T, config C, secrets map[string]any) {
	t.Helper()
	var logged strings.Builder
	log := Log{Format: "json", Level: "debug"}.New(&logged)
	log.Info("reflected", zap.Any("config", config), zap.Any("secrets", secrets))
	marshalled, err := json.Marshal(secrets)
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"JSON": string(marshalled), "the log": logged.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		texts[verb] = fmt.Sprintf(verb, config)
		texts[verb+" of a pointer"] = fmt.Sprintf(verb, &config)
	}
	for name, text := range texts {
		if strings.Contains(text, canary) || strings.Contains(strings.ToLower(text), fmt.Sprintf("%x", canary)) {
			t.Errorf("%T: %s gives a secret away: %s", config, name, text)
		}
		if !strings.Contains(text, "***") {
			t.Errorf("%T: %s shows no mask, so it showed no secret at all: %s", config, name, text)
		}
	}
}

func TestNoMistakeGivesASecretAway(t *testing.T) {
	t.Parallel()
	yaml := func(content string) environment { return environment{"CONFIG": file(t, "settings.yaml", content)} }
	cases := map[string]struct {
		env  environment
		args []string
	}{
		"another mistake":               {environment{"BATCH_SIZE": "60"}, []string{"sync"}},
		"no verb":                       {nil, nil},
		"an unknown verb":               {nil, []string{"snyc"}},
		"an unknown flag":               {nil, []string{"sync", "--jobo-apikey", canary}},
		"an unknown flag with equals":   {nil, []string{"sync", "--jobo-apikey=" + canary}},
		"a key that begins with a dash": {nil, []string{"sync", "--jobo-api-key", "-" + canary}},
		"a password like a flag":        {nil, []string{"sync", "--kafka-sasl-password", "--" + canary}},
		"an URL like a flag":            {nil, []string{"sync", "--redis-url", "-" + canary}},
		"a key with a line end":         {environment{"JOBO_API_KEY": canary + "\n" + canary}, []string{"sync"}},
		"a key twice":                   {environment{"JOBO_API_KEY_FILE": file(t, "key", canary)}, []string{"sync"}},
		"a password twice":              {environment{"KAFKA_SASL_PASSWORD_FILE": file(t, "pass", canary)}, []string{"sync"}},
		"a password without its user":   {environment{"KAFKA_SASL_USERNAME": ""}, []string{"sync"}},
		"a password without mechanism":  {environment{"KAFKA_SASL_MECHANISM": ""}, []string{"sync"}},
		"a feed URL with a password":    {environment{"JOBO_BASE_URL": "https://user:" + canary + "@feed.example"}, []string{"sync"}},
		"a feed URL with a key":         {environment{"JOBO_BASE_URL": "https://feed.example/?key=" + canary}, []string{"sync"}},
		"a feed URL that is none":       {environment{"JOBO_BASE_URL": "https://user:" + canary + "%zz@feed.example"}, []string{"sync"}},
		"a feed URL of another kind":    {environment{"JOBO_BASE_URL": "ftp://user:" + canary + "@feed.example"}, []string{"sync"}},
		"a Redis URL that is none":      {environment{"REDIS_URL": "redis://:" + canary + "%zz@host"}, []string{"sync"}},
		"a Redis URL of another kind":   {environment{"REDIS_URL": "http://:" + canary + "@host"}, []string{"sync"}},
		"a Redis URL with an option":    {environment{"REDIS_URL": "redis://:" + canary + "@127.0.0.1:1/0?password=" + canary}, []string{"sync"}},
		"a Redis that is not there":     {nil, []string{"sync"}},
		"broken YAML after a secret":    {yaml("jobo-api-key: " + canary + "\nbatch-size: [\n"), []string{"sync"}},
		"broken YAML in a secret":       {yaml("jobo-api-key: {" + canary + "\n"), []string{"sync"}},
		"a secret without a space":      {yaml("batch-size: 5\njobo-api-key:" + canary + "\n"), []string{"sync"}},
		"a secret with a colon":         {yaml("jobo-api-key: " + canary + ": x\n"), []string{"sync"}},
		"a secret with a percent sign":  {yaml("jobo-api-key: %" + canary + "\n"), []string{"sync"}},
		"a secret with an at sign":      {yaml("jobo-api-key: @" + canary + "\n"), []string{"sync"}},
		"a secret with a quote":         {yaml("jobo-api-key: \"" + canary + "\n"), []string{"sync"}},
		"a secret with a tab":           {yaml("jobo-api-key:\t\t- " + canary + "\n"), []string{"sync"}},
		"a secret under a wrong key":    {yaml("jobo-apikey: " + canary + "\n"), []string{"sync"}},
		"a secret one level down":       {yaml("jobo-api-key:\n  value: " + canary + "\n"), []string{"sync"}},
		"a secret twice in the file":    {yaml("jobo-api-key: " + canary + "\njobo-api-key: " + canary + "\n"), []string{"sync"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := run(t.Context(), secretive().with(c.env), c.args...)
			if got.code == ExitDone || got.stderr == "" {
				t.Fatalf("got exit code %d and %q, want a mistake that is reported", got.code, got.stderr)
			}
			if strings.Contains(got.stderr+got.stdout, canary) {
				t.Errorf("a secret is in the output: %s%s", got.stderr, got.stdout)
			}
		})
	}
}

func TestNoMistakeOfTheEnricherGivesASecretAway(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]environment{
		"another mistake":             {"ENRICH_BATCH": "0"},
		"a key with a line end":       {"JOBO_API_KEY": canary + "\n" + canary},
		"a key twice":                 {"JOBO_API_KEY_FILE": file(t, "key", canary)},
		"an API URL with a password":  {"JOBO_BASE_URL": "https://user:" + canary + "@api.example"},
		"an API URL with a key":       {"JOBO_BASE_URL": "https://api.example/?key=" + canary},
		"an API URL that is none":     {"JOBO_BASE_URL": "https://user:" + canary + "%zz@api.example"},
		"an API URL of another kind":  {"JOBO_BASE_URL": "ftp://user:" + canary + "@api.example"},
		"a Redis URL of another kind": {"REDIS_URL": "http://:" + canary + "@host"},
		"a broken selection":          {"ENRICH_SELECT": "industry ==", "REDIS_URL": "redis://:" + canary + "@127.0.0.1:1/0"},
		"a secret under a wrong key":  {"CONFIG": file(t, "settings.yaml", "jobo-apikey: "+canary+"\n")},
	} {
		got := enrich(t.Context(), secretive().with(e), "run")
		if got.code != ExitUsage || strings.Contains(got.stderr+got.stdout, canary) {
			t.Errorf("%s: got exit code %d, want %d and no secret in the output: %s%s", name, got.code, ExitUsage, got.stderr, got.stdout)
		}
	}
}

func TestHelpShowsNamesAndDefaultsAndNeverWhatIsSet(t *testing.T) {
	set := secretive()
	for name, s := range samples(t) {
		if set[name] == "" {
			set[name] = s.env
		}
	}
	for name, value := range set {
		t.Setenv(name, value) // kong knows the process's environment
	}
	for _, args := range [][]string{{"--help"}, {"-h"}, {"sync", "--help"}, {"version", "--help"}} {
		got := run(t.Context(), set, args...)
		if strings.Contains(got.stdout+got.stderr, canary) {
			t.Errorf("%q shows a secret:\n%s", args, got.stdout)
		}
		if plain := run(t.Context(), nil, args...); got != plain {
			t.Errorf("%q is another text when settings are set:\n%s", args, got.stdout)
		}
	}
}
