package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/secret"
)

// itemTimeout bounds each item of Check. clientTimeout is what the clients within
// get: a little less, so that they say what they waited for.
const (
	itemTimeout   = 10 * time.Second
	clientTimeout = itemTimeout - time.Second
)

// verdict is what came out of one item.
type verdict string

const (
	okay verdict = "ok"
	warn verdict = "warn" // it works, and something about it should be known
	fail verdict = "FAIL" // the program does not work like this
	skip verdict = "skip" // could not be looked at, or need not be
)

// finding is one line of Check, and how to mend what it says.
type finding struct {
	verdict   verdict
	text, fix string
}

// item is one thing that Check looks at.
type item struct {
	name string
	look func(ctx context.Context) []finding
}

// servers are what both programs need, and what earlier items of a check found of
// them that later ones look at.
type servers struct {
	program string // whose verbs mend what is wrong
	config  kafka.Config
	create  bool // TOPICS_CREATE
	// redisURL is where Redis is, name what the keys are named after, losses what
	// becomes of them.
	redisURL secret.String
	name     string
	losses   losses

	cluster *kafka.Cluster    // nil until it was reached
	store   *checkpoint.Redis // likewise
	skew    *time.Duration    // how far our clock is ahead of the API's, nil if that did not tell
}

// checkup is one call of Check.
type checkup struct {
	servers

	c Producer
}

// Check looks at everything that the producer depends on and prints a line for
// each: verdict, what, time taken, what was found, and below it how to mend it.
// It buys nothing, writes nothing and disturbs no producer that is at work. It
// returns an error if something failed, after it has looked at everything.
func Check(ctx context.Context, c Producer, out io.Writer) error {
	k := &checkup{c: c, servers: servers{
		program: "producer", config: c.Kafka, create: c.Topics.Create, redisURL: c.RedisURL, name: c.FeedName, losses: ofProducer(),
	}}
	defer k.close()
	return look(ctx, append(k.items(), registryItems(c.Values, c.subject())...), out)
}

// look looks at all items and prints what it finds. It returns an error if one of
// them failed.
func look(ctx context.Context, items []item, out io.Writer) error {
	var broken []string
	width := 0
	for _, i := range items {
		width = max(width, len(i.name))
	}
	for _, i := range items {
		findings, took := i.run(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx) // what was found then is only that
		}
		i.print(out, width, findings, took)
		for _, f := range findings {
			if f.verdict == fail {
				broken = append(broken, i.name)
				break
			}
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("%d of %d checks failed: %s", len(broken), len(items), strings.Join(broken, ", "))
	}
	return nil
}

func (k *servers) close() {
	if k.cluster != nil {
		k.cluster.Close()
	}
	if k.store != nil {
		_ = k.store.Close() // nothing was written
	}
}

// items are in the order in which one would look.
func (k *checkup) items() []item {
	sites, progress, letters := k.c.specs()
	return []item{
		{"configuration", k.configuration},
		{"api key", k.apiKey},
		{"feed tls", k.feedTLS},
		{"feed", k.feed},
		{"clock", k.clock},
		{"kafka", k.kafka},
		{"brokers", k.brokers},
		{"topic " + sites.Name, k.topic(sites)},
		{"topic " + progress.Name, k.topic(progress)},
		{"topic " + letters.Name, k.topic(letters)},
		{"kafka acls", k.rights},
		{"redis", k.redis},
		{"budgets", k.budgets},
	}
}

// run looks at one item within its time.
func (i item) run(ctx context.Context) ([]finding, time.Duration) {
	ctx, cancel := context.WithTimeoutCause(ctx, itemTimeout, fmt.Errorf("no answer within %s", itemTimeout))
	defer cancel()
	began := time.Now()
	findings := i.look(ctx)
	return findings, time.Since(began)
}

// print shows the findings of an item, its name padded to width. The time stands
// at the first of them.
func (i item) print(out io.Writer, width int, findings []finding, took time.Duration) {
	elapsed := "<1ms"
	if took >= time.Millisecond {
		elapsed = took.Round(time.Millisecond).String()
	}
	for _, f := range findings {
		fmt.Fprintf(out, "%-4s  %-*s  %6s  %s\n", f.verdict, width, i.name, elapsed, f.text)
		if f.fix != "" {
			fmt.Fprintf(out, "      fix: %s\n", f.fix)
		}
		elapsed = ""
	}
}

// one is the usual case of a single finding.
func one(v verdict, text, fix string) []finding { return []finding{{v, text, fix}} }

// failure is an error of the kind that ends with how to mend it, after the last
// colon and a blank.
func failure(err error) []finding {
	text, fix := err.Error(), ""
	if at := strings.LastIndex(text, ": "); at > 0 {
		text, fix = text[:at], text[at+2:]
	}
	if errors.Is(err, context.DeadlineExceeded) && fix == "" {
		fix = "check the network and the load of the server"
	}
	return one(fail, text, fix)
}
