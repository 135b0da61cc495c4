package app

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// RunEnricher runs the enricher until it is done or ctx ends, and returns the
// exit code of the process. What it has to say about a failure it says on
// env.Stderr, once.
func RunEnricher(ctx context.Context, env Env) int {
	c, err := parseEnricher(env)
	if err == nil && c != nil {
		err = c.run(ctx, env)
	}
	return report(env.Stderr, "enricher", err)
}

// run does what the verb says.
func (c *enricherCommand) run(ctx context.Context, env Env) error {
	if c.aside() {
		return c.say(env, c.cli.Shell.Shell)
	}
	p, done := newProcess(env, c.config.Log)
	defer done()
	if c.verb != "run" {
		return c.stopped(ctx, c.desk(ctx, env))
	}
	p.ReloadKey = c.cli.reloadKey()
	if env.Hangup != nil {
		p.Hangup = env.Hangup()
	}
	err := RunEnrich(ctx, c.config, p)
	if interrupted(ctx, err) {
		return nil
	}
	return err
}

// desk runs the verbs that an operator looks and steers with.
func (c *enricherCommand) desk(ctx context.Context, env Env) error {
	switch c.verb {
	case "plan":
		return EnrichPlan(ctx, c.config, env.Stdout)
	case "request":
		return EnrichRequest(ctx, c.config, c.request, env.Stdin, env.Stdout)
	case "redrive":
		return Redrive(ctx, c.config, c.redrive, env.Stdout)
	case "status":
		return EnrichStatus(ctx, c.config, c.cli.Status.Output, env.Stdout)
	case "topics apply":
		return EnrichTopics(ctx, c.config, !c.cli.Topics.Apply.DryRun, env.Stdout)
	case "topics check":
		return EnrichTopics(ctx, c.config, false, env.Stdout)
	case "schemas push", "schemas check", "schemas diff":
		return Schemas(ctx, c.config.Values, c.config.subject(), c.verb, env)
	case "check":
		if c.cli.Check.Live {
			return Alive(ctx, c.config.Listen)
		}
		return EnrichCheck(ctx, c.config, env.Stdout)
	}
	return fmt.Errorf("no such verb: %s", c.verb) // the grammar has one that this lacks
}

// warn says at the start what is legal and yet probably not meant.
func (c Enricher) warn(log *zap.Logger) {
	warnings(c.Company.Key, c.Company.Insecure, log)
	if c.Selection.None() {
		log.Info("ENRICH_SELECT is empty: only companies that are requested are fetched")
	}
}
