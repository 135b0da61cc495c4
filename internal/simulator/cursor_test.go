package simulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestCursorCarriesItsScan(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(300))
	first := `{"country_codes":["DE","JP","FR"],"is_agency":false,"updated_after":"2025-10-20T00:00:00Z","batch_size":7}`
	want := s.Select(mustFilters(t, `{"country_codes":["DE","JP","FR"],"is_agency":false,"updated_after":"2025-10-20T00:00:00Z"}`))
	for name, rest := range map[string]string{
		"alone":                        `{}`,
		"with the same request":        first,
		"with lists in another order":  `{"country_codes":["JP","DE","FR","DE"],"is_agency":false,"updated_after":"2025-10-20T00:00:00Z"}`,
		"with the time in other words": `{"country_codes":["DE","JP","FR"],"is_agency":false,"updated_after":"2025-10-20T02:00:00.000+02:00"}`,
		"with nulls":                   `{"country_codes":null,"batch_size":null}`,
	} {
		p := ask(t, s, first)
		var rows []json.RawMessage
		for p.Status == http.StatusOK {
			rows = append(rows, p.Rows...)
			if p.Next == nil {
				break
			}
			if len(p.Rows) != 7 {
				t.Fatalf("%s: got a page of %d rows, want the scan's 7", name, len(p.Rows))
			}
			p = ask(t, s, with(rest, p.Next))
		}
		if p.Status != http.StatusOK || len(rows) != len(want) {
			t.Errorf("%s: got status %d and %d rows, want 200 and %d: %.200s", name, p.Status, len(rows), len(want), p.Body)
		}
	}
}

func TestCursorWithOtherFiltersIsRefused(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(300))
	p := ask(t, s, `{"is_agency":false,"batch_size":5}`)
	for _, other := range []string{
		`{"is_agency":true}`, `{"is_agency":false,"country_codes":["DE"]}`,
		`{"is_agency":false,"updated_after":"2025-10-20T00:00:00Z"}`, `{"updated_after":"2025-10-20T00:00:00Z"}`,
	} {
		got := ask(t, s, with(other, p.Next))
		if got.Status != http.StatusBadRequest {
			t.Errorf("%s: got status %d, want 400", other, got.Status)
		}
		mustContain(t, got.Body, "filters")
		if strings.Contains(string(got.Body), "Invalid cursor") {
			t.Errorf("%s: a good cursor was called invalid: %s", other, got.Body)
		}
	}
	if l := s.Ledger(); l.Pages != 1 {
		t.Errorf("billed pages: got %d, want 1", l.Pages)
	}
}

func TestBatchSizeBesideCursorIsForThatPageAlone(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(100))
	p := ask(t, s, `{"batch_size":10}`)
	p = ask(t, s, with(`{"batch_size":3}`, p.Next))
	if len(p.Rows) != 3 {
		t.Errorf("page with batch_size 3: got %d rows", len(p.Rows))
	}
	p = ask(t, s, with(`{}`, p.Next))
	if len(p.Rows) != 10 {
		t.Errorf("page after it: got %d rows, want the scan's 10", len(p.Rows))
	}
}

func TestCursorRepeatsItsPageExactly(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(100))
	p := ask(t, s, `{"batch_size":10}`)
	a, b := ask(t, s, with(`{}`, p.Next)), ask(t, s, with(`{}`, p.Next))
	if string(a.Body) != string(b.Body) {
		t.Error("the same cursor gave two different pages, though nothing changed")
	}
}

func TestTamperedCursorIsInvalid(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(100))
	p := ask(t, s, `{"batch_size":10}`)
	for i := range len(*p.Next) {
		bent := []byte(*p.Next)
		bent[i] ^= 1
		text := string(bent)
		if got := ask(t, s, with(`{}`, &text)); got.Status != http.StatusBadRequest {
			t.Errorf("cursor with byte %d bent: got status %d, want 400", i, got.Status)
		}
	}
	other := unlimited(100)
	other.Seed = 9
	if got := ask(t, simulator.New(other), with(`{}`, p.Next)); got.Status != http.StatusBadRequest {
		t.Errorf("cursor of another seed: got status %d, want 400", got.Status)
	}
	if got := ask(t, simulator.New(unlimited(100)), with(`{}`, p.Next)); got.Status != http.StatusOK {
		t.Errorf("cursor after a restart: got status %d, want 200", got.Status)
	}
}

func TestVoidedCursorIsRefusedAsToldAndOthersAreNot(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(100))
	p := ask(t, s, `{"batch_size":10,"is_agency":false}`)
	q := ask(t, s, with(`{}`, p.Next))

	s.VoidCursor(*p.Next, 400)
	got := ask(t, s, with(`{}`, p.Next))
	if got.Status != http.StatusBadRequest {
		t.Errorf("voided as 400: got %d", got.Status)
	}
	mustContain(t, got.Body, `"code":"invalid_cursor"`)
	if got := ask(t, s, with(`{}`, q.Next)); got.Status != http.StatusOK {
		t.Errorf("another cursor: got %d, want 200", got.Status)
	}

	s.VoidCursor(*q.Next, 409)
	got = ask(t, s, with(`{}`, q.Next))
	if got.Status != http.StatusConflict {
		t.Errorf("voided as 409: got %d", got.Status)
	}
	mustContain(t, got.Body, `"code":"feed_cursor_restart_required"`)
	var body struct {
		Replacement json.RawMessage `json:"replacement_request"`
	}
	if err := json.Unmarshal(got.Body, &body); err != nil || string(body.Replacement) != `{"is_agency":false,"batch_size":10}` {
		t.Errorf("replacement_request: got %s (%v)", body.Replacement, err)
	}
	if again := ask(t, s, string(body.Replacement)); again.Status != http.StatusOK || len(again.Rows) != 10 {
		t.Errorf("the replacement request: got %d with %d rows", again.Status, len(again.Rows))
	}
}

func TestAScanThatBeginsAgainMeetsNoVoidedCursor(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(30))
	p := ask(t, s, `{"batch_size":10}`)
	for _, status := range []int{400, 409} {
		s.VoidCursor(*p.Next, status)
		again := ask(t, s, `{"batch_size":10}`)
		if *again.Next == *p.Next {
			t.Fatalf("got the cursor that was voided as %d", status)
		}
		if got := ask(t, s, with(`{}`, again.Next)); got.Status != http.StatusOK || len(got.Rows) != 10 {
			t.Errorf("got %d with %d rows, want the page behind the new cursor", got.Status, len(got.Rows))
		}
		if got := ask(t, s, with(`{}`, p.Next)); got.Status != status {
			t.Errorf("got %d for the old cursor, want %d as before", got.Status, status)
		}
		p = again
	}
}

func TestVoidingAllCursorsSparesLaterOnes(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 409} {
		s := simulator.New(unlimited(100))
		old := ask(t, s, `{"batch_size":10}`)
		s.VoidCursors(status)
		if got := ask(t, s, with(`{}`, old.Next)); got.Status != status {
			t.Errorf("old cursor: got %d, want %d", got.Status, status)
		}
		fresh := ask(t, s, `{"batch_size":10}`)
		if got := ask(t, s, with(`{}`, fresh.Next)); got.Status != http.StatusOK {
			t.Errorf("new cursor: got %d, want 200", got.Status)
		}
	}
}

func mustFilters(t *testing.T, text string) simulator.Filters {
	t.Helper()
	var f simulator.Filters
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(fmt.Errorf("filters: %w", err))
	}
	return f
}
