package feed

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/schemas"
)

func TestTheWitnessesOfTheEndMustAgree(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("c", maxCursorBytes)
	for _, tc := range []struct {
		more         bool
		next, header string
		want         Cursor
		good         bool
	}{
		{false, "", "", "", true},
		{false, "", "false", "", true},
		{false, "", "False", "", true},
		{false, "", "perhaps", "", true},
		{false, "", "true", "", false},
		{false, "next", "", "", false},
		{false, "next", "perhaps", "", false},
		{false, "next", "true", "", false},
		{false, "next", "false", "", false}, // the header repeats has_more, it is no second witness
		{false, "sent", "FALSE", "", false},
		{true, "next", "", "next", true},
		{true, "next", "true", "next", true},
		{true, "next", "TRUE", "next", true},
		{true, "next", "1", "next", true},
		{true, "next", "false", "", false},
		{true, "", "", "", false},
		{true, "", "true", "", false},
		{true, "sent", "", "", false},
		{true, "sent", "true", "", false},
		{true, long, "", Cursor(long), true},
		{true, long + "c", "", "", false},
		{true, strings.Repeat("c", 64<<10), "", "", false},
		{true, "https://example.com/?a=b", "", "https://example.com/?a=b", true}, // opaque
		{true, "a\r\nb", "", "", false},
		{true, "a\x00", "", "", false},
		{true, "a\u0085", "", "", false},
	} {
		env := envelope{more: tc.more, next: tc.next}
		page, refused := judge(Query{Cursor: "sent"}, env, tc.header)
		if tc.good != (refused == nil) || refused != nil && refused.Reason != FaultCursor {
			t.Errorf("has_more %v, next_cursor %.20q, X-Has-More %q: %v, want good %v", tc.more, tc.next, tc.header, refused, tc.good)
			continue
		}
		if tc.good && (page.Next != tc.want || page.HasMore != tc.more) {
			t.Errorf("has_more %v, next_cursor %.20q: page has HasMore %v, Next %.20q", tc.more, tc.next, page.HasMore, string(page.Next))
		}
	}
}

func TestTheNumberOfRowsIsBoundedByWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		q    Query
		rows int
		good bool
	}{
		{Query{}, 0, true},
		{Query{}, 49, true},
		{Query{}, 50, true},
		{Query{}, 51, false},
		{Query{}, 5000, false},
		{Query{BatchSize: 10}, 10, true},
		{Query{BatchSize: 10}, 11, false},
		{Query{BatchSize: 10, ScanBatchSize: 50}, 50, true}, // the cursor carries the size
		{Query{BatchSize: 10, ScanBatchSize: 50}, 51, false},
		{Query{BatchSize: 50, ScanBatchSize: 10}, 50, true},
	} {
		_, refused := judge(tc.q, envelope{count: tc.rows}, "")
		if tc.good != (refused == nil) || refused != nil && refused.Reason != FaultTooManyRows {
			t.Errorf("%d rows for batch size %d, scan %d: %v, want good %v", tc.rows, tc.q.BatchSize, tc.q.ScanBatchSize, refused, tc.good)
		}
	}
}

func TestAPageMostOfWhoseRowsAreBadIsImplausible(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		bad, of int
		good    bool
	}{
		{0, 50, true},
		{1, 50, true},
		{25, 50, true},
		{26, 50, false},
		{50, 50, false},
		{1, 1, true}, // one bad row is that row's fault
		{2, 2, false},
		{2, 3, false},
		{1, 2, true},
	} {
		rows := make([]Row, tc.of)
		for i := range rows {
			rows[i] = Row{ID: fmt.Sprint(i)}
			if i >= tc.of-tc.bad {
				rows[i] = Row{Reason: schemas.ReasonBadID, Message: "id is missing"}
			}
		}
		_, refused := judge(Query{}, envelope{rows: rows, count: len(rows)}, "")
		if tc.good != (refused == nil) {
			t.Errorf("%d of %d rows bad: %v, want good %v", tc.bad, tc.of, refused, tc.good)
		}
		if refused != nil && (refused.Reason != FaultBadRows || !strings.Contains(refused.Detail, "id is missing")) {
			t.Errorf("%d of %d rows bad: %v, want %s and why the first one is bad", tc.bad, tc.of, refused, FaultBadRows)
		}
	}
}

func TestTheNewestVersionOfAnIDComesLast(t *testing.T) {
	t.Parallel()
	day := func(d int) time.Time { return time.Date(2026, 1, d, 0, 0, 0, 0, time.UTC) }
	row := func(id string, at time.Time, n int) Row {
		return Row{ID: id, UpdatedAt: at, Raw: []byte(fmt.Sprint(n))}
	}
	bad := Row{Reason: schemas.ReasonBadID, Message: "id is missing"}
	in := []Row{
		row("a", day(3), 0), row("b", day(9), 1), row("a", day(1), 2), bad, row("c", day(5), 3),
		row("a", time.Time{}, 4), bad, row("c", day(5), 5), row("a", day(3), 6), row("d", day(1), 7),
	}
	want := []Row{
		row("a", time.Time{}, 4), row("b", day(9), 1), row("a", day(1), 2), bad, row("c", day(5), 3),
		row("a", day(3), 0), bad, row("c", day(5), 5), row("a", day(3), 6), row("d", day(1), 7),
	}
	page, refused := judge(Query{}, envelope{rows: in, count: len(in)}, "")
	if refused != nil {
		t.Fatal(refused)
	}
	if diff := cmp.Diff(want, page.Rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

func FuzzJudgeCursor(f *testing.F) {
	for _, seed := range []struct {
		sent, next, header string
		more               bool
	}{{"", "", "", false}, {"a", "a", "true", true}, {"a", "b", "false", false}, {"", "b\n", "", true}} {
		f.Add(seed.sent, seed.next, seed.header, seed.more)
	}
	f.Fuzz(func(t *testing.T, sent, next, header string, more bool) {
		page, refused := judge(Query{Cursor: Cursor(sent)}, envelope{more: more, next: next}, header)
		if refused != nil {
			return
		}
		if page.HasMore != more || page.HasMore != (page.Next != "") {
			t.Errorf("HasMore %v, Next %q", page.HasMore, string(page.Next))
		}
		if more && (next == sent || strings.EqualFold(header, "false") || len(next) > maxCursorBytes || strings.ContainsFunc(next, unicode.IsControl)) {
			t.Errorf("cursor %q after %q, X-Has-More %q is taken", next, sent, header)
		}
		if !more && strings.EqualFold(header, "true") {
			t.Error("a scan ends that has more")
		}
	})
}
