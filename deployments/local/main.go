// Command local runs the whole pipeline in one process: an embedded Kafka, an
// embedded Redis, the simulated API, the producer and the enricher. It needs nothing
// but Go.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// options are the command line.
type options struct {
	Once     bool          `help:"Stop after the backfill and the profiles, with a summary; with --chaos after one more sync."`
	Chaos    bool          `help:"The feed misbehaves: limits, outages, voided cursors, cut bodies, resets, an empty wallet. Companies fail, hang and disappear."`
	Rows     int           `default:"1000" help:"Career sites in the simulated feed."`
	Latency  time.Duration `default:"20ms" help:"How long the feed takes for a page."`
	Seed     uint64        `default:"1" help:"Decides every byte of the simulated feed."`
	Interval time.Duration `default:"30s" help:"Pause between syncs; rows change in the meantime."`
	Select   string        `default:"${select}" help:"Whose profiles are fetched, as ENRICH_SELECT says it; by default those of one site in eight."`

	KafkaPort int `default:"9092" help:"Port of the embedded Kafka; another free one if it is taken."`
	RedisPort int `default:"6379" help:"Port of the embedded Redis."`
	FeedPort  int `default:"8080" help:"Port of the simulated API: the feed and the company profiles."`
}

// defaultSelect keeps the profiles of a --once well below the request limit of a
// minute, which would otherwise be waited for.
const defaultSelect = `("fintech" in industries or "insurance" in industries) and ats in ["greenhouse", "lever", "workday", "ashby", "personio", "icims"]`

func main() {
	var o options
	kong.Parse(&o, kong.Name("local"), kong.Vars{"select": defaultSelect}, kong.Description("The whole pipeline in one process, with a simulated feed. Nothing is kept when it ends."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "local:", err)
		os.Exit(1)
	}
}
