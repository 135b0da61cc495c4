package app

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// lines are the rows of a table for people: what, and what about it.
type lines struct{ rows [][2]string }

// add adds a row; an empty what goes on with the one before.
func (l *lines) add(what, format string, args ...any) {
	l.rows = append(l.rows, [2]string{what, fmt.Sprintf(format, args...)})
}

// print writes the rows, the second column aligned.
func (l *lines) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range l.rows {
		fmt.Fprintf(w, "%s\t%s\n", row[0], row[1])
	}
	return w.Flush() // it reports what any of the lines met
}

// table prints the report for people.
func (r StatusReport) table(out io.Writer) error {
	var l lines
	l.add("feed", "%s, at %s", r.Feed, stamp(r.At))
	if s := r.Service; s != nil {
		l.add("service", "%s since %s%s", s.Doing, stamp(s.Since), joined("; ", s.Reason, s.Wants))
		if !s.Next.IsZero() {
			l.add("", "next at %s", stamp(s.Next))
		}
		l.add("", "%d pages in hand", s.PagesInHand)
	}
	r.runLines(&l)
	r.moneyLines(&l)
	if r.Redis.Error == "" {
		l.add("lease", "%s", r.Lease)
	}
	l.add("kafka", "%s", r.Kafka)
	l.add("redis", "%s", r.Redis)
	if r.Agreement != "" {
		l.add("", "%s%s", r.Agreement, advice(r.Agreement))
	}
	r.historyLines(&l)
	return l.print(out)
}

func (r StatusReport) runLines(l *lines) {
	run := r.Run
	if run == nil {
		l.add("run", "none yet: nobody has a checkpoint")
		return
	}
	source := ""
	if r.Source != "kafka" {
		source = ", as " + r.Source + " says"
	}
	if run.Reset != "" {
		l.add("run", "none since an operator wrote the state (%s) at %s%s", run.Reset, stamp(run.StartedAt), source)
	} else {
		l.add("run", "%s %s, %s, begun %s%s", run.Mode, run.ID, run.Phase, stamp(run.StartedAt), source)
		l.add("", "%s, %d dead letters", run.ScanStatus, run.DeadLetters)
	}
	if run.Cursor != "" {
		l.add("cursor", "%s, %s", run.Cursor, issued(run.CursorIssuedAt, run.CursorAge))
	}
	for _, w := range run.Windows {
		l.add(fmt.Sprintf("window %d", w.Window), "%s, %s", w.Phase, w.ScanStatus)
	}
	if r.Watermark.IsZero() {
		l.add("watermark", "none: no run has reached its end")
		return
	}
	l.add("watermark", "%s, %s old", stamp(r.Watermark), age(r.WatermarkAge))
}

func (r StatusReport) moneyLines(l *lines) {
	m := r.Money
	if m.Balance == nil {
		l.add("wallet", "not known, a row costs %d credits", m.CreditsPerRow)
	} else {
		l.add("wallet", "%s at %s, a row costs %d", feed.Price(*m.Balance), stamp(m.BalanceAt), m.CreditsPerRow)
	}
	for _, b := range m.Budgets {
		limit := "no limit"
		if b.Limit != nil {
			limit = fmt.Sprintf("%d of %d left", *b.Left, *b.Limit)
		}
		l.add("budget "+b.Budget, "%s; spent %d, reserved %d", limit, b.Spent, b.Reserved)
	}
	if m.Counted != "account" {
		l.add("", "spent by this stream alone: JOBO_API_KEY and Redis are needed to count all that use the key")
	}
	w := m.Waste
	l.add("waste", "%s: crash %d, unknown outcome %d, cursor restart %d, fenced %d, overlap %d",
		feed.Price(w.Total), w.Crash, w.UnknownOutcome, w.CursorRestart, w.Fenced, w.Overlap)
}

func (r StatusReport) historyLines(l *lines) {
	what := "last runs"
	for _, run := range r.History {
		l.add(what, "%s, %s for %s: %d pages, %d rows, %d unchanged, %d credits", stamp(run.StartedAt), run.Mode,
			span(run.EndedAt.Sub(run.StartedAt)), run.Pages, run.Rows, run.Unchanged, run.Credits)
		what = ""
	}
}

// String is the scan's counts.
func (s ScanStatus) String() string {
	return fmt.Sprintf("%d pages, %d rows, %d unchanged, %s", s.Pages, s.Rows, s.Unchanged, feed.Price(s.Credits))
}

// String is who holds the lease.
func (s LeaseStatus) String() string {
	switch {
	case !s.Held:
		return "held by nobody"
	case s.TTL < 0:
		return fmt.Sprintf("held by %s for ever: it was set by hand", s.Owner)
	}
	return fmt.Sprintf("held by %s, token %d, %.1f s left", s.Owner, s.Token, s.TTL)
}

// String is what the server has.
func (w Witness) String() string {
	switch {
	case w.Error != "" && !w.Found:
		return "not known: " + w.Error
	case !w.Found:
		return "no checkpoint"
	}
	text := fmt.Sprintf("fence %d, seq %d, op %s, committed %s", w.Fence, w.Seq, w.Op, stamp(w.CommittedAt))
	return text + joined("; ", w.Error)
}

// advice says what a disagreement means.
func advice(agreement string) string {
	switch word, _, _ := strings.Cut(strings.TrimPrefix(agreement, "redis "), " "); strings.TrimSuffix(word, ":") {
	case "behind", "empty", "corrupt":
		return " (nothing is lost: the next start repairs it from Kafka)"
	case "ahead":
		return " (the next start refuses: producer plan shows the ways to go on)"
	}
	return ""
}

// stamp is an instant for people; runs are told apart by their seconds.
func stamp(at time.Time) string {
	if at.IsZero() {
		return "an unknown time"
	}
	return at.UTC().Format(time.RFC3339)
}

func issued(at time.Time, seconds int64) string {
	if at.IsZero() {
		return "nothing handed out yet"
	}
	return "handed out " + stamp(at) + ", " + age(seconds) + " old"
}

func age(seconds int64) string { return span(time.Duration(seconds) * time.Second) }

// span is a duration for people: two units of it at the most.
func span(d time.Duration) string {
	day := 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return cmp.Or(max(d, 0).Round(time.Second), max(d, 0).Round(time.Millisecond)).String()
}

// joined puts before in front of each of texts that is not empty.
func joined(before string, texts ...string) string {
	all := ""
	for _, text := range texts {
		if text != "" {
			all += before + text
		}
	}
	return all
}

// describeRun names a record's run for people.
func describeRun(at schemas.Progress) string {
	switch {
	case at.Seq == 0:
		return "no checkpoint"
	case at.Reset != "" && at.Phase == schemas.Done:
		return fmt.Sprintf("written by an operator (%s) at %s, %s", at.Reset, stamp(at.CommittedAt), describeMark(at.Watermark))
	case at.Phase == schemas.Done:
		return fmt.Sprintf("%s %s, done, %s", at.Mode, at.RunID, describeMark(at.Watermark))
	}
	return fmt.Sprintf("%s %s, paging, at page %d (%d rows, %s), %s", at.Mode, at.RunID, at.Pages, at.Rows, feed.Price(at.Credits), describeMark(at.Watermark))
}

func describeMark(at time.Time) string {
	if at.IsZero() {
		return "no watermark"
	}
	return "watermark " + stamp(at)
}
