package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// restarts is how often chaos starts a sync again that ended early.
const restarts = 5

// chaos makes the feed and some companies misbehave, and stands in for the people and the supervisor
// that a real deployment has: it fills the wallet and starts the producer again.
// A nil one lets everything end as it does.
type chaos struct {
	feed *simulator.Server // as armed last
	out  io.Writer
	draw *rand.Rand // all that is random, from the seed
	void int        // the status that the next cursor is voided with
	// gone are the companies that have no profile, with the reason of the dead letter.
	gone map[string]schemas.DeadLetterReason

	mu  sync.Mutex
	met map[string]int // faults that requests have met, by name
}

// newChaos returns a chaos that knows its feed once it is armed: the feed is made
// with its watch.
func newChaos(seed uint64, out io.Writer) *chaos {
	draw := rand.New(rand.NewPCG(seed, 0xc4a05)) //nolint:gosec // the same seed has to make the same faults
	c := &chaos{out: out, draw: draw, void: http.StatusBadRequest, gone: make(map[string]schemas.DeadLetterReason), met: make(map[string]int)}
	if draw.IntN(2) == 0 {
		c.void = http.StatusConflict
	}
	return c
}

// watch counts the faults as requests meet them; the simulator calls it.
func (c *chaos) watch(a simulator.Answer) {
	if a.Fault == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if ofProfile(a) {
		c.met[profileName(a.Fault, a.Status)]++
		return
	}
	c.met[name(a.Fault, a.Status)]++
}

// name is what a fault is called on the screen.
func name(kind simulator.Kind, status int) string {
	switch kind {
	case simulator.KindStatus:
		return fmt.Sprintf("status %d", status)
	case simulator.KindVoidCursor:
		return fmt.Sprintf("cursor voided (%d)", status)
	case simulator.KindCut:
		return "body cut, billed"
	case simulator.KindLatency:
		return "slow answer"
	case simulator.KindHang:
		return "no answer"
	case simulator.KindReset:
		return "connection reset"
	case simulator.KindDryWallet:
		return "wallet runs dry"
	default:
		return string(kind)
	}
}

// arm plans the faults for the next sync, which buys about that many rows of the
// feed, and says what is coming. Each one has a page of its own, so that none hides
// another and no page fails more often than a client has to put up with.
func (c *chaos) arm(feed *simulator.Server, rows int) error {
	if c == nil {
		return nil
	}
	c.feed = feed
	next := feed.Ledger().Pages + 1
	// The first page has no cursor that could be voided.
	pages := c.draw.Perm(max((rows+simulator.MaxBatch-1)/simulator.MaxBatch-1, 0))
	faults := c.faults()
	faults = faults[:min(len(faults), len(pages))]
	for i := range faults {
		faults[i].When.Page = next + 1 + pages[i]
	}
	slices.SortFunc(faults, func(a, b simulator.Fault) int { return cmp.Compare(a.When.Page, b.When.Page) })
	for _, f := range faults {
		if err := feed.AddFault(f); err != nil {
			return err
		}
		fmt.Fprintf(c.out, "chaos: page %d meets: %s\n", f.When.Page, name(f.Kind, f.Status))
	}
	return nil
}

// faults draws one of each kind. The voided cursor comes first: a sync may be too
// short for all of them, and begins its scan again only once, so the two ways to
// void a cursor take turns.
func (c *chaos) faults() []simulator.Fault {
	void := simulator.Fault{Kind: simulator.KindVoidCursor, Status: c.void}
	c.void = http.StatusBadRequest + http.StatusConflict - c.void
	others := []simulator.Fault{
		{Kind: simulator.KindStatus, Status: http.StatusTooManyRequests, RetryAfter: time.Second, RetryAfterDate: c.draw.IntN(2) == 0},
		{Kind: simulator.KindStatus, Status: http.StatusServiceUnavailable, RetryAfter: time.Duration(c.draw.IntN(2)) * time.Second},
		{Kind: simulator.KindCut, Bytes: 1 + c.draw.IntN(2000), Framing: c.framing()},
		{Kind: simulator.KindLatency, Delay: time.Duration(300+c.draw.IntN(700)) * time.Millisecond},
		{Kind: simulator.KindReset, Billed: c.draw.IntN(2) == 0},
		{Kind: simulator.KindDryWallet, Credits: int64(c.draw.IntN(simulator.MaxBatch * simulator.DefaultPrice))},
	}
	c.draw.Shuffle(len(others), func(i, j int) { others[i], others[j] = others[j], others[i] })
	return append([]simulator.Fault{void}, others...)
}

func (c *chaos) framing() simulator.Framing {
	framings := []simulator.Framing{simulator.FramingLength, simulator.FramingChunked, simulator.FramingClose}
	return framings[c.draw.IntN(len(framings))]
}

// again reports whether a sync that ended with err is to be started again, after
// it has done what a person would do about it. tries counts the starts so far.
func (c *chaos) again(err error, tries int) bool {
	if c == nil || err == nil || tries > restarts {
		return false
	}
	why := "starting it again, as a supervisor would"
	if c.feed.Balance() < simulator.MaxBatch*simulator.DefaultPrice {
		why = fmt.Sprintf("the wallet held %d credits; filling it and starting again", c.feed.Balance())
		c.feed.SetBalance(simulator.DefaultBalance)
	}
	fmt.Fprintf(c.out, "chaos: the sync ended with: %v\nchaos: %s (%d of at most %d times)\n", err, why, tries, restarts)
	return true
}

// cost says what has gone wrong and what was bought again because of it.
func (c *chaos) cost() {
	c.mu.Lock()
	defer c.mu.Unlock()
	var met []string
	for _, name := range slices.Sorted(maps.Keys(c.met)) {
		met = append(met, fmt.Sprintf("%s x%d", name, c.met[name]))
	}
	ledger, profiles := c.feed.Ledger(), c.feed.ProfileLedger()
	credits := ledger.Duplicates * simulator.DefaultPrice
	fmt.Fprintf(c.out, "\nchaos: %s\nchaos: cost %d rows that were bought again for %d credits (USD %.2f); %d cursors were billed again\n"+
		"chaos: cost %d GETs for profiles that were repeated, and %d that were refused with 429\n",
		strings.Join(met, ", "), ledger.Duplicates, credits, float64(credits)/1000, ledger.PagesAgain, profiles.Repeated(), profiles.TooMany)
}
