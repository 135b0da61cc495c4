package simulator_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestRowsThatAFaultMakesUp(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		f     simulator.Fault
		check func(row []byte) bool
	}{
		{simulator.Fault{Kind: simulator.KindNullRow}, func(r []byte) bool { return string(r) == "null" }},
		{simulator.Fault{Kind: simulator.KindRowWithoutID}, func(r []byte) bool { return !bytes.Contains(r, []byte(`"id"`)) }},
		{simulator.Fault{Kind: simulator.KindEmptyID}, func(r []byte) bool { return bytes.Contains(r, []byte(`"id":""`)) }},
		{simulator.Fault{Kind: simulator.KindLongID}, func(r []byte) bool { return len(decode(t, r).ID) == 10<<10 }},
		{simulator.Fault{Kind: simulator.KindNumberID}, func(r []byte) bool { return bytes.Contains(r, []byte(`"id":1000000,`)) }},
		{simulator.Fault{Kind: simulator.KindOversizedRow, Bytes: 300_000}, func(r []byte) bool { return len(r) > 300_000 && len(r) < 301_000 }},
		{simulator.Fault{Kind: simulator.KindDuplicateMembers}, func(r []byte) bool { return bytes.Count(r, []byte(`"id":"`)) == 2 }},
		{simulator.Fault{Kind: simulator.KindInvalidUTF8}, func(r []byte) bool { return !utf8.Valid(r) }},
	} {
		t.Run(string(tc.f.Kind), func(t *testing.T) {
			t.Parallel()
			s := simulator.New(unlimited(30))
			arm(t, s, tc.f)
			p := ask(t, s, `{"batch_size":10}`)
			if len(p.Rows) != 10 || !tc.check(p.Rows[4]) {
				t.Fatalf("got %d rows, the fifth is %.100s", len(p.Rows), p.Rows[4])
			}
			l := s.Ledger()
			if l.Rows != 10 || l.Credits != 500 || l.Foreign != 1 || l.Versions() != 9 {
				t.Errorf("ledger: got %+v", l)
			}
			// The row that was pushed out comes next: the scan still delivers all.
			for p.Next != nil {
				p = ask(t, s, with(`{}`, p.Next))
			}
			if l := s.Ledger(); l.Versions() != 30 || l.Duplicates != 0 {
				t.Errorf("after the scan: got %d versions, %d duplicates", l.Versions(), l.Duplicates)
			}
		})
	}
}

func TestDeepNesting(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(30))
	arm(t, s, simulator.Fault{Kind: simulator.KindDeepNesting})
	p := ask(t, s, `{"batch_size":10}`)
	if got := bytes.Count(p.Body, []byte("[[")); got < 5000 || !bytes.Contains(p.Body, []byte(strings.Repeat("[", 10_001)+strings.Repeat("]", 10_001))) {
		t.Errorf("no row is 10,001 deep")
	}
}

func TestMoreRowsThanAskedFor(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(30))
	arm(t, s, simulator.Fault{Kind: simulator.KindMoreRows, Rows: 3})
	p := ask(t, s, `{"batch_size":10}`)
	if len(p.Rows) != 13 || p.Header.Get("X-Credits-Deducted") != "650" {
		t.Errorf("got %d rows for %s credits, want 13 for 650", len(p.Rows), p.Header.Get("X-Credits-Deducted"))
	}
	if rest := scanFrom(t, s, `{}`, p.Next); len(rest) != 17 {
		t.Errorf("rows behind them: got %d, want 17", len(rest))
	}
}

func TestDuplicateRowsOnAPage(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"", "same", "older", "newer"} {
		t.Run("version "+version, func(t *testing.T) {
			t.Parallel()
			s := simulator.New(unlimited(30))
			truth := s.Truth()
			arm(t, s, simulator.Fault{Kind: simulator.KindDuplicateRows, Version: version, Rows: 2})
			p := ask(t, s, `{"batch_size":10}`)
			if len(p.Rows) != 10 {
				t.Fatalf("got %d rows", len(p.Rows))
			}
			for i := range 2 {
				first, second := decode(t, p.Rows[i]), decode(t, p.Rows[8+i])
				order := second.UpdatedAt.Compare(first.UpdatedAt)
				want := map[string]int{"": 0, "same": 0, "older": -1, "newer": 1}[version]
				if first.ID != second.ID || order != want {
					t.Errorf("rows %d and %d: got %s and %s, order %d, want %d", i, 8+i, first.ID, second.ID, order, want)
				}
				newest := p.Rows[i]
				if want > 0 {
					newest = p.Rows[8+i]
				}
				if !bytes.Equal(newest, truth[first.ID].Bytes) {
					t.Errorf("the newer of them is not the truth: %s", newest)
				}
			}
			if l := s.Ledger(); l.Foreign != 2 || l.Duplicates != 0 || l.Versions() != 8 {
				t.Errorf("ledger: got %d foreign, %d duplicates, %d versions", l.Foreign, l.Duplicates, l.Versions())
			}
		})
	}
}

func TestOlderDuplicateIsAVersionThatWasSold(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(3))
	before := s.Truth()
	scan(t, s, `{}`)
	s.UpdateRandom(3)
	arm(t, s, simulator.Fault{Kind: simulator.KindDuplicateRows, Version: "older"})
	p := ask(t, s, `{"batch_size":2}`)
	if id := decode(t, p.Rows[0]).ID; !bytes.Equal(p.Rows[1], before[id].Bytes) {
		t.Errorf("got %s, want %s", p.Rows[1], before[id].Bytes)
	}
}

func TestHowAScanGoesOnCanLie(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		kind simulator.Kind
		more bool
		next func(p2, p3 page) bool // of the third page
	}{
		{simulator.KindNullCursor, true, func(_, p3 page) bool { return p3.Next == nil }},
		{simulator.KindSameCursor, true, func(p2, p3 page) bool { return *p3.Next == *p2.Next }},
		{simulator.KindFalseWithCursor, false, func(p2, p3 page) bool { return p3.Next != nil && *p3.Next != *p2.Next }},
		{simulator.KindEmptyPage, true, func(p2, p3 page) bool { return len(p3.Rows) == 0 && p3.Next != nil && *p3.Next != *p2.Next }},
	} {
		s := simulator.New(unlimited(30))
		p1 := ask(t, s, `{"batch_size":5}`)
		p2 := ask(t, s, with(`{}`, p1.Next))
		arm(t, s, simulator.Fault{Kind: tc.kind})
		p3 := ask(t, s, with(`{}`, p2.Next))
		if p3.HasMore != tc.more || !tc.next(p2, p3) {
			t.Errorf("%s: got has_more %v, next %v", tc.kind, p3.HasMore, p3.Next)
		}
		if p3.Next != nil && tc.kind != simulator.KindSameCursor {
			want := 15
			if tc.kind == simulator.KindEmptyPage {
				want = 20
			}
			if rest := scanFrom(t, s, `{}`, p3.Next); len(rest) != want {
				t.Errorf("%s: rows behind its cursor: got %d, want %d", tc.kind, len(rest), want)
			}
		}
	}
}

func TestOldCursorsMakeACycle(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(30))
	p1 := ask(t, s, `{"batch_size":5}`)
	p2 := ask(t, s, with(`{}`, p1.Next))
	p3 := ask(t, s, with(`{}`, p2.Next))
	arm(t, s, simulator.Fault{Kind: simulator.KindOldCursor, Back: 2})
	p4 := ask(t, s, with(`{}`, p3.Next))
	if !p4.HasMore || *p4.Next != *p1.Next {
		t.Errorf("two pages back: got %v, want the cursor of the second page", p4.Next)
	}
	// Even a first page can be made to repeat itself.
	for _, kind := range []simulator.Kind{simulator.KindSameCursor, simulator.KindOldCursor} {
		arm(t, s, simulator.Fault{Kind: kind, Back: 99})
		p := ask(t, s, `{"batch_size":5}`)
		if again := ask(t, s, with(`{}`, p.Next)); string(again.Rows[0]) != string(p1.Rows[0]) {
			t.Errorf("%s of a first page: the next page is another one", kind)
		}
	}
}

func TestFaultVoidsTheCursorForGood(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 400, 409} {
		s := simulator.New(unlimited(30))
		arm(t, s, simulator.Fault{Kind: simulator.KindVoidCursor, Status: status})
		p := ask(t, s, `{"batch_size":5}`) // carries no cursor: the fault waits
		want := max(status, 400)
		for range 2 {
			if got := ask(t, s, with(`{}`, p.Next)); got.Status != want {
				t.Errorf("got %d, want %d", got.Status, want)
			}
		}
		if l := s.Ledger(); l.Pages != 1 {
			t.Errorf("billed: got %d pages, want 1", l.Pages)
		}
	}
}

func TestPageOfMadeUpRowsAloneStillEnds(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(3))
	arm(t, s, simulator.Fault{Kind: simulator.KindEmptyID, Count: 2})
	var got []string
	p := ask(t, s, `{"batch_size":1}`)
	seen := map[string]bool{}
	for p.Status == http.StatusOK {
		for _, raw := range p.Rows {
			got = append(got, decode(t, raw).ID)
		}
		if p.Next == nil {
			break
		}
		if seen[*p.Next] {
			t.Fatal("a cursor came twice: a client would take it for a cycle")
		}
		seen[*p.Next] = true
		p = ask(t, s, with(`{}`, p.Next))
	}
	if len(got) != 5 || got[0] != "" || got[1] != "" || slices.Contains(got[2:], "") {
		t.Errorf("ids: got %q, want two empty ones and three rows", got)
	}
}
