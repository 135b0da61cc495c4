package app

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// Mistakes in what both programs have are the producer's to test; here stands
// that the enricher asks about them too.
func TestEachMistakeOfTheEnricherSaysWhatIsWrongAndHowToMendIt(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]struct {
		env  environment
		want string
	}{
		"key with a space":  {environment{"JOBO_API_KEY": "a b"}, `JOBO_API_KEY can't be used: the API key has spaces, line ends or characters that are not ASCII: copy it again`},
		"key file missing":  {environment{"JOBO_API_KEY_FILE": "/does/not/exist"}, `JOBO_API_KEY_FILE is "/does/not/exist": expected a file that can be read; reading it says: no such file or directory`},
		"plain http":        {environment{"JOBO_BASE_URL": "http://api.example"}, `JOBO_BASE_URL can't be used: base URL "http://api.example" is plain http to another machine: use https, or allow it with JOBO_INSECURE=true`},
		"redis":             {environment{"REDIS_URL": "localhost:6379"}, `REDIS_URL can't be read: expected a URL like redis://localhost:6379/0 or rediss://user:password@host:6380/0; check its scheme and escape special characters of the password`},
		"broker":            {environment{"KAFKA_BROKERS": "a"}, `KAFKA_BROKERS is "a": expected host:port, or several with commas between; name host and port, as in localhost:9092`},
		"level":             {environment{"LOG_LEVEL": "loud"}, `LOG_LEVEL is "loud": expected one of debug, info, warn, error; set one of them`},
		"create":            {environment{"TOPICS_CREATE": "sometimes"}, `TOPICS_CREATE is "sometimes": expected true or false; set one of the two`},
		"send key":          {environment{"COMPANY_SEND_KEY": "maybe"}, `COMPANY_SEND_KEY is "maybe": expected true or false; set one of the two`},
		"timeout":           {environment{"COMPANY_TIMEOUT": "30"}, `COMPANY_TIMEOUT is "30": expected a duration from 100ms to 10m0s; write it like 90s, 15m or 6h`},
		"rate limit":        {environment{"COMPANY_RATE_LIMIT": "fast"}, `COMPANY_RATE_LIMIT is "fast": expected requests in any second, minute, hour or day, or off; rate limit "fast": part "fast" is not <number>/<unit>, for example "120/m,5000/h,50000/d"`},
		"a host too few":    {environment{"COMPANY_HOSTS": "a.example,,"}, `COMPANY_HOSTS is "a.example,,": expected values with single commas between; take out the comma that has no value beside it`},
		"concurrency":       {environment{"ENRICH_CONCURRENCY": "1025"}, `ENRICH_CONCURRENCY is "1025": expected a whole number from 1 to 1024; set it within that range`},
		"batch":             {environment{"ENRICH_BATCH": "0"}, `ENRICH_BATCH is "0": expected a whole number from 1 to 10000; set it within that range`},
		"group":             {environment{"ENRICH_GROUP": "my group"}, `ENRICH_GROUP is "my group": expected 1 to 200 letters, digits, dots, dashes or underscores; choose a name of these`},
		"session":           {environment{"ENRICH_SESSION_TIMEOUT": "999ms"}, `ENRICH_SESSION_TIMEOUT is "999ms": expected a duration from 1s to 30m0s; write it like 90s, 15m or 6h`},
		"no delay":          {environment{"ENRICH_RETRY_DELAYS": " "}, `ENRICH_RETRY_DELAYS is " ": expected 1 to 5 durations, each longer than the one before; write it like 1m,10m,1h`},
		"six delays":        {environment{"ENRICH_RETRY_DELAYS": "1s,2s,3s,4s,5s,6s"}, `ENRICH_RETRY_DELAYS is "1s,2s,3s,4s,5s,6s": expected 1 to 5 durations, each longer than the one before; write it like 1m,10m,1h`},
		"delays the same":   {environment{"ENRICH_RETRY_DELAYS": "1m,1m"}, `ENRICH_RETRY_DELAYS is "1m,1m": expected 1 to 5 durations, each longer than the one before; write it like 1m,10m,1h`},
		"a delay of nobody": {environment{"ENRICH_RETRY_DELAYS": "1m,48h"}, `ENRICH_RETRY_DELAYS is "48h": expected a duration from 100ms to 24h0m0s; write it like 90s, 15m or 6h`},
		"no delay, a word":  {environment{"ENRICH_RETRY_DELAYS": "soon"}, `ENRICH_RETRY_DELAYS is "soon": expected a duration from 100ms to 24h0m0s; write it like 90s, 15m or 6h`},
		"not found":         {environment{"ENRICH_NOT_FOUND_TTL": "0s"}, `ENRICH_NOT_FOUND_TTL is "0s": expected a duration from 1s to 8760h0m0s; write it like 90s, 15m or 6h`},
		"stall":             {environment{"ENRICH_STALL_TIMEOUT": "25h"}, `ENRICH_STALL_TIMEOUT is "25h": expected a duration from 1s to 24h0m0s; write it like 90s, 15m or 6h`},
		"stall too short":   {environment{"ENRICH_STALL_TIMEOUT": "30s"}, `ENRICH_STALL_TIMEOUT is "30s": expected longer than COMPANY_TIMEOUT=30s; raise it: one slow answer is no standstill`},
		"topic":             {environment{"COMPANIES_TOPIC": "a/b"}, `COMPANIES_TOPIC is "a/b": expected 1 to 200 letters, digits, dots, dashes or underscores; choose a name of these`},
		"topics the same":   {environment{"COMPANIES_TOPIC": "jobo.career-sites.v1"}, `COMPANIES_TOPIC is "jobo.career-sites.v1": expected a topic of its own; CAREER_SITES_TOPIC names it too: give them different names`},
		"a retry topic":     {environment{"REQUESTS_TOPIC": "jobo.company-retries.v1.3"}, `REQUESTS_TOPIC is "jobo.company-retries.v1.3": expected a topic of its own; RETRIES_TOPIC names it too: give them different names`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseOfEnricher(m.env, "run")
			var usage *UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("got %v, want a *UsageError", err)
			}
			if diff := cmp.Diff(m.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAHostThatNoneCanBeIsAMistake(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"https://a.example", "a.example/path", "10.0.0.1", "a.example:0"} {
		_, err := parseOfEnricher(environment{"COMPANY_HOSTS": "b.example," + host}, "run")
		if err == nil || !strings.HasPrefix(err.Error(), "COMPANY_HOSTS can't be used: ") || !strings.Contains(err.Error(), host) {
			t.Errorf("%s: got %v, want an error about COMPANY_HOSTS that names it", host, err)
		}
	}
	// The local stack's own address is none that a stranger chose.
	local := environment{"JOBO_BASE_URL": "http://127.0.0.1:8080", "COMPANY_HOSTS": "127.0.0.1:8080"}
	if c := mustEnricher(t, local, "run"); len(c.Company.Hosts) != 1 {
		t.Errorf("got the hosts %q, want one", c.Company.Hosts)
	}
}

// What is wrong with an expression is shown below the place.
func TestASelectionThatIsWrongIsShownWithTheMark(t *testing.T) {
	t.Parallel()
	const expression = `"fintech" in industry and ats == "x"`
	got := enrich(t.Context(), environment{"ENRICH_SELECT": expression, "ENRICH_BATCH": "0"}, "plan")
	lines := strings.Split(got.stderr, "\n")
	if got.code != ExitUsage || lines[0] != "enricher: 2 settings are wrong:" {
		t.Fatalf("got exit code %d and %q, want %d and two mistakes", got.code, got.stderr, ExitUsage)
	}
	at := -1
	for i, line := range lines {
		if line == "ENRICH_SELECT can't be understood:" {
			at = i
		} else if at >= 0 && i > at && line != "" && !strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "ENRICH_BATCH is ") {
			t.Errorf("got the line %q, want what belongs to the expression to stand under it", line)
		}
	}
	if at < 0 {
		t.Fatalf("got %q, want a word on ENRICH_SELECT", got.stderr)
	}
	shown := -1
	for i, line := range lines[at:] {
		if strings.Contains(line, expression) {
			shown = i + at
		}
	}
	if shown < 0 || shown+1 >= len(lines) {
		t.Fatalf("got %q, want the expression itself", got.stderr)
	}
	if mark, place := strings.Index(lines[shown+1], "^"), strings.Index(lines[shown], "industry"); mark != place {
		t.Errorf("got a mark in column %d, want %d:\n%s", mark, place, got.stderr)
	}
	if !strings.Contains(got.stderr, "industries") || !strings.Contains(got.stderr, `ENRICH_BATCH is "0"`) {
		t.Errorf("got %q, want the fields, and the other mistake", got.stderr)
	}
}

func TestAllMistakesOfTheEnricherAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	config := file(t, "settings.yaml", "enrich-group: a b\nenrichbatch: 10\n")
	got := enrich(t.Context(), environment{"CONFIG": config, "ENRICH_CONCURRENCY": "0", "KAFKA_BROKERS": "broker"}, "redrive", "--limit", "no", "--reason", "bad", "--company-timeout=1")
	want := []string{
		"enricher: 7 settings are wrong:",
		config + `:2: there is no setting "enrichbatch", did you mean "enrich-batch"?`,
		`COMPANY_TIMEOUT is "1"`, `ENRICH_CONCURRENCY is "0"`, `KAFKA_BROKERS is "broker"`, `ENRICH_GROUP is "a b"`,
		`--reason is "bad"`, `--limit is "no"`,
	}
	lines := strings.Split(strings.TrimSpace(got.stderr), "\n")
	if len(lines) != len(want) || got.code != ExitUsage || got.stdout != "" {
		t.Fatalf("got exit code %d and %d lines, want %d and %d:\n%s", got.code, len(lines), ExitUsage, len(want), got.stderr)
	}
	for i, begin := range want {
		if !strings.HasPrefix(lines[i], begin) {
			t.Errorf("line %d: got %q, want it to begin with %q", i, lines[i], begin)
		}
	}
}

func TestTheEnricherWorksWithoutAKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  environment
		send bool
	}{
		"no key":                    {nil, false},
		"no key that would be sent": {environment{"COMPANY_SEND_KEY": "true"}, false},
		"a key":                     {keyed(), true},
		"a key that is kept":        {keyed().with(environment{"COMPANY_SEND_KEY": "false"}), false},
	} {
		if got := mustEnricher(t, c.env, "run").Company.SendKey; got != c.send {
			t.Errorf("%s: got a key sent: %t, want %t", name, got, c.send)
		}
	}
}

func TestWhatIsLegalAndYetProbablyNotMeantIsSaid(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env  environment
		want []string
	}{
		"nothing":         {nil, []string{"ENRICH_SELECT is empty"}},
		"all":             {environment{"ENRICH_SELECT": "true"}, nil},
		"an odd key":      {keyed().with(environment{"ENRICH_SELECT": "true"}), []string{"does not have the shape"}},
		"an insecure one": {environment{"ENRICH_SELECT": "true", "JOBO_INSECURE": "true"}, []string{"JOBO_INSECURE is on"}},
	} {
		core, logged := observer.New(zap.InfoLevel)
		mustEnricher(t, c.env, "run").warn(zap.New(core))
		if logged.Len() != len(c.want) {
			t.Errorf("%s: got %v, want %d lines", name, logged.All(), len(c.want))
			continue
		}
		for i, entry := range logged.All() {
			if !strings.Contains(entry.Message, c.want[i]) {
				t.Errorf("%s: got %q, want %q in it", name, entry.Message, c.want[i])
			}
		}
	}
}
