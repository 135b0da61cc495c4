package simulator_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestAdminDoesWhatItSays(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(60))
	row := s.Select(simulator.Filters{})[0]
	cursor := ask(t, s, "{}").Next
	for _, step := range []struct{ method, path, body, want string }{
		{"GET", "/admin", "", `"rows": 60`},
		{"GET", "/admin/", "", `"pages": 1`},
		{"PUT", "/admin/wallet", `{"balance":100}`, `"balance": 100`},
		{"PUT", "/admin/wallet", `{"add":-30}`, `"balance": 70`},
		{"GET", "/admin/wallet", "", `"balance": 70`},
		{"GET", "/admin/ledger", "", `"credits": 2500`},
		{"GET", "/admin/ledger?pages=true", "", `"has_more": true`},
		{"GET", "/admin/rows", "", `"rows": 60`},
		{"POST", "/admin/rows/insert", `{"count":2}`, `"inserted": 2`},
		{"POST", "/admin/rows/update", `{"count":3}`, `"updated": 3`},
		{"POST", "/admin/rows/update", `{"ids":["` + row.ID + `"]}`, row.ID},
		{"POST", "/admin/faults", `{"kind":"latency","delay":"250ms"}`, `"delay": "250ms"`},
		{"POST", "/admin/faults", `[{"kind":"cut"},{"kind":"reset","when":{"skip":2}}]`, `"skip": 2`},
		{"GET", "/admin/faults", "", `"kind": "cut"`},
		{"DELETE", "/admin/faults", "", `[]`},
		{"POST", "/admin/cursors/void", `{"cursor":"` + *cursor + `","status":409}`, `"voided": true`},
		{"PUT", "/admin/keys", `{"key":"a","state":"revoked"}`, `"***": "revoked"`},
		{"GET", "/admin/keys", "", `"` + simulator.DefaultAPIKey + `": "active"`},
	} {
		w := send(t, s, step.method, step.path, step.body)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s %s: got %d, %s", step.method, step.path, w.Code, w.Header().Get("Content-Type"))
		}
		mustContain(t, w.Body.Bytes(), step.want)
	}
	s.SetBalance(simulator.DefaultBalance)
	if p := ask(t, s, with("{}", cursor)); p.Status != http.StatusConflict {
		t.Errorf("voided cursor: got %d, want 409", p.Status)
	}
	send(t, s, http.MethodPost, "/admin/cursors/void", `{"all":true}`)
	if p := ask(t, s, with("{}", cursor)); p.Status != http.StatusBadRequest {
		t.Errorf("all cursors voided: got %d, want 400", p.Status)
	}
}

func TestAdminShowsARowsBytesAndWhatWasPaid(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(3))
	ask(t, s, "{}")
	ask(t, s, "{}")
	for id, row := range s.Truth() {
		w := get(t, s, "/admin/rows/"+id)
		if w.Body.String() != string(row.Bytes) || w.Header().Get("X-Row-Version") != "1" || w.Header().Get("X-Row-Billed") != "2" {
			t.Errorf("row %s: got headers %v, %s", id, w.Header(), w.Body)
		}
	}
}

func TestAdminRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(3))
	for _, step := range []struct {
		method, path, body string
		status             int
		want               string
	}{
		{"PUT", "/admin/wallet", `{}`, 400, "send either balance or add"},
		{"PUT", "/admin/wallet", `{"balance":1,"add":1}`, 400, "send either balance or add"},
		{"PUT", "/admin/wallet", `{"credits":1}`, 400, "credits"},
		{"PUT", "/admin/wallet", `nonsense`, 400, "error"},
		{"GET", "/admin/rows/nobody", "", 404, `no row has the id`},
		{"POST", "/admin/rows/update", `{}`, 400, "send ids, or a count"},
		{"POST", "/admin/rows/update", `{"count":1000001}`, 400, "1 to 1000000"},
		{"POST", "/admin/rows/update", `{"ids":["nobody"]}`, 404, "unknown ids: nobody"},
		{"POST", "/admin/rows/insert", `{"count":0}`, 400, "send a count"},
		{"POST", "/admin/faults", `[{"kind":"cut"},{"kind":"none such"}]`, 400, "fault 1: fault kind"},
		{"POST", "/admin/faults", `{"kind":"cut","byte":3}`, 400, "byte"},
		{"POST", "/admin/faults", `{"kind":"latency","delay":5}`, 400, "delay"},
		{"POST", "/admin/cursors/void", `{}`, 400, "send a cursor, or all"},
		{"POST", "/admin/cursors/void", `{"all":true,"status":410}`, 400, "status is 400 or 409"},
		{"PUT", "/admin/keys", `{"key":"a","state":"asleep"}`, 400, "is none of"},
		{"PUT", "/admin/keys", `{"state":"active"}`, 400, "key is empty"},
		{"GET", "/admin/nothing", "", 404, ""},
		{"DELETE", "/admin/wallet", "", 405, ""},
	} {
		w := send(t, s, step.method, step.path, step.body)
		if w.Code != step.status {
			t.Errorf("%s %s %s: got %d, want %d", step.method, step.path, step.body, w.Code, step.status)
		}
		mustContain(t, w.Body.Bytes(), step.want)
	}
	if s.Balance() != simulator.DefaultBalance || len(s.Faults()) != 0 || s.Len() != 3 || len(s.Keys()) != 1 {
		t.Errorf("refused requests changed something: balance %d, %d faults, %d rows, keys %v", s.Balance(), len(s.Faults()), s.Len(), s.Keys())
	}
}

func TestAdminCanBeLeftOut(t *testing.T) {
	t.Parallel()
	o := unlimited(1)
	o.NoAdmin = true
	s := simulator.New(o)
	for _, path := range []string{"/admin", "/admin/wallet"} {
		if w := get(t, s, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, w.Code)
		}
	}
}

func TestFaultSurvivesTheAdminAPI(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(1))
	// Sent as it is listed, each comes back as it was.
	for _, f := range []simulator.Fault{
		{Kind: simulator.KindStatus, Status: 503, Count: 3, Billed: true, Header: map[string]string{"A": "b"}, Body: "c", RetryAfter: 7, RetryAfterDate: true},
		{Kind: simulator.KindDuplicateRows, Rows: 2, Version: "older", Gzip: true, Credits: 7, When: simulator.When{Cursor: "d", Page: 4, Skip: 1, Every: 2, Probability: 0.5}},
		{Kind: simulator.KindCut, Bytes: 9, Framing: simulator.FramingChunked, Delay: 5},
		{Kind: simulator.KindDateSkew, Skew: -3, Text: "e", Back: 6, When: simulator.When{Route: simulator.RouteCompanies, ID: "f"}},
	} {
		arm(t, s, f)
	}
	before := s.Faults()
	var sent []simulator.Fault
	for _, a := range before {
		sent = append(sent, a.Fault)
	}
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	s.ResetFaults()
	w := send(t, s, http.MethodPost, "/admin/faults", string(body))
	if w.Code != http.StatusOK {
		t.Fatalf("got %d: %s", w.Code, w.Body)
	}
	again, err := json.Marshal(s.Faults())
	if err != nil {
		t.Fatal(err)
	}
	if want, _ := json.Marshal(before); !slices.Equal(again, want) {
		t.Errorf("got %s, want %s", again, want)
	}
}

func TestKeysAreMaskedUnlessPublished(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		simulator.DefaultAPIKey:                                 simulator.DefaultAPIKey,
		"jbe_live_0123456789_a-key-that-somebody-pays-for_6789": "jbe_live_***6789",
		"short": "***",
		"":      "***",
	} {
		if got := simulator.MaskKey(key); got != want {
			t.Errorf("%q: got %q, want %q", key, got, want)
		}
	}
}
