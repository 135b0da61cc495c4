package app

import (
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/careerstream/careerstream/internal/selection"
)

// enricherCLI is the command line of the enricher: the verbs, and the settings
// that all of them share. A verb's line in the help is its first sentence.
type enricherCLI struct {
	enricherSettings

	Run     selectVerb  `cmd:"" help:"Fetch the profiles of companies that are chosen or requested, until it is stopped. Replicas share the work."`
	Plan    selectVerb  `cmd:"" help:"Say how many career sites ENRICH_SELECT chooses and how long their profiles take; it changes nothing."`
	Request requestVerb `cmd:"" help:"Ask for the profiles of companies by their ids. They stand as arguments, or a line each on standard input."`
	Redrive redriveVerb `cmd:"" help:"Put dead letters back as requests. The dead letters stay where they are."`
	Status  statusVerb  `cmd:"" help:"Say where the work is: lag, requests, retries that wait, dead letters."`
	commonVerbs
}

// selectVerb is a verb that ENRICH_SELECT matters to.
type selectVerb struct{}

var _ kong.HelpProvider = selectVerb{}

// Help implements kong.HelpProvider.
func (selectVerb) Help() string { return selection.Help() }

type requestVerb struct {
	ID         []string `arg:"" optional:"" help:"Company ids; none, or a dash: standard input, one a line."`
	DetailsURL string   `name:"details-url" placeholder:"URL" help:"Where the profile is, for one id; the API's own address if left out."`
	Reason     string   `placeholder:"TEXT" help:"Why, for people who look at the request."`
	Force      bool     `help:"Fetch again what was fetched already."`
}

type redriveVerb struct {
	Reason []string `placeholder:"REASON" complete:"reasons" help:"Only dead letters with this reason; may be given again. One of: ${reasons}."`
	Since  string   `placeholder:"TIME" help:"Only those since this instant, or within a duration like 24h."`
	Limit  string   `placeholder:"N" help:"At most so many."`
	DryRun bool     `help:"Only say how many there are."`
}

// enricherProgram is the enricher as its command line shows it.
func enricherProgram() program {
	return program{name: "enricher", head: enricherHead, tail: enricherTail, words: kong.Vars{
		"api": "the API", "key_of": "the vendor, optional: with one the request limits are higher", "harmless": "changes nothing",
		"dead_letters": "What could not be fetched or published", "other_topics": "the others have as many, that of dead letters 1",
		"redis_for": "what was fetched and the shared request limits", "registry_for": "For VALUE_FORMAT=avro, and for career sites that are Avro",
		"reasons": strings.Join(reasons(), ", "),
	}}
}

// enricherCommand is a command line of the enricher that was understood.
type enricherCommand struct {
	line

	cli    enricherCLI
	config Enricher
	// request and redrive are what these verbs are asked for.
	request RequestWish
	redrive RedriveWish
}

// parseEnricher returns what a command line asks for; nil means that help was
// asked for and given. Its errors are *UsageError.
func parseEnricher(env Env) (*enricherCommand, error) {
	c := &enricherCommand{}
	line, problems, err := enricherProgram().parse(env, &c.cli)
	if err != nil || line == nil {
		return nil, err
	}
	c.line = *line
	if c.aside() {
		return c, nil
	}
	if problems = append(problems, c.read(env)...); len(problems) > 0 {
		return nil, &UsageError{Problems: problems}
	}
	return c, nil
}

// read judges the settings and the verb's own arguments and flags.
func (c *enricherCommand) read(env Env) []error {
	var p problems
	c.config, p.list = c.cli.config()
	switch c.verb {
	case "redrive":
		c.redrive = c.cli.Redrive.wish(&p, time.Now())
	case "request":
		c.request = c.cli.Request.wish(&p, terminal(env.Stdin))
	}
	return p.list
}
