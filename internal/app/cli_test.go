package app

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), nil, "--help")
	if got.code != ExitDone || got.stderr != "" {
		t.Errorf("got exit code %d and %q on standard error, want %d and nothing", got.code, got.stderr, ExitDone)
	}
	if n := strings.Count(got.stdout, "\n"); n > 40 {
		t.Errorf("got %d lines, want 40 at the most", n)
	}
	for _, args := range [][]string{{"--help"}, {"settings"}, {"state", "--help"}, {"state", "reset", "--help"}, {"topics", "apply", "--help"}} {
		for line := range strings.Lines(run(t.Context(), nil, args...).stdout) {
			if n := utf8.RuneCountInString(line) - 1; n > helpWidth {
				t.Errorf("%q: got a line of %d characters, want %d at the most: %s", args, n, helpWidth, line)
			}
		}
	}
}

func TestHelpHasWhatOneNeedsToStart(t *testing.T) {
	t.Parallel()
	text := run(t.Context(), nil, "--help").stdout
	for _, want := range []string{
		"\n  run ", "\n  sync ", "\n  plan ", "\n  status ", "\n  state show|export|import|reset\n", "\n  topics apply|check ", "\n  check ",
		"\n  completion bash|zsh|fish ", "\n  settings ", "\n  version ", "JOBO_API_KEY_FILE", "KAFKA_BROKERS", "REDIS_URL", "--config",
		"producer settings", "producer VERB --help", "0  done", "1  failed", "2  wrong", "3  paused", "4  refused", "5  another instance",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestHelpIsAVerbToo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ asked, want []string }{
		{[]string{"help"}, []string{"--help"}},
		{[]string{"help", "state", "reset"}, []string{"state", "reset", "--help"}},
		{[]string{"help", "settings"}, []string{"settings"}},
		{[]string{"sync", "-h"}, []string{"sync", "--help"}},
	} {
		got, want := run(t.Context(), nil, c.asked...), run(t.Context(), nil, c.want...)
		if got != want || got.code != ExitDone || got.stdout == "" {
			t.Errorf("%q: got %+v, want what %q says: %+v", c.asked, got, c.want, want)
		}
	}
}

func TestAVerbsHelpShowsItsOwnFlags(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string][]string{
		"state reset":  {"Usage: producer state reset [flags]", "--backfill", "--watermark=TIME", "--keep-watermark", "--yes"},
		"status":       {"-o, --output=FORMAT", "table or json. Default table."},
		"state import": {"Usage: producer state import [FILE] [flags]", "standard input"},
		"state":        {"state show", "state export", "state import [FILE]", "state reset"},
		"topics apply": {"--dry-run"},
		"completion":   {"Usage: producer completion bash|zsh|fish [flags]"},
	} {
		text := run(t.Context(), nil, append(strings.Fields(verb), "--help")...).stdout
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is missing in %s", verb, w, text)
			}
		}
		if strings.Contains(text, "KAFKA") || strings.Contains(text, "--kafka") {
			t.Errorf("%s: there are settings in its help", verb)
		}
	}
}

func TestSettingsListsEverySettingWithItsDefault(t *testing.T) {
	t.Parallel()
	got := run(t.Context(), environment{"BATCH_SIZE": "60", "CONFIG": "/does/not/exist"}, "settings")
	if got.code != ExitDone || got.stderr != "" {
		t.Fatalf("got exit code %d and %q on standard error, want %d and nothing", got.code, got.stderr, ExitDone)
	}
	for name, s := range samples(t) {
		_, rest, found := strings.Cut(got.stdout, "\n  "+name)
		if !found {
			t.Errorf("%s is missing", name)
		}
		entry, _, _ := strings.Cut(rest, "\n  "+strings.ToUpper(name[:1]))
		flat := strings.Join(strings.Fields(entry), " ")
		if def := short(s.def); def != "" && def != "-1" && name != "REDIS_URL_FILE" && !strings.Contains(flat, "Default "+def+".") {
			t.Errorf("the default %s of %s is missing in %q", def, name, flat)
		}
	}
	for _, group := range []string{"Feed", "Filters", "Money", "Kafka", "Topics", "Redis", "Sight"} {
		if strings.Count(got.stdout, "\n"+group+":\n") != 1 {
			t.Errorf("got group %s not once", group)
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
	const (
		help  = "; producer --help shows the verbs, producer settings the settings\n"
		verbs = "run, sync, plan, status, state, topics, schemas, check, completion, settings, version"
		ways  = ": expected exactly one of --backfill, --watermark TIME and --keep-watermark; producer state reset --help says what each does\n"
	)
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no verb":                  {nil, "producer: no verb given: expected one of " + verbs + "; producer --help shows them\n"},
		"flags and no verb":        {[]string{"--batch-size", "5"}, `producer: expected one of "run", "sync", "plan", "status", "state", ...` + help},
		"an unknown verb":          {[]string{"bogus"}, "producer: unexpected argument bogus" + help},
		"a verb nearly right":      {[]string{"snyc"}, `producer: unexpected argument snyc, did you mean "sync"?` + help},
		"a word too many":          {[]string{"sync", "now"}, "producer: unexpected argument now" + help},
		"an unknown flag":          {[]string{"sync", "--bogus"}, "producer: unknown flag --bogus" + help},
		"a flag nearly right":      {[]string{"sync", "--kafka-brokres", "a:1"}, `producer: unknown flag --kafka-brokres, did you mean "--kafka-brokers"?` + help},
		"one before the verb":      {[]string{"--batchsize=5", "sync"}, `producer: unknown flag --batchsize, did you mean "--batch-size"?` + help},
		"a flag without its value": {[]string{"sync", "--batch-size"}, `producer: --batch-size: expected string value but got "EOL" (<EOL>)` + help},
		"a key without its value":  {[]string{"sync", "--jobo-api-key"}, "producer: --jobo-api-key: expected a value; one that begins with a dash needs an equals sign before it" + help},
		"flags that there are not": {
			[]string{"sync", "--bogus", "--kafka-brokres", "a:1", "--batchsize=4", "--feed-name", "x"},
			"producer: 3 settings are wrong:\nunknown flag --bogus\nunknown flag --kafka-brokres, did you mean \"--kafka-brokers\"?\nunknown flag --batchsize, did you mean \"--batch-size\"?" + help,
		},
		"a state of nothing":     {[]string{"state"}, `producer: expected one of "show", "export", "import", "reset"` + help},
		"an inner verb mistyped": {[]string{"state", "rest"}, `producer: unexpected argument rest, did you mean "reset"?` + help},
		"a format unheard of":    {[]string{"status", "-o", "xml"}, `producer: --output must be one of "table","json" but got "xml"` + help},
		"a shell unheard of":     {[]string{"completion", "tcsh"}, `producer: <shell> must be one of "bash","zsh","fish" but got "tcsh"` + help},
		"a reset to nothing":     {[]string{"state", "reset"}, "producer: state reset got 0 ways to go on" + ways},
		"a reset to two":         {[]string{"state", "reset", "--backfill", "--watermark", "2026-01-01"}, "producer: state reset got 2 ways to go on" + ways},
		"a reset to some day":    {[]string{"state", "reset", "--watermark=1.1.2026"}, "producer: --watermark is \"1.1.2026\": expected an instant; write it like 2026-01-31T00:00:00Z or 2026-01-31\n"},
		"a reset to the future":  {[]string{"state", "reset", "--watermark=2999-01-01"}, "producer: --watermark is \"2999-01-01\": expected an instant that is past; rows that change before it would never be bought\n"},
		"an import of no file":   {[]string{"state", "import", "/does/not/exist"}, "producer: state import: open /does/not/exist: no such file or directory: expected the file that state export wrote\n"},
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

func TestOnlyVerbsThatTalkToTheFeedNeedItsKey(t *testing.T) {
	t.Parallel()
	for verb, needed := range map[string]bool{
		"run": true, "sync": true, "check": true,
		"plan": false, "status": false, "state show": false, "state export": false, "state import": false,
		"state reset --backfill": false, "topics apply": false, "topics check": false,
	} {
		_, err := parse(nil, strings.Fields(verb)...)
		if got := err != nil && strings.HasPrefix(err.Error(), `JOBO_API_KEY is not set`); got != needed || err != nil && !needed {
			t.Errorf("%s without a key: got %v, want an error: %t", verb, err, needed)
		}
		config, err := parse(keyed(), strings.Fields(verb)...)
		if err != nil || config.Feed.Key.Reveal() != "any-key" {
			t.Errorf("%s with a key: got %v, want the key to be there", verb, err)
		}
	}
}
