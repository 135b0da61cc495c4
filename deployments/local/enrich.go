package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/kafka"
)

// asks is how many companies are requested that the selection does not choose,
// and nobody is a company that there is not.
const (
	asks   = 5
	nobody = "no-such-company"
)

// While it waits for the enricher it looks every lookEvery, and gives up when
// nothing has moved for stall: longer than a request limit of a minute holds all
// requests back.
const (
	lookEvery = 200 * time.Millisecond
	stall     = 2 * time.Minute
)

// enrichment is the enricher at work beside the producer.
type enrichment struct {
	stack  *devstack.Stack
	config app.Enricher
	wanted *wanted
	// published are the profiles in the topic, as far as they were read.
	published *content
	// cancel ends it. err is why it ended by itself, valid once ended is closed.
	cancel context.CancelFunc
	ended  chan struct{}
	err    error
}

// startEnricher starts the enricher, which works until ctx ends. An error that it
// ends with goes to fail too: who waits for its work would wait for ever.
func startEnricher(ctx context.Context, stack *devstack.Stack, config app.Enricher, c *chaos, log *zap.Logger, fail context.CancelCauseFunc) *enrichment {
	work, cancel := context.WithCancel(ctx)
	e := &enrichment{stack: stack, config: config, wanted: newWanted(c), published: newContent(), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(e.ended)
		err := app.RunEnrich(work, config, app.Process{Log: log})
		if err != nil && work.Err() == nil {
			e.err = fmt.Errorf("the enricher ended: %w", err)
			fail(e.err)
		}
	}()
	return e
}

// end stops it, waits for that, and returns why it had ended by itself, if it had.
func (e *enrichment) end() error {
	e.cancel()
	<-e.ended
	return e.err
}

// follow asks for some companies after the first sync, as a user would. With wait
// it returns once all that is wanted so far should be published. Who is asked for
// and chosen too is published by then, so that the request has its answer already.
func (e *enrichment) follow(ctx context.Context, out io.Writer, first, wait bool) error {
	if err := e.wanted.choose(e.stack.Feed, e.config.Selection); err != nil {
		return err
	}
	if wait {
		if err := e.settle(ctx); err != nil {
			return err
		}
	}
	if !first {
		return nil
	}
	ids := e.candidates()
	e.wanted.ask(e.stack.Feed, ids)
	wish := app.RequestWish{IDs: ids, Reason: "to see how it is done"}
	if err := app.EnrichRequest(ctx, e.config, wish, strings.NewReader(""), out); err != nil || !wait {
		return err
	}
	return e.settle(ctx)
}

// candidates are the companies to ask for: some that are not chosen, one that is,
// and one that there is not.
func (e *enrichment) candidates() (ids []string) {
	chosen := ""
	for _, id := range slices.Sorted(maps.Keys(e.stack.Feed.Truth())) {
		switch {
		case !e.wanted.knows(id) && len(ids) < asks:
			ids = append(ids, id)
		case chosen == "" && e.wanted.profile(id) != "":
			chosen = id
		}
	}
	if chosen != "" {
		ids = append(ids, chosen)
	}
	return append(ids, nobody)
}

// settle waits until the enricher has nothing left to do, and reads the profiles
// meanwhile.
func (e *enrichment) settle(ctx context.Context) error {
	type state struct {
		lag  int64
		gets int
	}
	cluster, err := kafka.Open(ctx, e.config.Kafka)
	if err != nil {
		return err
	}
	defer cluster.Close()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	last, moved, idle := state{lag: -1}, time.Now(), 0
	for {
		lag, err := e.lag(ctx)
		if err == nil {
			err = e.published.read(ctx, cluster, e.config.Topics.Companies)
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		// Twice: a company may go from one topic to another while they are counted.
		if idle++; err != nil || lag > 0 {
			idle = 0
		}
		if idle == 2 {
			return nil
		}
		if now := (state{lag, e.stack.Feed.ProfileLedger().Gets}); now != last {
			last, moved = now, time.Now()
		}
		if time.Since(moved) > stall {
			return errors.Join(fmt.Errorf("the enricher has %d records left to do and nothing moved for %s; its log says why", lag, stall), err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// lag is how many records of career sites, requests and retries the enricher has
// not done, as `enricher status` counts them.
func (e *enrichment) lag(ctx context.Context) (sum int64, _ error) {
	var out bytes.Buffer
	if err := app.EnrichStatus(ctx, e.config, "json", &out); err != nil {
		return 0, err
	}
	var report app.EnrichReport
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return 0, fmt.Errorf("status of the enricher: %w", err)
	}
	for _, topic := range report.Topics {
		sum += topic.Lag
	}
	return sum, nil
}
