package app

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/schemas"
)

// parseOfEnricher reads a command line and returns what it means.
func parseOfEnricher(e environment, args ...string) (Enricher, error) {
	c, err := commandOfEnricher(e, args...)
	if err != nil {
		return Enricher{}, err
	}
	return c.config, nil
}

func commandOfEnricher(e environment, args ...string) (*enricherCommand, error) {
	return parseEnricher(Env{Args: args, LookupEnv: e.lookup, Stdin: new(bytes.Buffer), Stdout: new(bytes.Buffer), Stderr: new(bytes.Buffer)})
}

// mustEnricher is parseOfEnricher where nothing is wrong.
func mustEnricher(t *testing.T, e environment, args ...string) Enricher {
	t.Helper()
	config, err := parseOfEnricher(e, args...)
	if err != nil {
		t.Fatalf("enricher %s: %v", strings.Join(args, " "), err)
	}
	return config
}

// enrich runs the whole enricher in this process.
func enrich(ctx context.Context, e environment, args ...string) outcome {
	return runProgram(ctx, RunEnricher, e, args...)
}

func TestTheEnrichersHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	got := enrich(t.Context(), nil, "--help")
	if n := strings.Count(got.stdout, "\n"); n > 40 || got.code != ExitDone || got.stderr != "" {
		t.Errorf("got %d lines, exit code %d and %q on standard error, want 40 at the most, %d and nothing", n, got.code, got.stderr, ExitDone)
	}
	for _, want := range []string{
		"\n  run ", "\n  plan ", "\n  request [ID]... ", "\n  redrive ", "\n  status ", "\n  topics apply|check ", "\n  check ", "\n  completion bash|zsh|fish ",
		"\n  settings ", "\n  version ", "ENRICH_SELECT", "JOBO_API_KEY_FILE", "KAFKA_BROKERS", "REDIS_URL", "--config",
		"enricher settings", "enricher VERB --help", "0  done", "1  failed", "2  wrong",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("%q is missing", want)
		}
	}
	for _, args := range [][]string{{"--help"}, {"settings"}, {"run", "--help"}, {"request", "--help"}, {"redrive", "--help"}} {
		text := enrich(t.Context(), nil, args...).stdout
		if strings.Contains(text, "producer") || strings.Contains(text, "${") {
			t.Errorf("%q speaks of another program, or leaves a word open:\n%s", args, text)
		}
		for line := range strings.Lines(text) {
			if n := utf8.RuneCountInString(line) - 1; n > helpWidth {
				t.Errorf("%q: got a line of %d characters, want %d at the most: %s", args, n, helpWidth, line)
			}
		}
	}
}

func TestAVerbsHelpOfTheEnricherShowsItsOwnFlags(t *testing.T) {
	t.Parallel()
	for verb, want := range map[string][]string{
		"plan":    {"Usage: enricher plan [flags]", "industries", "null"},
		"run":     {"industries", "enricher settings"},
		"request": {"Usage: enricher request [ID]... [flags]", "--details-url=URL", "--reason=TEXT", "--force", "standard input"},
		"redrive": {"--reason=REASON", "not_found", "retries_exhausted", "--since=TIME", "--limit=N", "--dry-run"},
		"status":  {"-o, --output=FORMAT", "table or json. Default table."},
		"topics":  {"topics apply", "topics check"},
	} {
		text := enrich(t.Context(), nil, append(strings.Fields(verb), "--help")...).stdout
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is missing in %s", verb, w, text)
			}
		}
	}
}

// What each verb does is tested beside it; here, that the grammar has none that
// nothing stands behind.
func TestEachVerbOfTheEnricherIsThere(t *testing.T) {
	t.Parallel()
	c, err := commandOfEnricher(nil, "version")
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	verbs := 0
	for _, at := range walk(c.model.Node) {
		verb := line{verb: at.path()}
		if len(at.next) > 0 || verb.aside() || verb.verb == "run" {
			continue
		}
		verbs++
		var stdout bytes.Buffer
		command := &enricherCommand{line: verb, config: mustEnricher(t, environment{"KAFKA_BROKERS": "127.0.0.1:1", "REDIS_URL": "redis://127.0.0.1:1"}, "run")}
		command.request.IDs = []string{"any"}
		if err := command.desk(ended, Env{Stdin: new(bytes.Buffer), Stdout: &stdout}); err == nil || strings.Contains(err.Error(), "no such verb") {
			t.Errorf("%s without servers: got %v, want an error of its own", verb.verb, err)
		}
	}
	if verbs < 7 {
		t.Errorf("looked at %d verbs, want all of them", verbs)
	}
}

func TestSettingsOfTheEnricherListsEachWithItsDefault(t *testing.T) {
	t.Parallel()
	got := enrich(t.Context(), environment{"ENRICH_BATCH": "0"}, "settings")
	if got.code != ExitDone || got.stderr != "" {
		t.Fatalf("got exit code %d and %q on standard error, want %d and nothing", got.code, got.stderr, ExitDone)
	}
	for name, s := range enricherSamples(t) {
		_, rest, found := strings.Cut(got.stdout, "\n  "+name)
		if !found {
			t.Errorf("%s is missing", name)
		}
		entry, _, _ := strings.Cut(rest, "\n  "+strings.ToUpper(name[:1]))
		if def := short(s.def); def != "" && name != "REDIS_URL_FILE" && !strings.Contains(strings.Join(strings.Fields(entry), " "), "Default "+def+".") {
			t.Errorf("the default %s of %s is missing in %q", def, name, entry)
		}
	}
	for _, group := range []string{"API", "Work", "Kafka", "Topics", "Redis", "Sight"} {
		if strings.Count(got.stdout, "\n"+group+":\n") != 1 {
			t.Errorf("got group %s not once", group)
		}
	}
	if got, want := enrich(t.Context(), environment{"ENRICH_BATCH": "0"}, "version"), (outcome{ExitDone, "enricher v1.2.3\n", ""}); got != want {
		t.Errorf("version: got %+v, want %+v", got, want)
	}
}

func TestUsageOfTheEnricherThatIsWrong(t *testing.T) {
	t.Parallel()
	const help = "; enricher --help shows the verbs, enricher settings the settings\n"
	all := strings.Join(reasons(), ", ")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no verb":               {nil, "enricher: no verb given: expected one of run, plan, request, redrive, status, topics, schemas, check, completion, settings, version; enricher --help shows them\n"},
		"an unknown verb":       {[]string{"redirve"}, `enricher: unexpected argument redirve, did you mean "redrive"?` + help},
		"a word too many":       {[]string{"run", "now"}, "enricher: unexpected argument now" + help},
		"a format unheard of":   {[]string{"status", "-o", "xml"}, `enricher: --output must be one of "table","json" but got "xml"` + help},
		"ids and a dash":        {[]string{"request", "a", "-"}, "enricher: request got ids and a dash: expected ids, or a dash for standard input; leave out one of the two\n"},
		"a URL for two":         {[]string{"request", "a", "b", "--details-url=https://x"}, "enricher: --details-url is \"https://x\": expected one id beside it; it is where the profile of one company is; ask for each such company by itself\n"},
		"a URL for the input":   {[]string{"request", "-", "--details-url=https://x"}, "enricher: --details-url is \"https://x\": expected one id beside it; it is where the profile of one company is; ask for each such company by itself\n"},
		"an id that is none":    {[]string{"request", "a\tb"}, "enricher: request ID is \"a\\tb\": expected the id of a company, 1 to 512 bytes of text; the company id holds control characters\n"},
		"a reason nearly right": {[]string{"redrive", "--reason", "not-found"}, `enricher: --reason is "not-found": expected one of ` + all + "; did you mean \"not_found\"?\n"},
		"a reason far off":      {[]string{"redrive", "--reason", "unlucky"}, `enricher: --reason is "unlucky": expected one of ` + all + "; write it as it stands there\n"},
		"since some day":        {[]string{"redrive", "--since", "1.1.2026"}, "enricher: --since is \"1.1.2026\": expected an instant, or a duration before now; write it like 2026-01-31T00:00:00Z, 2026-01-31 or 24h\n"},
		"since the future":      {[]string{"redrive", "--since", "2999-01-01"}, "enricher: --since is \"2999-01-01\": expected an instant that is past; there is no dead letter since then\n"},
		"since minus a day":     {[]string{"redrive", "--since=-24h"}, "enricher: --since is \"-24h\": expected an instant, or a duration before now; write it like 2026-01-31T00:00:00Z, 2026-01-31 or 24h\n"},
		"a limit of none":       {[]string{"redrive", "--limit", "0"}, "enricher: --limit is \"0\": expected a whole number from 1 to 2147483647; set it within that range\n"},
	} {
		if got, want := enrich(t.Context(), nil, c.args...), (outcome{ExitUsage, "", c.want}); got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestWhatARequestAsksFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want RequestWish
	}{
		"nothing, so the input": {nil, RequestWish{}},
		"a dash":                {[]string{"-"}, RequestWish{}},
		"ids, a comma in one":   {[]string{"a,b", "c"}, RequestWish{IDs: []string{"a,b", "c"}}},
		"ids after dashes":      {[]string{"--force", "--", "-a"}, RequestWish{IDs: []string{"-a"}, Force: true}},
		"one with all":          {[]string{"a", "--details-url=https://x", "--reason", "why, really", "--force"}, RequestWish{IDs: []string{"a"}, DetailsURL: "https://x", Reason: "why, really", Force: true}},
		"many from the input":   {[]string{"--reason=why", "--force"}, RequestWish{Reason: "why", Force: true}},
	} {
		got, err := commandOfEnricher(nil, append([]string{"request"}, c.args...)...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, got.request); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Who types the verb alone would look at a cursor that waits for ids.
func TestARequestOfNothingAtATerminalIsAMistake(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ids  []string
		want int
	}{"no id": {nil, 1}, "a dash": {[]string{"-"}, 0}, "an id": {[]string{"a"}, 0}} {
		var p problems
		requestVerb{ID: c.ids}.wish(&p, true)
		if len(p.list) != c.want {
			t.Errorf("%s: got %v, want %d mistakes", name, errors.Join(p.list...), c.want)
		}
	}
}

func TestWhichDeadLettersARedriveIsFor(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
	for name, c := range map[string]struct {
		verb redriveVerb
		want RedriveWish
	}{
		"all":      {redriveVerb{}, RedriveWish{}},
		"a day":    {redriveVerb{Since: "24h"}, RedriveWish{Since: time.Date(2026, 2, 2, 3, 5, 6, 0, time.UTC)}},
		"a date":   {redriveVerb{Since: "2026-01-31"}, RedriveWish{Since: time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)}},
		"a moment": {redriveVerb{Since: "2026-02-03T04:05:06+01:00"}, RedriveWish{Since: time.Date(2026, 2, 3, 3, 5, 6, 0, time.UTC)}},
		"some": {
			redriveVerb{Reason: []string{"not_found", "gone"}, Limit: "7", DryRun: true},
			RedriveWish{Reasons: []schemas.DeadLetterReason{schemas.ReasonNotFound, schemas.ReasonGone}, Limit: 7, DryRun: true},
		},
	} {
		var p problems
		if diff := cmp.Diff(c.want, c.verb.wish(&p, now)); diff != "" || p.list != nil {
			t.Errorf("%s: got %v, (-want +got):\n%s", name, p.list, diff)
		}
	}
	got, err := commandOfEnricher(nil, "redrive", "--reason=gone", "--reason", "status,not_found", "--limit=3")
	if err != nil || len(got.redrive.Reasons) != 3 || got.redrive.Limit != 3 {
		t.Errorf("got %+v and %v, want three reasons and a limit of 3", got, err)
	}
}
