package feed_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/careerstream/careerstream/internal/feed"
)

// walk judges pages that lead from cursor to cursor, each with rows rows, and
// returns how many were let through and what stopped them.
func walk(rows int, cursors ...feed.Cursor) (int, error) {
	var s feed.Scan
	for i, at := range cursors[:len(cursors)-1] {
		p := feed.Page{Rows: make([]feed.Row, rows), Next: cursors[i+1], HasMore: cursors[i+1] != "", Credits: 50, Balance: 7}
		if err := s.Judge(feed.Query{Cursor: at}, p); err != nil {
			return i, err
		}
	}
	return len(cursors) - 1, nil
}

func TestAScanThatRunsInACircleIsStopped(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cursors []feed.Cursor
		through int
	}{
		{[]feed.Cursor{"", "a", "b", "c", ""}, 4},
		{[]feed.Cursor{"a", "b", ""}, 2}, // taken up again
		{[]feed.Cursor{"a", "a"}, 0},
		{[]feed.Cursor{"", "a", "b", "a"}, 2},
		{[]feed.Cursor{"", "a", "b", "c", "a"}, 3},
		{[]feed.Cursor{"b", "c", "d", "b"}, 2},
	} {
		through, err := walk(1, tc.cursors...)
		if through != tc.through {
			t.Errorf("%q: %d pages let through, %v; want %d", tc.cursors, through, err, tc.through)
		}
		var refused *feed.PageError
		if through < len(tc.cursors)-1 && (!errors.As(err, &refused) || refused.Reason != feed.FaultCursorLoop || refused.Rows != 1 || refused.Credits != 50 || refused.Balance != 7) {
			t.Errorf("%q: %+v, want %s with the page's rows and credits", tc.cursors, err, feed.FaultCursorLoop)
		}
	}
}

func TestOnlyThreeEmptyPagesInARowMayAnnounceMore(t *testing.T) {
	t.Parallel()
	through, err := walk(0, "", "a", "b", "c", "d", "e")
	var refused *feed.PageError
	if through != 3 || !errors.As(err, &refused) || refused.Reason != feed.FaultEmptyPages {
		t.Errorf("%d empty pages let through, %v; want 3, then %s", through, err, feed.FaultEmptyPages)
	}
	if through, err := walk(0, "", "a", "b", "c", ""); through != 4 {
		t.Errorf("the empty page that ends a scan is refused: %v", err)
	}
}

func TestAPageWithRowsAllowsEmptyOnesAgain(t *testing.T) {
	t.Parallel()
	var s feed.Scan
	for i := range 40 {
		p := feed.Page{Next: feed.Cursor(fmt.Sprint(i + 1)), HasMore: true}
		if i%4 == 3 {
			p.Rows = make([]feed.Row, 1)
		}
		if err := s.Judge(feed.Query{Cursor: feed.Cursor(fmt.Sprint(i))}, p); err != nil {
			t.Fatalf("page %d: %v", i, err)
		}
	}
}

func TestJudgingAPageTwiceIsNoCircle(t *testing.T) {
	t.Parallel()
	var s feed.Scan
	for range 2 {
		if err := s.Judge(feed.Query{Cursor: "a"}, feed.Page{Rows: make([]feed.Row, 1), Next: "b", HasMore: true}); err != nil {
			t.Errorf("Judge = %v, want nil", err)
		}
	}
}
