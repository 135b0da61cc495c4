package app

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/careerstream/careerstream/internal/secret"
)

// producerCLI is the command line of the producer: the verbs, and the settings
// that all of them share. A verb's line in the help is its first sentence.
type producerCLI struct {
	settings

	Run    struct{}     `cmd:"" help:"Backfill, then sync every SYNC_INTERVAL, until it is stopped. Replicas stand by for it."`
	Sync   struct{}     `cmd:"" help:"Make one run for cron: the backfill, later what changed since."`
	Plan   struct{}     `cmd:"" help:"Say what the next run would do and cost; it buys nothing."`
	Status statusVerb   `cmd:"" help:"Say where the stream is: its run, watermark, money and lease holder."`
	State  stateVerbs   `cmd:"" help:"Show the checkpoint, move it, or decide how to go on."`
	Topics topicsVerbs  `cmd:"" help:"Create the topics, or compare them with what they should be."`
	Check  struct{}     `cmd:"" help:"Check each dependency, with cause and fix; it buys nothing."`
	Shell  completeVerb `cmd:"" name:"completion" help:"Print the completion script of a shell."`
	List   struct{}     `cmd:"" name:"settings" help:"List all settings with their defaults."`
	Number struct{}     `cmd:"" name:"version" help:"Print the version."`
}

type statusVerb struct {
	Output string `short:"o" enum:"table,json" default:"table" placeholder:"FORMAT" help:"table or json."`
}

type stateVerbs struct {
	Show struct {
		Output string `short:"o" enum:"json,table" default:"json" placeholder:"FORMAT" help:"json or table."`
	} `cmd:"" help:"Show the checkpoint as Kafka and Redis have it."`
	Export struct{}    `cmd:"" help:"Write the state to standard output, for state import on another cluster."`
	Import importVerb  `cmd:"" help:"Write what state export wrote as the state of this stream."`
	Reset  resetWishes `cmd:"" help:"Decide how the next run goes on, and see its price first. Exactly one of the three ways."`
}

type importVerb struct {
	File string `arg:"" optional:"" help:"What state export wrote; standard input if left out."`
	Yes  bool   `help:"Do not ask."`
}

type resetWishes struct {
	Backfill      bool   `help:"Buy everything again."`
	Watermark     string `placeholder:"TIME" help:"Buy what changed since this instant."`
	KeepWatermark bool   `help:"Keep the watermark and take the filters that are set now: from now on they select."`
	Yes           bool   `help:"Do not ask."`
}

type topicsVerbs struct {
	Apply struct {
		DryRun bool `help:"Only print what would be done."`
	} `cmd:"" help:"Create the topics that are missing and set what differs."`
	Check struct{} `cmd:"" help:"Print how the topics differ from what they should be."`
}

type completeVerb struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// command is a command line that was understood.
type command struct {
	verb   string // such as "sync" or "state reset"
	cli    producerCLI
	config Producer
	// wish is what state reset is asked for.
	wish  ResetWish
	model *kong.Application
}

// needsKey are the verbs that talk to the feed.
var needsKey = []string{"run", "sync", "check"}

// needsNothing are the verbs for which it does not matter what is set, or wrong:
// support asks for them first.
var needsNothing = []string{"version", "settings", "completion"}

// parseProducer returns what a command line asks for; nil means that help was
// asked for and given. Its errors are *UsageError.
func parseProducer(env Env) (*command, error) {
	c := &command{}
	source := &sources{lookup: env.lookup}
	helped := false
	parser, err := kong.New(&c.cli,
		kong.Name("producer"), kong.Writers(env.Stdout, env.Stderr), kong.Resolvers(source),
		kong.Exit(func(int) { helped = true }), kong.Help(printHelp),
		kong.NamedMapper("switch", switchMapper{}), kong.NamedMapper("secret", secretMapper{}),
	)
	if err != nil {
		return nil, fmt.Errorf("command line of the producer: %w", err)
	}
	c.model = parser.Model
	args := helpAsFlag(env.Args)
	problems := source.open(env, parser)
	if len(args) == 0 && len(problems) == 0 {
		return nil, &UsageError{Problems: []error{errors.New("no verb given: expected one of " + strings.Join(names(parser.Model.Children), ", ") + "; producer --help shows them")}}
	}
	kctx, err := parser.Parse(args)
	if helped {
		return nil, nil //nolint:nilnil // there is nothing left to do, and that is no mistake
	}
	if err != nil {
		problems = append(problems, unknownFlags(parser, args, err)...)
		last := len(problems) - 1
		problems[last] = fmt.Errorf("%w; producer --help shows the verbs, producer settings the settings", problems[last])
		return nil, &UsageError{Problems: problems}
	}
	c.verb = kctx.Selected().Path()
	if slices.Contains(needsNothing, c.verb) {
		return c, nil
	}
	problems = append(problems, c.read()...)
	if len(problems) > 0 {
		return nil, &UsageError{Problems: problems}
	}
	return c, nil
}

// read judges the settings and the verb's own flags.
func (c *command) read() []error {
	var p problems
	config, err := c.cli.config(slices.Contains(needsKey, c.verb))
	if usage, ok := err.(*UsageError); ok { //nolint:errorlint // config returns this type itself
		p.list = usage.Problems
	}
	c.config = config
	if c.verb == "state reset" {
		c.wish = c.cli.State.Reset.wish(&p)
	}
	return p.list
}

// wish returns the one thing that is asked for.
func (r resetWishes) wish(p *problems) ResetWish {
	given := 0
	for _, is := range []bool{r.Backfill, r.Watermark != "", r.KeepWatermark} {
		if is {
			given++
		}
	}
	if given != 1 {
		p.list = append(p.list, fmt.Errorf("state reset got %d ways to go on: expected exactly one of --backfill, --watermark TIME and --keep-watermark; producer state reset --help says what each does", given))
	}
	w := ResetWish{Backfill: r.Backfill, KeepWatermark: r.KeepWatermark, Watermark: p.instant("--watermark", r.Watermark)}
	if w.Watermark != nil && w.Watermark.After(time.Now()) {
		p.add("--watermark", r.Watermark, "an instant that is past", "rows that change before it would never be bought")
	}
	return w
}

// reloadKey returns how the API key is read again; nil means that it can't be.
func (s *settings) reloadKey() func() (secret.String, error) {
	if s.JoboAPIKeyFile == "" {
		return nil
	}
	return func() (secret.String, error) {
		var p problems
		key := p.secretOf("JOBO_API_KEY", "", s.JoboAPIKeyFile)
		return key, errors.Join(p.list...)
	}
}

// unknownFlags returns err, or if it is a flag that there is not, one error for
// each such flag: kong stops at the first. What stands behind such a flag is left
// out, it may be its value.
func unknownFlags(parser *kong.Kong, args []string, err error) []error {
	var all []error
	for args = slices.Clone(args); ; {
		text, unknown := strings.CutPrefix(fmt.Sprint(err), "unknown flag ")
		name, _, _ := strings.Cut(text, ",")
		i := slices.IndexFunc(args, func(arg string) bool { return arg == name || strings.HasPrefix(arg, name+"=") })
		if !unknown || i < 0 {
			break
		}
		all = append(all, err)
		end := i + 1
		if end < len(args) && args[i] == name && !strings.HasPrefix(args[end], "-") && !slices.Contains(names(parser.Model.Children), args[end]) {
			end++
		}
		args = slices.Delete(args, i, end)
		kctx, failed := kong.Trace(parser, args) // and not Parse, which would give the help too
		if failed != nil || kctx.Error == nil {
			break
		}
		err = kctx.Error
	}
	if len(all) == 0 {
		return []error{err}
	}
	return all
}
