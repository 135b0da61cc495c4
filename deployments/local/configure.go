package main

import (
	"time"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// partitions is how many the career-sites topic has, and those that go with it.
const partitions = 6

// configure points the producer at the stack. The request limits are those of
// the paid plan, so that what one sees is what one gets, and the lease is short,
// so that a restart need not wait.
func configure(stack *devstack.Stack) app.Producer {
	return app.Producer{
		FeedName: "career-sites",
		Feed:     feed.Config{BaseURL: stack.Feed.URL(), Key: secret.New(simulator.DefaultAPIKey)},
		Limits:   ratelimit.Windows{{N: 120, Per: time.Minute}, {N: 5000, Per: time.Hour}, {N: 50_000, Per: 24 * time.Hour}},
		Overlap:  15 * time.Minute,
		Kafka:    kafka.Config{Brokers: stack.Brokers()},
		RedisURL: secret.New(stack.RedisURL()),
		LeaseTTL: 5 * time.Second,
		Topics: app.Topics{
			CareerSites: schemas.CareerSitesTopic, Progress: schemas.ProgressTopic, DeadLetters: schemas.DeadLettersTopic,
			Create: true, Partitions: partitions, Replication: -1,
		},
	}
}

// configureEnricher points the enricher at the same stack. Under chaos it has
// little patience, so that one sees what comes of a bad company.
func configureEnricher(stack *devstack.Stack, choice *selection.Selection, c *chaos) app.Enricher {
	delays := []time.Duration{time.Minute, 10 * time.Minute, time.Hour}
	if c != nil {
		delays = chaosDelays()
	}
	return app.Enricher{
		Company:   company.Config{BaseURL: stack.Feed.URL(), Key: secret.New(simulator.DefaultAPIKey), SendKey: true},
		Limits:    ratelimit.Windows{{N: 360, Per: time.Minute}, {N: 10_000, Per: time.Hour}, {N: 100_000, Per: 24 * time.Hour}},
		Selection: choice, Concurrency: 16, Batch: 100,
		Group: "jobo-enricher", SessionTimeout: 45 * time.Second,
		RetryDelays: delays, NotFoundTTL: 24 * time.Hour, Stall: 5 * time.Minute,
		Kafka:    kafka.Config{Brokers: stack.Brokers()},
		RedisURL: secret.New(stack.RedisURL()),
		Topics: app.EnricherTopics{
			CareerSites: schemas.CareerSitesTopic, Companies: schemas.CompaniesTopic, Requests: schemas.RequestsTopic,
			Retries: schemas.RetriesTopic, DeadLetters: schemas.DeadLettersTopic,
			Create: true, Partitions: partitions, Replication: -1,
		},
	}
}
