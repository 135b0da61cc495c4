package main

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

// kinds is all that chaos does to a sync that is long enough, but for the two ways
// to void a cursor, which take turns.
var kinds = []string{"status 429", "status 503", "body cut, billed", "slow answer", "connection reset", "wallet runs dry"}

func TestChaosDoesNotShowInTheTopic(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{1, 2} {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			var out, logs bytes.Buffer
			err := run(t.Context(), options{Once: true, Chaos: true, Rows: 1000, Seed: seed, Select: defaultSelect}, &out, &logs)
			for _, want := range append(kinds, "cursor voided (400)", "cursor voided (409)") {
				if !strings.Contains(out.String(), " meets: "+want+"\n") || !strings.Contains(out.String(), want+" x") {
					t.Errorf("%s was not announced, or did not happen", want)
				}
			}
			for _, want := range badKinds {
				if !strings.Contains(out.String(), " meets: "+want) || !strings.Contains(out.String(), want+" x") {
					t.Errorf("%s was not announced, or did not happen", want)
				}
			}
			for _, want := range []string{
				" credits; filling it and starting again (1 of at most 5 times)\n",
				"\nchaos: cost ", "0 of 1005 sites missing or out of date\n",
				" profiles missing or out of date\n", "status 500 for a profile x7", "dead letters: gone x", ", not_found x",
			} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in the output", want)
				}
			}
			if !strings.Contains(logs.String(), `"retry":`) {
				t.Error("no company went to a retry topic")
			}
			// The summary is an error where a row is missing, old or published twice.
			if err != nil || t.Failed() {
				t.Errorf("it ended with %v, want no error\n%s\n%s", err, &out, &logs)
			}
		})
	}
}

// planned returns the faults of a sync that buys rows.
func planned(t *testing.T, c *chaos, rows int) []simulator.Fault {
	t.Helper()
	c.feed.ResetFaults()
	if err := c.arm(c.feed, rows); err != nil {
		t.Fatal(err)
	}
	var out []simulator.Fault
	for _, armed := range c.feed.Faults() {
		out = append(out, armed.Fault)
	}
	return out
}

// idle is a chaos with a feed that nobody asks.
func idle(t *testing.T, seed uint64) *chaos {
	t.Helper()
	c := newChaos(seed, io.Discard)
	feed, err := simulator.Start(t.Context(), "127.0.0.1:0", simulator.Options{Rows: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = feed.Close() })
	c.feed = feed
	return c
}

func TestEachKindHasAPageOfItsOwn(t *testing.T) {
	t.Parallel()
	voids := make(map[string]int)
	for seed := range uint64(20) {
		pages := make(map[int]bool)
		met := make(map[string]int)
		for _, f := range planned(t, idle(t, seed), 1000) {
			met[name(f.Kind, f.Status)]++
			if p := f.When.Page; p < 2 || p > 20 || pages[p] {
				t.Errorf("seed %d: %s on page %d, want another one of 2 to 20", seed, name(f.Kind, f.Status), p)
			}
			pages[f.When.Page] = true
		}
		for _, kind := range kinds {
			if met[kind] != 1 {
				t.Errorf("seed %d: %s is planned %d times, want once", seed, kind, met[kind])
			}
		}
		if met["cursor voided (400)"]+met["cursor voided (409)"] != 1 || len(pages) != len(kinds)+1 {
			t.Errorf("seed %d: got %v, want one voided cursor beside the others", seed, met)
		}
		voids["400"] += met["cursor voided (400)"]
		voids["409"] += met["cursor voided (409)"]
	}
	if voids["400"] == 0 || voids["409"] == 0 {
		t.Errorf("got %v first, want both ways among 20 seeds", voids)
	}
}

func TestAShortSyncHasAVoidedCursorFirstInTurns(t *testing.T) {
	t.Parallel()
	c := idle(t, 3)
	var last int
	for range 4 {
		got := planned(t, c, 100)
		if len(got) != 1 || got[0].Kind != simulator.KindVoidCursor || got[0].Status == last {
			t.Fatalf("got %+v after status %d, want the cursor voided the other way", got, last)
		}
		last = got[0].Status
	}
	for _, rows := range []int{0, 1, 50} {
		if got := planned(t, c, rows); len(got) != 0 {
			t.Errorf("%d rows: got %+v, want nothing: there is no second page", rows, got)
		}
	}
}

func TestTheSeedDecidesTheFaults(t *testing.T) {
	t.Parallel()
	text := func(seed uint64) string {
		var out bytes.Buffer
		c := idle(t, seed)
		c.out = &out
		for range 3 {
			for _, f := range planned(t, c, 1000) {
				plan, err := f.MarshalJSON()
				if err != nil {
					t.Fatal(err)
				}
				out.Write(plan)
			}
		}
		return out.String()
	}
	if a, b := text(5), text(5); a != b {
		t.Errorf("got %s and %s from the same seed", a, b)
	}
	if text(5) == text(6) {
		t.Error("got the same faults from another seed")
	}
}

func TestASyncThatEndedIsStartedAgainWithReason(t *testing.T) {
	t.Parallel()
	ended := errors.New("something")
	c := idle(t, 1)
	var out bytes.Buffer
	c.out = &out
	c.feed.SetBalance(2499) // a full page costs 2,500
	if !c.again(ended, 1) || c.feed.Balance() != simulator.DefaultBalance {
		t.Errorf("got a wallet of %d, want it filled", c.feed.Balance())
	}
	if want := "ended with: something\nchaos: the wallet held 2499 credits; filling it"; !strings.Contains(out.String(), want) {
		t.Errorf("got %q, want %q in it", &out, want)
	}
	out.Reset()
	if !c.again(ended, restarts) || !strings.Contains(out.String(), "as a supervisor would (5 of at most 5 times)\n") {
		t.Errorf("got %q, want the last start", &out)
	}
	if c.again(ended, restarts+1) {
		t.Error("started again once too often")
	}
	if c.again(nil, 1) {
		t.Error("a sync that was through is started again")
	}
	if none := (*chaos)(nil); none.again(ended, 1) {
		t.Error("without chaos an error was forgiven")
	}
}
