package app

import (
	"fmt"
	"strings"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// lines are the plan for people.
func (p *planned) lines(l *lines, missing []string) {
	p.what(l)
	e, price := p.estimate(), rowPrice(p.c.Budget, p.at)
	expected(l, p.c, e, price)
	purse := p.facts.purse(p.c.Budget, p.at)
	for _, a := range purse.allowances {
		text := coverage(a.left(), price, e)
		if a.limit >= 0 {
			text += fmt.Sprintf("; %s=%d", a.setting, a.limit)
		}
		l.add("budget "+a.name, "%s", text)
	}
	if !purse.shared {
		l.add("", "what other streams of the API key spent is not counted: JOBO_API_KEY is not set")
	}
	p.wallet(l, purse, price, e)
	if h := p.facts.holder; h.Held {
		l.add("lease", "held by %s, which makes this run; another one waits for it, and ends with exit code %d", h.Owner, ExitBusy)
	}
	if len(missing) > 0 {
		l.add("topics", "%s would be created", strings.Join(missing, ", "))
	}
	l.add("", "nothing was bought and nothing was changed")
}

// what says what the run is and why.
func (p *planned) what(l *lines) {
	at, before := p.at, p.facts.kafka.Own
	switch {
	case p.again():
		l.add("next run", "%s of run %s begins its scan again after %s", at.Mode, at.RunID, stamp(at.UpdatedAfter))
		l.add("why", "it did not reach its end, and its cursor of %s is too old: %d rows are bought again", stamp(before.CursorIssuedAt), bought(at))
	case p.resumes():
		l.add("next run", "resumes %s %s at page %d%s", at.Mode, at.RunID, at.Pages+1, where(at))
		l.add("why", "it did not reach its end: %d rows are bought, none of them again", bought(at))
	case at.Mode == schemas.Incremental:
		l.add("next run", "incremental: buys what changed after %s", stamp(at.UpdatedAfter))
		l.add("why", "%s, and SYNC_OVERLAP=%s", describeMark(at.Watermark), p.c.Overlap)
		if before.Reset != "" {
			l.add("", "an operator wrote that with state %s at %s", resetFlag(before.Reset), stamp(before.CommittedAt))
		}
	case before.Reset != "":
		l.add("next run", "backfill: buys all that the filters select")
		l.add("why", "an operator asked for it with state %s at %s", resetFlag(before.Reset), stamp(before.CommittedAt))
	default:
		l.add("next run", "the first backfill: buys all that the filters select")
		l.add("why", "the stream has no checkpoint, and the topic has none of its rows")
	}
	if p.c.Windows > 1 && at.Mode == schemas.Backfill && at.Windows > 1 && !p.resumes() {
		l.add("", "cut into %d windows of discovered_at (BACKFILL_WINDOWS)", at.Windows)
	}
}

// where is where a run goes on, for people: never the cursor itself.
func where(at schemas.Progress) string {
	switch {
	case at.Windows > 0:
		return fmt.Sprintf(", in %d windows", at.Windows)
	case at.Cursor == "":
		return ""
	}
	return fmt.Sprintf(", after cursor %s of %s", feed.Cursor(at.Cursor), stamp(at.CursorIssuedAt))
}

// resetFlag is what an operator typed, by the mark that it left in a record.
func resetFlag(reset string) string {
	if reset == "import" {
		return reset
	}
	return "reset --" + reset
}

func (p *planned) wallet(l *lines, purse purse, price int64, e estimate) {
	if purse.balance < 0 {
		l.add("wallet", "not known: the feed has not said what is in it")
		return
	}
	text := coverage(purse.spendable(), price, e)
	if purse.floor > 0 {
		text += fmt.Sprintf("; CREDITS_MIN_BALANCE=%d stays", purse.floor)
	}
	l.add("wallet", "%s; %d credits at %s", text, purse.balance, stamp(purse.balanceAt))
}

// expected says how many rows are to be bought, what they cost and how long the
// request limits make it last.
func expected(l *lines, c Producer, e estimate, price int64) {
	rows := e.likely()
	switch {
	case rows < 0:
		l.add("rows", "not known: %s", e.basis)
		l.add("cost", "each 1,000 rows cost %s", feed.Price(1000*price))
		rows = 1000
	case e.rows < 0:
		l.add("rows", "at most %d, on %d pages: %s", rows, pagesOf(rows, c.BatchSize), e.basis)
		l.add("cost", "at most %s", feed.Price(rows*price))
	default:
		l.add("rows", "about %d, on %d pages: %s", rows, pagesOf(rows, c.BatchSize), e.basis)
		l.add("cost", "about %s", feed.Price(rows*price))
	}
	least, tight := shortest(pagesOf(rows, c.BatchSize), c.Limits)
	switch {
	case len(c.Limits) == 0:
		l.add("time", "FEED_RATE_LIMIT is off")
	case e.likely() < 0:
		l.add("time", "1,000 rows are %d pages, with at most %s of them (FEED_RATE_LIMIT)", pagesOf(rows, c.BatchSize), c.Limits)
	case least == 0:
		l.add("time", "FEED_RATE_LIMIT=%s delays nothing", c.Limits)
	default:
		l.add("time", "at least %.2f hours, by %s of FEED_RATE_LIMIT", least.Hours(), tight)
	}
}
