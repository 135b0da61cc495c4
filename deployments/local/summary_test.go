package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/devstack"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// newPipeline is one on a stack of its own that chooses every company. Its enricher
// is not at work.
func newPipeline(t *testing.T, rows int) *pipeline {
	t.Helper()
	stack, err := devstack.Start(t.Context(), devstack.Options{Feed: simulator.Options{Rows: rows}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	choice, err := selection.Parse("true")
	if err != nil {
		t.Fatal(err)
	}
	e := &enrichment{stack: stack, config: configureEnricher(stack, choice, nil), wanted: newWanted(nil), published: newContent()}
	return &pipeline{stack: stack, config: configure(stack), enricher: e, out: io.Discard, log: zap.NewNop()}
}

// buy brings the career-sites topic up to date.
func (p *pipeline) buy(t *testing.T) {
	t.Helper()
	if _, err := app.Sync(t.Context(), p.config, p.log); err != nil {
		t.Fatal(err)
	}
}

// fetch lets the enricher do all that there is to do.
func (p *pipeline) fetch(t *testing.T) {
	t.Helper()
	e := startEnricher(t.Context(), p.stack, p.enricher.config, nil, zap.NewNop(), func(error) {})
	e.wanted, e.published, p.enricher = p.enricher.wanted, p.enricher.published, e
	if err := e.follow(t.Context(), io.Discard, false, true); err != nil {
		t.Error(err)
	}
	if err := e.end(); err != nil {
		t.Fatal(err)
	}
}

// check wants the summary to end with that.
func (p *pipeline) check(t *testing.T, want ...string) {
	t.Helper()
	if got := errorText(p.summarise(t.Context())); got != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The summary is a check, and it can fail.
func TestASummaryOfSitesThatDoesNotAddUpIsAnError(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 10)
	p.buy(t)
	p.fetch(t)
	p.check(t)
	p.stack.Feed.Insert(2)
	p.stack.Feed.UpdateRandom(1)
	missing := p.stack.Feed.Len() - len(sold(p.stack))
	p.check(t, "the topic is not what the feed has: 0 duplicates, "+strconv.Itoa(missing)+" missing or out of date")
	p.config.FeedName = "the-same-again"
	p.buy(t)
	twice := p.stack.Feed.Ledger().Duplicates
	if missing < 2 || twice == 0 {
		t.Fatalf("got %d rows missing and %d bought twice, want some of each", missing, twice)
	}
	p.check(t, "the topic is not what the feed has: "+strconv.Itoa(twice)+" duplicates, 0 missing or out of date")
}

func TestASummaryOfProfilesThatDoesNotAddUpIsAnError(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 10)
	p.buy(t)
	p.fetch(t)
	p.check(t)

	ids := slices.Sorted(maps.Keys(p.stack.Feed.Truth()))
	if err := p.stack.Feed.Update(ids[0]); err != nil {
		t.Fatal(err)
	}
	p.buy(t)
	if err := p.enricher.wanted.choose(p.stack.Feed, p.enricher.config.Selection); err != nil {
		t.Fatal(err)
	}
	behind := []string{
		"the topic is not what the companies have: 10 records of 11, 0 duplicates, 1 missing or out of date",
		"10 GETs for 11 versions of companies, 0 of them repeated and 0 refused with 429",
	}
	p.check(t, behind...)
	p.fetch(t)
	p.check(t)

	cluster, err := kafka.Open(t.Context(), p.config.Kafka)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	again := &kgo.Record{Topic: schemas.CompaniesTopic, Key: []byte(ids[0]), Value: []byte(p.enricher.wanted.profile(ids[0]))}
	letter := &kgo.Record{Topic: schemas.DeadLettersTopic, Headers: []kgo.RecordHeader{{Key: schemas.HeaderReason, Value: []byte(schemas.ReasonGone)}}}
	if err := cluster.Publish(t.Context(), again, letter); err != nil {
		t.Fatal(err)
	}
	if _, status := ask(t, http.MethodGet, p.stack.Feed.URL()+"/api/companies/"+ids[0], ""); status != http.StatusOK {
		t.Fatalf("got status %d for a profile", status)
	}
	p.check(t,
		"the topic is not what the companies have: 12 records of 11, 1 duplicates, 0 missing or out of date",
		"got the dead letters: gone x1; expected: none",
		"12 GETs for 11 versions of companies, 1 of them repeated and 0 refused with 429",
	)
}

func TestAnEnricherThatEndsByItselfEndsTheRun(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 1)
	config := p.enricher.config
	config.RedisURL = secret.New("redis://127.0.0.1:1/0")
	ctx, fail := context.WithCancelCause(t.Context())
	defer fail(nil)
	e := startEnricher(ctx, p.stack, config, nil, zap.NewNop(), fail)
	<-ctx.Done()
	err := e.end()
	if got := errorText(err); !strings.HasPrefix(got, "the enricher ended: ") || !errors.Is(context.Cause(ctx), err) {
		t.Errorf("got %q with the cause %v, want that the enricher ended", got, context.Cause(ctx))
	}
}

// sold are the companies whose newest version was bought.
func sold(stack *devstack.Stack) (ids []string) {
	ledger := stack.Feed.Ledger()
	for id, row := range stack.Feed.Truth() {
		if ledger.Billed(id, row.Version) > 0 {
			ids = append(ids, id)
		}
	}
	return ids
}
