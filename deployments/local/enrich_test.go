package main

import (
	"context"
	"io"
	"maps"
	"slices"
	"testing"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/schemas"
)

func TestCompaniesAreAskedForThatAreNotChosen(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, asks+3)
	e, feed := p.enricher, p.stack.Feed
	ids := slices.Sorted(maps.Keys(feed.Truth()))
	choose := func(expression string) {
		s, err := selection.Parse(expression)
		if err != nil {
			t.Fatal(err)
		}
		if e.wanted = newWanted(nil); e.wanted.choose(feed, s) != nil {
			t.Fatal("the selection can't judge the feed's rows")
		}
	}
	for _, c := range []struct {
		name, choice string
		want         []string
	}{
		{"nobody is chosen", "", append(slices.Clone(ids[:asks]), nobody)},
		{"everybody is chosen", "true", []string{ids[0], nobody}},
		{"one is chosen", `id == "` + ids[1] + `"`, append(append([]string{ids[0]}, ids[2:asks+1]...), ids[1], nobody)},
	} {
		choose(c.choice)
		got := e.candidates()
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		had := e.wanted.published()
		e.wanted.ask(feed, got)
		fresh := len(c.want) - 1 - min(had, 1)
		if e.wanted.asked != fresh || e.wanted.published() != had+fresh || e.wanted.letters[schemas.ReasonNotFound] != 1 {
			t.Errorf("%s: got %d profiles of requests and the dead letters %v, want %d and one", c.name, e.wanted.asked, e.wanted.letters, fresh)
		}
	}
}

func TestEachVersionOfACompanyIsWantedOnce(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 3)
	feed, choice := p.stack.Feed, p.enricher.config.Selection
	ids := slices.Sorted(maps.Keys(feed.Truth()))
	c := newChaos(1, io.Discard)
	c.gone[ids[0]] = schemas.ReasonGone
	w := newWanted(c)
	check := func(profiles, letters int) {
		t.Helper()
		if err := w.choose(feed, choice); err != nil {
			t.Fatal(err)
		}
		if w.published() != profiles || w.dead() != letters || w.letters[schemas.ReasonGone] != letters {
			t.Errorf("got %d profiles and the dead letters %v, want %d and %d", w.published(), w.letters, profiles, letters)
		}
	}
	check(2, 1)
	check(2, 1)
	before := w.profile(ids[1])
	if err := feed.Update(ids[0], ids[1]); err != nil {
		t.Fatal(err)
	}
	check(3, 2)
	if now, _ := feed.Profile(ids[1]); w.profile(ids[1]) != string(now) || before == string(now) {
		t.Errorf("got %q after %q, want the newest profile", w.profile(ids[1]), before)
	}
	if w.profile(ids[0]) != "" || !w.knows(ids[0]) {
		t.Error("a company that is gone has a profile, or is not known")
	}
}

// Nothing does the work, so that only the stop can end the wait.
func TestAStopEndsTheWaitForTheEnricher(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 3)
	p.buy(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.enricher.follow(ctx, io.Discard, true, true) }()
	lag, err := p.enricher.lag(t.Context())
	if err != nil || lag != 3 {
		t.Errorf("got a lag of %d (%v), want the three sites", lag, err)
	}
	cancel()
	if err := <-ended; err == nil || unlessStopped(ctx, err) != nil {
		t.Errorf("got %v, want that it was stopped", err)
	}
}

func TestARunWithTheEnricherInItIsStoppedInTheMiddle(t *testing.T) {
	t.Parallel()
	p := newPipeline(t, 20)
	ctx, cancel := context.WithCancel(t.Context())
	e := startEnricher(ctx, p.stack, p.enricher.config, nil, zap.NewNop(), func(err error) { t.Errorf("it failed: %v", err) })
	cancel()
	if err := e.end(); err != nil {
		t.Errorf("got %v after the stop, want no error", err)
	}
}
