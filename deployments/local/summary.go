package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/kafka"
)

// summarise reads the topic as a consumer would, compares it with what the feed
// has and billed, and prints the sums and what chaos cost. A difference is an
// error, with chaos too: nothing that the feed does is allowed to show in the topic.
func summarise(ctx context.Context, out io.Writer, stack *devstack.Stack, config app.Producer, c *chaos) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	cluster, err := kafka.Open(ctx, config.Kafka)
	if err != nil {
		return err
	}
	defer cluster.Close()
	records, duplicates := 0, 0
	newest := make(map[string]string)
	seen := make(map[string]bool)
	err = cluster.ReadCommitted(ctx, config.Topics.CareerSites, func(key, value []byte) {
		records++
		if seen[string(value)] {
			duplicates++
		}
		seen[string(value)] = true
		newest[string(key)] = string(value)
	})
	if err != nil {
		return err
	}
	missing := 0
	for id, row := range stack.Feed.Truth() {
		if newest[id] != string(row.Bytes) {
			missing++
		}
	}
	if c != nil {
		c.cost()
	}
	ledger := stack.Feed.Ledger()
	fmt.Fprintf(out, "\n%d rows bought for %d credits (USD %.2f), %d records in %s: %d duplicates, %d of %d sites missing or out of date\n",
		ledger.Rows, ledger.Credits, float64(ledger.Credits)/1000, records, config.Topics.CareerSites, duplicates, missing, stack.Feed.Len())
	if duplicates > 0 || missing > 0 {
		return fmt.Errorf("the topic is not what the feed has: %d duplicates, %d missing or out of date", duplicates, missing)
	}
	return nil
}
