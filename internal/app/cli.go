package app

import (
	"fmt"
	"slices"
	"time"

	"github.com/alecthomas/kong"
)

// producerCLI is the command line of the producer: the verbs, and the settings
// that all of them share. A verb's line in the help is its first sentence.
type producerCLI struct {
	producerSettings

	Run    struct{}   `cmd:"" help:"Backfill, then sync every SYNC_INTERVAL, until it is stopped. Replicas stand by for it."`
	Sync   struct{}   `cmd:"" help:"Make one run for cron: the backfill, later what changed since."`
	Plan   struct{}   `cmd:"" help:"Say what the next run would do and cost; it buys nothing."`
	Status statusVerb `cmd:"" help:"Say where the stream is: its run, watermark, money and lease holder."`
	State  stateVerbs `cmd:"" help:"Show the checkpoint, move it, or decide how to go on."`
	commonVerbs
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

// producerProgram is the producer as its command line shows it.
func producerProgram() program {
	return program{name: "producer", head: producerHead, tail: producerTail, words: kong.Vars{
		"api": "the feed", "key_of": "the feed", "harmless": "buys nothing",
		"dead_letters": "Rows that could not be published", "other_topics": "the others have 1",
		"redis_for": "lease and checkpoint", "registry_for": "For VALUE_FORMAT=avro",
	}}
}

// command is a command line of the producer that was understood.
type command struct {
	line

	cli    producerCLI
	config Producer
	// wish is what state reset is asked for.
	wish ResetWish
}

// needsKey are the verbs that talk to the feed.
var needsKey = []string{"run", "sync", "check"}

// parseProducer returns what a command line asks for; nil means that help was
// asked for and given. Its errors are *UsageError.
func parseProducer(env Env) (*command, error) {
	c := &command{}
	line, problems, err := producerProgram().parse(env, &c.cli)
	if err != nil || line == nil {
		return nil, err
	}
	c.line = *line
	if c.aside() {
		return c, nil
	}
	if problems = append(problems, c.read()...); len(problems) > 0 {
		return nil, &UsageError{Problems: problems}
	}
	return c, nil
}

// read judges the settings and the verb's own flags.
func (c *command) read() []error {
	var p problems
	c.config, p.list = c.cli.config(slices.Contains(needsKey, c.verb) && !c.cli.Check.Live)
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
