package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/secret"
)

// Env is what a process has around it: the mains pass the real ones, tests
// their own.
type Env struct {
	Args []string // without the program's name
	// Getenv returns a variable of the environment, empty where it is not set.
	// LookupEnv is asked instead if it is there: it tells a variable that is set
	// to nothing from one that is not, which LISTEN wants to know.
	Getenv         func(string) string
	LookupEnv      func(string) (string, bool)
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Version        string
	// Hangup, if set, begins to listen for a request to read secrets again
	// (SIGHUP). It is called by verbs that heed one; in all others the signal
	// keeps its usual meaning, and a closed terminal ends them.
	Hangup func() <-chan struct{}
}

// lookup returns a variable and whether it is set, as far as that is known.
func (e Env) lookup(name string) (string, bool) {
	if e.LookupEnv != nil {
		return e.LookupEnv(name)
	}
	value := e.Getenv(name)
	return value, value != ""
}

// Process is what a verb that works for long has beside its configuration.
type Process struct {
	Log *zap.Logger
	// Out is where progress is shown; see newReporter.
	Out io.Writer
	// Hangup receives a value when secrets are to be read again; nil never does.
	Hangup  <-chan struct{}
	Version string
	// ReloadKey reads the API key again from its file, and fails rather than to
	// return no key; nil means that it came from no file.
	ReloadKey func() (secret.String, error)
}

// ResetWish is what state reset is asked for: exactly one of its members is set.
type ResetWish struct {
	// Backfill buys everything again, KeepWatermark goes on from the watermark
	// there is with the filters that are set.
	Backfill, KeepWatermark bool
	// Watermark goes on from this instant.
	Watermark *time.Time
}

// RunProducer runs the producer until it is done or ctx ends, and returns the
// exit code of the process. What it has to say about a failure it says on
// env.Stderr, once.
func RunProducer(ctx context.Context, env Env) int {
	c, err := parseProducer(env)
	if err == nil && c != nil {
		err = c.run(ctx, env)
	}
	return report(env.Stderr, "producer", err)
}

// run does what the verb says.
func (c *command) run(ctx context.Context, env Env) error {
	if c.aside() {
		return c.say(env, c.cli.Shell.Shell)
	}
	p, done := newProcess(env, c.config.Log)
	defer done()
	switch c.verb {
	case "run", "sync":
		p.ReloadKey = c.cli.reloadKey()
		return c.buy(ctx, env, p)
	}
	return c.stopped(ctx, c.desk(ctx, env))
}

// newProcess is what a verb has that works, and how to end it.
func newProcess(env Env, l Log) (Process, func()) {
	out := newScreen(env.Stderr, l, env.lookup)
	log := l.New(out)
	restore := captureStandardLog(log)
	return Process{Log: log, Out: out, Version: env.Version}, func() {
		_ = log.Sync() // fails on a terminal, where there is nothing to flush
		restore()
	}
}

// stopped is err of a verb that has to come to its end to have done anything.
func (l *line) stopped(ctx context.Context, err error) error {
	if interrupted(ctx, err) {
		return fmt.Errorf("%s was stopped before it was done: %w", l.verb, err)
	}
	return err
}

// buy runs the verbs that spend money.
func (c *command) buy(ctx context.Context, env Env, p Process) error {
	if c.verb == "run" {
		if env.Hangup != nil {
			p.Hangup = env.Hangup()
		}
		err := Run(ctx, c.config, p)
		if interrupted(ctx, err) {
			return nil
		}
		return err
	}
	result, err := oneRun(ctx, c.config, p)
	if interrupted(ctx, err) && result.Dropped == 0 && result.UnknownTries == 0 {
		return nil // stopped before there was anything in hand
	}
	return err
}

// interrupted reports whether err is no more than the end of ctx.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}

// desk runs the verbs that an operator looks and steers with.
func (c *command) desk(ctx context.Context, env Env) error {
	state := c.cli.State
	switch c.verb {
	case "plan":
		return Plan(ctx, c.config, env.Stdout)
	case "status":
		return Status(ctx, c.config, c.cli.Status.Output, env.Stdout)
	case "state show":
		return StateShow(ctx, c.config, state.Show.Output, env.Stdout)
	case "state export":
		return StateExport(ctx, c.config, env.Stdout, env.Stderr)
	case "state import":
		return importState(ctx, env, c.config, state.Import)
	case "state reset":
		return StateReset(ctx, c.config, c.wish, confirm(env, state.Reset.Yes), env.Stderr)
	case "topics apply":
		return TopicsPlan(ctx, c.config, !c.cli.Topics.Apply.DryRun, env.Stdout)
	case "topics check":
		return TopicsPlan(ctx, c.config, false, env.Stdout)
	case "schemas push", "schemas check", "schemas diff":
		return Schemas(ctx, c.config.Values, c.config.subject(), c.verb, env)
	case "check":
		if c.cli.Check.Live {
			return Alive(ctx, c.config.Listen)
		}
		return Check(ctx, c.config, env.Stdout)
	}
	return fmt.Errorf("no such verb: %s", c.verb) // the grammar has one that this lacks
}

// importState reads the file that is named, or standard input.
func importState(ctx context.Context, env Env, c Producer, v importVerb) error {
	in := env.Stdin
	if name := cmp.Or(v.File, "-"); name != "-" {
		file, err := os.Open(name) //nolint:gosec // the user names the file
		if err != nil {
			return &UsageError{Problems: []error{fmt.Errorf("state import: %w: expected the file that state export wrote", err)}}
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	return StateImport(ctx, c, in, confirm(env, v.Yes), env.Stderr)
}

// warnings says at the start what is legal and yet probably not meant.
func warnings(key secret.String, insecure bool, log *zap.Logger) {
	if !key.Empty() && !feed.KeyLooksRight(key) {
		log.Warn("the API key does not have the shape of the vendor's keys; if it is refused, check JOBO_API_KEY")
	}
	if insecure {
		log.Warn("JOBO_INSECURE is on: the API key may be sent unencrypted")
	}
}
