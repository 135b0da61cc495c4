package feed

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// maxCursorBytes is the longest cursor that is taken: it is stored with every
// checkpoint and sent with every request.
const maxCursorBytes = 16 << 10

// judge turns what a body says into a page, or refuses it. moreHeader is the
// value of X-Has-More, empty where there is none.
func judge(q Query, env envelope, moreHeader string) (Page, *PageError) {
	if n := q.maxRows(); env.count > n {
		return Page{}, fault(FaultTooManyRows, "%d rows where at most %d were asked for", env.count, n)
	}
	if err := judgeCursor(q, env, moreHeader); err != nil {
		return Page{}, fault(FaultCursor, "%v", err)
	}
	bad := 0
	for _, row := range env.rows {
		if row.Reason != "" {
			bad++
		}
	}
	// One bad row is that row's fault. Most of the page is a change of the feed,
	// and going on would bury every company in the dead letters.
	if bad > 1 && 2*bad > len(env.rows) {
		return Page{}, fault(FaultBadRows, "%d of %d rows can't be records, the first one because %s",
			bad, len(env.rows), firstMessage(env.rows))
	}
	page := Page{Rows: env.rows, HasMore: env.more}
	if env.more {
		page.Next = Cursor(env.next)
	}
	sortVersions(page.Rows)
	return page, nil
}

// judgeCursor checks that the three witnesses of the scan's end agree: has_more,
// next_cursor and X-Has-More, which repeats has_more. A scan that ends too early loses rows for good, one
// that goes on with the same cursor pays for ever.
func judgeCursor(q Query, env envelope, moreHeader string) error {
	saysMore := strings.EqualFold(moreHeader, "true")
	saysEnd := strings.EqualFold(moreHeader, "false") // another value says nothing
	switch {
	case env.more && saysEnd:
		return errors.New("has_more is true, X-Has-More is false")
	case !env.more && saysMore:
		return errors.New("has_more is false, X-Has-More is true")
	case !env.more && env.next != "":
		return errors.New("has_more is false, but there is a next_cursor")
	case env.more && env.next == "":
		return errors.New("has_more is true, but there is no next_cursor")
	case env.more && env.next == string(q.Cursor):
		return errors.New("next_cursor is the cursor that was sent: the scan does not move")
	case env.more:
		if err := checkCursor(env.next); err != nil {
			return fmt.Errorf("next_cursor: %w", err)
		}
	}
	return nil
}

// checkCursor refuses a cursor that can't be stored and sent.
func checkCursor(cursor string) error {
	if len(cursor) > maxCursorBytes {
		return fmt.Errorf("it has %d bytes, more than %d", len(cursor), maxCursorBytes)
	}
	if strings.ContainsFunc(cursor, unicode.IsControl) {
		return errors.New("it has control characters")
	}
	return nil
}

func firstMessage(rows []Row) string {
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Reason != "" })
	return rows[i].Message
}

// sortVersions puts the rows that share an id in the order of their updated_at,
// in the places that they have together; all other rows stay where they are. On
// a compacted topic the last record of a key is the one that stays, and that must
// be the newest version, in whatever order a page lists them.
func sortVersions(rows []Row) {
	if !repeats(rows) {
		return // nearly always
	}
	places := make(map[string][]int, len(rows))
	for i, row := range rows {
		if row.Reason == "" {
			places[row.ID] = append(places[row.ID], i)
		}
	}
	for _, at := range places {
		if len(at) < 2 {
			continue
		}
		versions := make([]Row, len(at))
		for i, place := range at {
			versions[i] = rows[place]
		}
		slices.SortStableFunc(versions, func(a, b Row) int {
			return a.UpdatedAt.Compare(b.UpdatedAt)
		})
		for i, place := range at {
			rows[place] = versions[i]
		}
	}
}

// repeats reports whether two rows share an id.
func repeats(rows []Row) bool {
	seen := make(map[string]struct{}, len(rows))
	for _, row := range rows {
		if row.Reason != "" {
			continue
		}
		before := len(seen)
		if seen[row.ID] = struct{}{}; len(seen) == before {
			return true
		}
	}
	return false
}

// fault is a PageError without its bill, and with words as the feed sent them:
// Client.answer adds the one and cleans the other.
func fault(f Fault, format string, args ...any) *PageError {
	return &PageError{Reason: f, Detail: fmt.Sprintf(format, args...), Credits: Unknown, Balance: Unknown}
}
