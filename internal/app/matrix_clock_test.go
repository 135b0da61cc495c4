package app_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/simulator"
)

// clockCase is how far the feed's clock is ahead of this machine's: at the run's
// first page, and from the second one on. To the program it is the same as its own
// clock being behind by that much.
type clockCase struct {
	ahead, later time.Duration
	act          act // on the first answer, where only its Date header is wrong
	words        []string
}

func clockTable() map[string]clockCase {
	const day = 24 * time.Hour
	off := func(ahead time.Duration, how string) clockCase {
		return clockCase{ahead: ahead, later: ahead, words: []string{how + " the feed's", "set the clock (NTP)", "published and not lost"}}
	}
	date := func(value string) clockCase { return clockCase{act: setHeader("Date", value)} }
	return map[string]clockCase{
		"the feed's 1 h behind":          off(-time.Hour, "ahead of"),
		"the feed's 1 d behind":          off(-day, "ahead of"),
		"the feed's 6 min behind":        off(-6*time.Minute, "ahead of"),
		"the feed's 10 min ahead":        off(10*time.Minute, "behind"),
		"the feed's 20 min ahead":        off(20*time.Minute, "behind"),
		"the feed's 1 y ahead":           off(365*day, "behind"),
		"within what is safe, behind":    {ahead: -4 * time.Minute, later: -4 * time.Minute},
		"within what is safe, ahead":     {ahead: 4 * time.Minute, later: 4 * time.Minute},
		"goes back 1 h in the run":       {later: -time.Hour},
		"goes forward 20 min in the run": {later: 20 * time.Minute},
		"a leap second":                  date("Sat, 31 Dec 2016 23:59:60 GMT"),
		"no Date header":                 date(""),
		"a Date that is none":            date("yesterday"),
	}
}

func TestMatrixClock(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, clockTable(), func(t *testing.T, c clockCase) {
		var ahead atomic.Int64
		ahead.Store(int64(c.ahead))
		clock := func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		l := newLab(t, cluster, simulator.Options{Clock: clock})
		if c.act != nil {
			l.front.at(1, c.act)
		}
		l.front.at(2, first(func() { ahead.Store(int64(c.later)) }))
		if len(c.words) == 0 {
			l.run(app.ExitDone)
		} else {
			l.run(app.ExitFailed, c.words...)
			if p := l.progress(); p.Pages != 1 || l.asked() != 1 {
				t.Errorf("got %d pages published and %d requests, want 1 and 1", p.Pages, l.asked())
			}
		}
		if c.ahead != c.later || len(c.words) > 0 {
			ahead.Store(0) // the clock is set, as the message says
		}
		if started := l.progress().RunStartedAt; started.After(time.Now()) {
			t.Errorf("the run began at %s, which is yet to come", started)
		}
		// What changes right after the run began must not be lost by the next one,
		// whose bound the two clocks made together.
		if c.ahead == c.later {
			l.feed.UpdateRandom(3)
		}
		l.finish(allowance{})
	})
}

// Only the Date header lies, and the rows have the right time.
func TestMatrixClockOfTheHeaderAlone(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, map[string]time.Duration{"behind": -time.Hour, "ahead": time.Hour}, func(t *testing.T, skew time.Duration) {
		l := newLab(t, cluster, simulator.Options{})
		l.arm(simulator.Fault{Kind: simulator.KindDateSkew, Skew: skew})
		l.run(app.ExitFailed, "this machine's clock is", "set the clock (NTP)")
		l.struck(simulator.KindDateSkew, 1, true)
		l.finish(allowance{})
	})
}
