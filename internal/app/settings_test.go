package app

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample is one setting with three values, one for each place that it may be
// set in, and its default. None where a setting has no default, or none is right.
type sample[C any] struct {
	flag, env, file, def string
	get                  func(C) any
	// with is what the setting needs beside it.
	with environment
}

// samples are the settings of the producer, under the names that users know.
func samples(t *testing.T) map[string]sample[Producer] {
	sasl := environment{"KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_SASL_USERNAME": "me", "KAFKA_SASL_PASSWORD": "pass"}
	pem := func(name string) string { return file(t, name, "x") }
	pair := environment{"KAFKA_TLS": "true", "KAFKA_TLS_CERT": pem("c"), "KAFKA_TLS_KEY": pem("k")}
	registry := environment{"SCHEMA_REGISTRY_URL": "http://localhost:8081"}
	registryPair := environment{"SCHEMA_REGISTRY_TLS_CERT": pem("c"), "SCHEMA_REGISTRY_TLS_KEY": pem("k")}
	return map[string]sample[Producer]{
		"JOBO_API_KEY":      {"f", "e", "y", "", func(p Producer) any { return p.Feed.Key.Reveal() }, nil},
		"JOBO_API_KEY_FILE": {"f", "e", "y", "", func(p Producer) any { return p.Feed.Key.Reveal() }, nil},
		"JOBO_BASE_URL":     {"https://f", "https://e", "https://y", "https://connect.jobo.world", func(p Producer) any { return p.Feed.BaseURL }, nil},
		"JOBO_INSECURE":     {"true", "false", "true", "false", func(p Producer) any { return p.Feed.Insecure }, nil},
		"FEED_NAME":         {"f", "e", "y", "career-sites", func(p Producer) any { return p.FeedName }, nil},
		"FEED_RATE_LIMIT":   {"1/m", "2/h", "3/d", "120/m,5000/h,50000/d", func(p Producer) any { return p.Limits }, nil},
		"BATCH_SIZE":        {"1", "2", "3", "50", func(p Producer) any { return p.BatchSize }, nil},
		"SYNC_OVERLAP":      {"1s", "2s", "3s", "15m0s", func(p Producer) any { return p.Overlap }, nil},
		"SYNC_INTERVAL":     {"1s", "2s", "3s", "6h0m0s", func(p Producer) any { return p.Interval }, nil},
		"PREFETCH":          {"1", "2", "16", "0", func(p Producer) any { return p.Prefetch }, nil},
		"BACKFILL_WINDOWS":  {"1", "2", "64", "0", func(p Producer) any { return p.Windows }, nil},

		"CREDITS_PER_ROW":       {"1", "2", "3", "50", func(p Producer) any { return p.Budget.PerRow }, nil},
		"CREDITS_MAX_PER_RUN":   {"51", "52", "53", "-1", func(p Producer) any { return p.Budget.PerRun }, nil},
		"CREDITS_MAX_PER_DAY":   {"51", "52", "53", "-1", func(p Producer) any { return p.Budget.PerDay }, nil},
		"CREDITS_MAX_PER_MONTH": {"51", "52", "53", "-1", func(p Producer) any { return p.Budget.PerMonth }, nil},
		"CREDITS_MIN_BALANCE":   {"1", "2", "3", "0", func(p Producer) any { return p.Budget.MinBalance }, nil},
		"CREDITS_WARN_BALANCE":  {"1", "2", "3", "-1", func(p Producer) any { return p.Budget.WarnBalance }, nil},
		"WALLET_PROBE_INTERVAL": {"1s", "2s", "3s", "15m0s", func(p Producer) any { return p.WalletProbe }, nil},

		"FILTER_INDUSTRIES":        {"f", "e", "y", "", func(p Producer) any { return strings.Join(p.Filters.Industries, ",") }, nil},
		"FILTER_COMPANY_SIZES":     {"f", "e", "y", "", func(p Producer) any { return strings.Join(p.Filters.CompanySizes, ",") }, nil},
		"FILTER_COUNTRY_CODES":     {"FR", "ES", "YE", "", func(p Producer) any { return strings.Join(p.Filters.CountryCodes, ",") }, nil},
		"FILTER_FUNDING_STAGES":    {"f", "e", "y", "", func(p Producer) any { return strings.Join(p.Filters.FundingStages, ",") }, nil},
		"FILTER_COMPANY_TYPES":     {"f", "e", "y", "", func(p Producer) any { return strings.Join(p.Filters.CompanyTypes, ",") }, nil},
		"FILTER_FOUNDED_AFTER":     {"1999", "2001", "2002", "", func(p Producer) any { return given(p.Filters.FoundedAfter) }, nil},
		"FILTER_IS_AGENCY":         {"true", "false", "true", "", func(p Producer) any { return given(p.Filters.IsAgency) }, nil},
		"FILTER_UPDATED_AFTER":     {"2026-01-01", "2026-01-02", "2026-01-03", "", func(p Producer) any { return day(p.Filters.UpdatedAfter) }, nil},
		"FILTER_DISCOVERED_AFTER":  {"2026-01-01", "2026-01-02", "2026-01-03", "", func(p Producer) any { return day(p.Filters.DiscoveredAfter) }, nil},
		"FILTER_DISCOVERED_BEFORE": {"2026-01-01", "2026-01-02", "2026-01-03", "", func(p Producer) any { return day(p.Filters.DiscoveredBefore) }, nil},

		"KAFKA_BROKERS":            {"f:1", "e:1,e:2", "y:1", "localhost:9092", func(p Producer) any { return strings.Join(p.Kafka.Brokers, ",") }, nil},
		"KAFKA_SASL_MECHANISM":     {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "", func(p Producer) any { return p.Kafka.Mechanism }, sasl},
		"KAFKA_SASL_USERNAME":      {"f", "e", "y", "", func(p Producer) any { return p.Kafka.Username }, sasl},
		"KAFKA_SASL_PASSWORD":      {"f", "e", "y", "", func(p Producer) any { return p.Kafka.Password.Reveal() }, sasl},
		"KAFKA_SASL_PASSWORD_FILE": {"f", "e", "y", "", func(p Producer) any { return p.Kafka.Password.Reveal() }, sasl},
		"KAFKA_TLS":                {"true", "false", "true", "false", func(p Producer) any { return p.Kafka.TLS }, nil},
		"KAFKA_TLS_CA":             {pem("f"), pem("e"), pem("y"), "", func(p Producer) any { return p.Kafka.CA }, pair},
		"KAFKA_TLS_CERT":           {pem("f"), pem("e"), pem("y"), "", func(p Producer) any { return p.Kafka.Cert }, pair},
		"KAFKA_TLS_KEY":            {pem("f"), pem("e"), pem("y"), "", func(p Producer) any { return p.Kafka.Key }, pair},

		"CAREER_SITES_TOPIC":       {"f", "e", "y", "jobo.career-sites.v1", func(p Producer) any { return p.Topics.CareerSites }, nil},
		"PROGRESS_TOPIC":           {"f", "e", "y", "jobo.career-sites.progress.v1", func(p Producer) any { return p.Topics.Progress }, nil},
		"DEAD_LETTERS_TOPIC":       {"f", "e", "y", "jobo.dead-letters.v1", func(p Producer) any { return p.Topics.DeadLetters }, nil},
		"TOPICS_CREATE":            {"false", "true", "false", "true", func(p Producer) any { return p.Topics.Create }, nil},
		"TOPIC_PARTITIONS":         {"1", "2", "3", "6", func(p Producer) any { return p.Topics.Partitions }, nil},
		"TOPIC_REPLICATION_FACTOR": {"1", "2", "3", "-1", func(p Producer) any { return p.Topics.Replication }, nil},

		"VALUE_FORMAT":                  {"avro", "json", "avro", "json", func(p Producer) any { return map[bool]string{true: "avro", false: "json"}[p.Values.Avro] }, registry},
		"SCHEMA_REGISTRY_URL":           {"http://f", "http://e,https://e", "https://y", "", func(p Producer) any { return strings.Join(p.Values.Registry.URLs, ",") }, nil},
		"SCHEMA_REGISTRY_USERNAME":      {"f", "e", "y", "", func(p Producer) any { return p.Values.Registry.Username }, nil},
		"SCHEMA_REGISTRY_PASSWORD":      {"f", "e", "y", "", func(p Producer) any { return p.Values.Registry.Password.Reveal() }, nil},
		"SCHEMA_REGISTRY_PASSWORD_FILE": {"f", "e", "y", "", func(p Producer) any { return p.Values.Registry.Password.Reveal() }, nil},
		"SCHEMA_REGISTRY_TLS_CA":        {pem("f"), pem("e"), pem("y"), "", func(p Producer) any { return p.Values.Registry.CA }, nil},
		"SCHEMA_REGISTRY_TLS_CERT":      {pem("f"), pem("e"), pem("y"), "", func(p Producer) any { return p.Values.Registry.Cert }, registryPair},
		"SCHEMA_REGISTRY_TLS_KEY":       {pem("f"), pem("e"), pem("y"), "", func(p Producer) any { return p.Values.Registry.Key }, registryPair},
		"SCHEMA_REGISTRY_AUTO_REGISTER": {"false", "true", "false", "true", func(p Producer) any { return p.Values.AutoRegister }, nil},

		"REDIS_URL":      {"redis://f", "rediss://e", "unix:///y", "redis://localhost:6379/0", func(p Producer) any { return p.RedisURL.Reveal() }, nil},
		"REDIS_URL_FILE": {"redis://f", "redis://e", "redis://y", "redis://localhost:6379/0", func(p Producer) any { return p.RedisURL.Reveal() }, nil},
		"LEASE_TTL":      {"1s", "2s", "3s", "15s", func(p Producer) any { return p.LeaseTTL }, nil},
		"LISTEN":         {":1", "e:2", "127.0.0.1:0", ":9090", func(p Producer) any { return p.Listen }, nil},
		"LOG_LEVEL":      {"debug", "warn", "error", "info", func(p Producer) any { return p.Log.Level }, nil},
		"LOG_FORMAT":     {"console", "json", "console", "auto", func(p Producer) any { return p.Log.Format }, nil},
	}
}

// short is a default as a person writes it: a duration without what is zero.
func short(def string) string {
	return strings.NewReplacer("m0s", "m", "h0m0s", "h").Replace(def)
}

func given[T any](p *T) any {
	if p == nil {
		return ""
	}
	return *p
}

func day(t *time.Time) any {
	if t == nil {
		return ""
	}
	return t.Format(time.DateOnly)
}

// needs is the environment that name can be tried in: nothing sets name itself.
func (s sample[C]) needs(name string) environment {
	e := keyed().with(s.with)
	delete(e, name)
	delete(e, strings.TrimSuffix(name, "_FILE")) // a value and its file exclude each other
	return e
}

func TestFlagWinsThenEnvironmentThenFileThenDefault(t *testing.T) {
	t.Parallel()
	precedence(t, samples(t), func(t *testing.T, e environment, args ...string) Producer {
		t.Helper()
		return mustParse(t, e, append(args, "sync")...)
	})
}

// precedence tries each setting in each place that it may be set in.
func precedence[C any](t *testing.T, all map[string]sample[C], parse func(t *testing.T, e environment, args ...string) C) {
	t.Helper()
	for name, s := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written := func(value string) string { return value }
			if strings.HasSuffix(name, "_FILE") {
				written = func(value string) string { return file(t, "secret", value+"\n") }
			}
			flag := "--" + strings.ReplaceAll(strings.ToLower(name), "_", "-") + "=" + written(s.flag)
			env := s.needs(name).with(environment{name: written(s.env)})
			config := "--config=" + file(t, "settings.yaml", fmt.Sprintf("%s: %q\n", name, written(s.file)))
			check := func(where, want string, e environment, args ...string) {
				t.Helper()
				if got := fmt.Sprint(s.get(parse(t, e, args...))); got != want {
					t.Errorf("%s: got %q, want %q", where, got, want)
				}
			}
			check("flag, environment and file", s.flag, env, flag, config)
			check("flag and file", s.flag, s.needs(name), flag, config)
			check("environment and file", s.env, env, config)
			check("file", s.file, s.needs(name), config)
			if name == "LISTEN" {
				return // for which nothing has a meaning
			}
			check("a variable that is set to nothing, and the file", s.file, s.needs(name).with(environment{name: ""}), config)
			if strings.HasPrefix(name, "JOBO_API_KEY") || s.with != nil {
				return // it has no default, and without it something else is wrong
			}
			check("nothing", s.def, s.needs(name))
			check("a variable that is set to nothing", s.def, s.needs(name).with(environment{name: ""}))
			check("a key without a value", s.def, s.needs(name), "--config="+file(t, "empty.yaml", name+":\n"))
		})
	}
}

func TestEverySettingHasOneNameInThreeForms(t *testing.T) {
	t.Parallel()
	oneName(t, reflect.TypeFor[producerSettings](), samples(t))
	if got, _ := reflect.TypeFor[redisSettings]().FieldByName("RedisURL"); got.Tag.Get("default") != defaultRedisURL {
		t.Errorf("the default of REDIS_URL is %q in its tag and %q in the code", got.Tag.Get("default"), defaultRedisURL)
	}
}

// oneName checks that the samples are all the settings, and that each has one
// name in three forms.
func oneName[C any](t *testing.T, typ reflect.Type, known map[string]sample[C]) {
	t.Helper()
	known["CONFIG"] = sample[C]{}
	for _, field := range reflect.VisibleFields(typ) {
		if field.Anonymous {
			continue
		}
		env := field.Tag.Get("env")
		s, ok := known[env]
		if !ok {
			t.Errorf("field %s has environment variable %q, which is no known setting or is another field's", field.Name, env)
		}
		delete(known, env)
		if name, ok := field.Tag.Lookup("name"); ok && name != strings.ReplaceAll(strings.ToLower(env), "_", "-") {
			t.Errorf("%s is the flag --%s, want the same name", env, name)
		}
		if got, ok := field.Tag.Lookup("default"); ok && got != short(s.def) {
			t.Errorf("%s has the default %q, want %q", env, got, s.def)
		}
		if help := field.Tag.Get("help"); help == "" || !strings.HasSuffix(help, ".") {
			t.Errorf("%s has the help %q, want a sentence", env, help)
		}
		if field.Type.Kind() != reflect.String {
			t.Errorf("%s is a %s, want a string: it is judged with all the others, not while it is parsed", env, field.Type)
		}
	}
	for name := range known {
		t.Errorf("there is no setting %s", name)
	}
}

// Nothing is a value here: it turns the server off.
func TestListenIsOffWhereItIsSetToNothing(t *testing.T) {
	t.Parallel()
	config := func(line string) string { return "--config=" + file(t, "settings.yaml", line+"\n") }
	for name, c := range map[string]struct {
		env  environment
		args []string
		want string
	}{
		"not set":                 {nil, nil, ":9090"},
		"the word":                {environment{"LISTEN": "OFF"}, nil, ""},
		"a variable":              {environment{"LISTEN": ""}, nil, ""},
		"a flag":                  {nil, []string{"--listen="}, ""},
		"a flag with the word":    {nil, []string{"--listen=off"}, ""},
		"a key":                   {nil, []string{config("listen:")}, ""},
		"a key with quotes":       {nil, []string{config("LISTEN: ''")}, ""},
		"a variable and a key":    {environment{"LISTEN": ""}, []string{config("listen: :1")}, ""},
		"a flag and a variable":   {environment{"LISTEN": ""}, []string{"--listen=:1"}, ":1"},
		"another one and nothing": {environment{"SYNC_INTERVAL": ""}, nil, ":9090"},
	} {
		if got := mustParse(t, keyed().with(c.env), append(c.args, "sync")...).Listen; got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// Only Env.LookupEnv says what the environment is.
func TestTheProcessEnvironmentDoesNotLeakIn(t *testing.T) {
	for name, s := range samples(t) {
		t.Setenv(name, s.env)
	}
	t.Setenv("CONFIG", "/does/not/exist")
	got := mustParse(t, keyed(), "sync")
	for name, s := range samples(t) {
		if strings.HasPrefix(name, "JOBO_API_KEY") {
			continue
		}
		if value := fmt.Sprint(s.get(got)); value != s.def {
			t.Errorf("%s: got %q, want the default %q", name, value, s.def)
		}
	}
	if got.Feed.Key.Reveal() != "any-key" {
		t.Error("JOBO_API_KEY: got the process's")
	}
}
