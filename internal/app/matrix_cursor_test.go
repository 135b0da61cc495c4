package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/simulator"
)

// cursorCase is what is wrong with how a scan goes on.
type cursorCase struct {
	faults []simulator.Fault
	act    act // on the second page's answer
	code   int
	words  []string
	pages  int64 // that are published before the program stops
	may    allowance
}

// stopped is a scan that is not gone on with: the page that says how is bought
// again by the next run.
func stopped(reason string, pages int64, faults ...simulator.Fault) cursorCase {
	return cursorCase{
		faults: faults, code: app.ExitFailed, pages: pages, may: allowance{again: 1},
		words: []string{"page refused (" + reason + ")", "tell the vendor"},
	}
}

// onPage is a fault of the n-th page.
func onPage(n int, f simulator.Fault) simulator.Fault { f.When.Page = n; return f }

// nextCursor replaces the cursor of an answer.
func nextCursor(cursor string) act {
	return rewriteBody(func(body []byte) []byte {
		_, old, _ := bytes.Cut(body, []byte(`"next_cursor":"`))
		old, _, _ = bytes.Cut(old, []byte(`"`))
		return bytes.Replace(body, old, []byte(cursor), 1)
	})
}

func cursorTable() map[string]cursorCase {
	balance := func(value string) cursorCase {
		return cursorCase{faults: []simulator.Fault{onPage(2, simulator.Fault{Kind: simulator.KindBalanceHeader, Text: value})}}
	}
	return map[string]cursorCase{
		"more, and no cursor":            stopped("cursor", 1, onPage(2, simulator.Fault{Kind: simulator.KindNullCursor})),
		"more, and the same cursor":      stopped("cursor", 1, onPage(2, simulator.Fault{Kind: simulator.KindSameCursor})),
		"a circle of two":                stopped("cursor_loop", 2, onPage(3, simulator.Fault{Kind: simulator.KindOldCursor, Back: 1})),
		"a circle of three":              stopped("cursor_loop", 3, onPage(4, simulator.Fault{Kind: simulator.KindOldCursor, Back: 2})),
		"no more, and a cursor":          stopped("cursor", 1, onPage(2, simulator.Fault{Kind: simulator.KindFalseWithCursor})),
		"the header says the contrary":   stopped("cursor", 1, onPage(2, simulator.Fault{Kind: simulator.KindHasMoreHeader})),
		"an empty page":                  {faults: []simulator.Fault{onPage(2, simulator.Fault{Kind: simulator.KindEmptyPage})}},
		"three empty pages":              {faults: []simulator.Fault{{Kind: simulator.KindEmptyPage, Count: 3, When: simulator.When{Skip: 1}}}},
		"empty pages without end":        {faults: []simulator.Fault{{Kind: simulator.KindEmptyPage, Count: -1, When: simulator.When{Skip: 1}}}, code: app.ExitFailed, words: []string{"page refused (empty_pages)", "tell the vendor"}, pages: 4},
		"a cursor of 64 KB":              {act: nextCursor(strings.Repeat("c", 64<<10)), code: app.ExitFailed, words: []string{"page refused (cursor)", "65536 bytes"}, pages: 1, may: allowance{again: 1}},
		"a cursor with control bytes":    {act: nextCursor(`a\r\nX-Injected: yes`), code: app.ExitFailed, words: []string{"page refused (cursor)", "control characters"}, pages: 1, may: allowance{again: 1}},
		"the balance is missing":         balance(""),
		"the balance is no number":       balance("NaN"),
		"the balance is negative":        balance("-1"),
		"the balance rises":              balance("999999999999999"),
		"the balance falls by too much":  balance("12"),
		"the balance is beyond counting": balance(strings.Repeat("9", 40)),
	}
}

func TestMatrixCursor(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, cursorTable(), func(t *testing.T, c cursorCase) {
		l := newLab(t, cluster, simulator.Options{Rows: 22})
		l.arm(c.faults...)
		if c.act != nil {
			l.front.at(2, c.act)
		}
		l.run(c.code, c.words...)
		for _, f := range c.faults {
			l.struck(f.Kind, max(f.Count, 1)+3*max(-f.Count, 0), c.code != app.ExitDone)
		}
		if p := l.progress(); c.code != app.ExitDone && p.Pages != c.pages {
			t.Errorf("the checkpoint is at page %d, want %d", p.Pages, c.pages)
		}
		l.finish(c.may)
	})
}

// A cursor is the feed's own business: whatever it looks like, it comes back as it
// was sent, and goes nowhere else.
func TestMatrixCursorIsOpaque(t *testing.T) {
	t.Parallel()
	l := newLab(t, broker(t), simulator.Options{})
	const odd = `https://elsewhere.example/../?a=b&c=%00#"<` + "\u00fc\u2028> "
	quoted, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	sold := ""
	l.front.at(1, func(w http.ResponseWriter, r *http.Request, feed http.Handler) {
		nextCursor(string(quoted[1:len(quoted)-1]))(w, r, feed)
		sold = l.ledger().Bills[0].Next
	})
	l.front.at(2, func(w http.ResponseWriter, r *http.Request, feed http.Handler) {
		if got := cursorIn(r); got != odd {
			t.Errorf("got the cursor %q back, want %q", got, odd)
		}
		putCursor(r, sold)
		feed.ServeHTTP(w, r)
	})
	l.run(app.ExitDone)
	l.finish(allowance{aliases: map[string]string{odd: sold}})
}

// invalidCursor refuses whatever has a cursor.
func invalidCursor(w http.ResponseWriter, r *http.Request, feed http.Handler) {
	if cursorIn(r) == "" {
		feed.ServeHTTP(w, r)
		return
	}
	status(400, nil, `{"title":"Invalid cursor","detail":"Invalid cursor","code":"invalid_cursor"}`)(w, r, feed)
}

// One voided cursor costs what came before it. A second one in the same run would
// cost it again, and so on: the program stops.
func TestMatrixCursorVoided(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	type voided struct {
		at    []int // requests that are refused
		code  int
		pages int // bought before the program stops
		again int
	}
	each(t, map[string]voided{
		"after one page":        {[]int{2}, app.ExitDone, 4, 1},
		"after two pages":       {[]int{3}, app.ExitDone, 5, 2},
		"twice":                 {[]int{2, 5}, app.ExitFailed, 3, 2},
		"each time that it can": {nil, app.ExitFailed, 2, 1},
	}, func(t *testing.T, c voided) {
		l := newLab(t, cluster, simulator.Options{})
		for _, n := range c.at {
			l.front.at(n, invalidCursor)
		}
		if len(c.at) == 0 {
			l.front.always(invalidCursor)
		}
		words := []string{"voids the cursor of run", "spent", "credits", "tell the vendor"}
		if c.code == app.ExitDone {
			words = nil
		}
		l.run(c.code, words...)
		if got := l.ledger().Pages; got != c.pages {
			t.Errorf("got %d pages bought, want %d", got, c.pages)
		}
		l.finish(allowance{again: c.again})
	})
}

// The feed itself forgets a cursor between two runs: the second one begins the
// scan anew, with both shapes of the feed's words for it.
func TestMatrixCursorVoidedBetweenRuns(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	type answer struct {
		code  int
		style simulator.ErrorStyle
	}
	each(t, map[string]answer{
		"400 problem": {400, simulator.ErrorsProblem},
		"400 plain":   {400, simulator.ErrorsPlain},
		"409 problem": {409, simulator.ErrorsProblem},
		"409 plain":   {409, simulator.ErrorsPlain},
	}, func(t *testing.T, c answer) {
		l := newLab(t, cluster, simulator.Options{ErrorStyle: c.style})
		l.front.at(2, status(401, nil, ""))
		l.run(app.ExitFailed)
		l.feed.VoidCursors(c.code)
		l.finish(allowance{again: 1})
	})
}
