package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
	"go.uber.org/zap"
)

// Env is what a process has around it: the mains pass the real ones, tests
// their own.
type Env struct {
	Args           []string // without the program's name
	Getenv         func(string) string
	Stdout, Stderr io.Writer
	Version        string
}

// producerCLI is the command line of the producer: the verbs, and the settings
// that all of them share.
type producerCLI struct {
	settings

	Sync    syncVerb    `cmd:"" help:"Make one run: the backfill first, later what changed since; then exit. For cron."`
	Version versionVerb `cmd:"" help:"Print the version."`
}

type (
	syncVerb    struct{}
	versionVerb struct{}
)

const producerHelp = `Moves the career sites feed into Kafka: every row bought once and delivered once.

Each setting is a flag, an environment variable and a key of the YAML file; the flag wins, then the environment, then the file.

Exit codes: 0 done or stopped by a signal; 1 failed; 2 wrong usage or configuration; 3 paused by the wallet, state kept; 4 refused to spend; 5 another instance holds the lease.`

// RunProducer runs the producer until it is done or ctx ends, and returns the
// exit code of the process. What it has to say about a failure it says on
// env.Stderr, once.
func RunProducer(ctx context.Context, env Env) int {
	verb, config, err := parseProducer(env)
	if err != nil || verb == "" {
		return report(env.Stderr, "producer", err)
	}
	if verb == "version" {
		fmt.Fprintln(env.Stdout, "producer", env.Version)
		return ExitDone
	}
	log := config.Log.New(env.Stderr)
	result, err := Sync(ctx, config, log)
	if ctx.Err() != nil && result.Dropped == 0 && result.UnknownTries == 0 && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		err = nil // stopped before there was anything in hand
	}
	_ = log.Sync() // fails on a terminal, where there is nothing to flush
	return report(env.Stderr, "producer", err)
}

// parseProducer returns the verb and the configuration; an empty verb means that
// help was asked for and given. Its errors are *UsageError.
func parseProducer(env Env) (verb string, _ Producer, err error) {
	var cli producerCLI
	source := &sources{getenv: env.Getenv}
	helped := false
	parser, err := kong.New(&cli,
		kong.Name("producer"), kong.Description(producerHelp),
		kong.Writers(env.Stdout, env.Stderr), kong.Resolvers(source),
		kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
		kong.ValueFormatter(helpText), kong.NamedMapper("switch", switchMapper{}), kong.NamedMapper("secret", secretMapper{}),
	)
	if err != nil {
		return "", Producer{}, fmt.Errorf("command line of the producer: %w", err)
	}
	problems := source.open(env, parser)
	if len(env.Args) == 0 && len(problems) == 0 {
		return "", Producer{}, &UsageError{Problems: []error{errors.New("no verb given: expected one of sync, version; producer --help shows them with all settings")}}
	}
	kctx, err := parser.Parse(env.Args)
	if helped {
		return "", Producer{}, nil
	}
	if err != nil {
		return "", Producer{}, &UsageError{Problems: append(problems, fmt.Errorf("%w; producer --help shows verbs and settings", err))}
	}
	verb = strings.Fields(kctx.Command())[0]
	if verb == "version" {
		return verb, Producer{}, nil
	}
	config, err := cli.config(true)
	if usage, ok := err.(*UsageError); ok { //nolint:errorlint // config returns this type itself
		problems = append(problems, usage.Problems...)
	}
	if len(problems) > 0 {
		return "", Producer{}, &UsageError{Problems: problems}
	}
	return verb, config, nil
}

// helpText is the help of one flag: what it is, its default and its name in the
// environment. The default is what the program has, never what is set.
func helpText(value *kong.Value) string {
	text := value.Help
	if value.HasDefault {
		text += " Default " + value.Default + "."
	}
	if len(value.Tag.Envs) > 0 {
		text += " ($" + value.Tag.Envs[0] + ")"
	}
	return text
}

// open reads the YAML file if one is named. It has to look for the name by
// itself: the file must be there before the flags are resolved.
func (s *sources) open(env Env, parser *kong.Kong) []error {
	path := env.Getenv("CONFIG")
	for i, arg := range env.Args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			path = value
		} else if arg == "--config" && i+1 < len(env.Args) {
			path = env.Args[i+1]
		}
	}
	if path == "" {
		return nil
	}
	var known []string
	for _, flag := range parser.Model.Flags {
		if flag.Name != "help" && flag.Name != "config" {
			known = append(known, flag.Name)
		}
	}
	var problems []error
	s.file, problems = readFile(path, known)
	return problems
}

// warnings says at the start what is legal and yet probably not meant.
func warnings(c Producer, log *zap.Logger) {
	if !keyLooksRight(c) {
		log.Warn("the API key does not have the shape of the vendor's keys; if the feed refuses it, check JOBO_API_KEY")
	}
	if c.Feed.Insecure {
		log.Warn("JOBO_INSECURE is on: the API key may be sent unencrypted")
	}
}
