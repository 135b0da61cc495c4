package simulator_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// The id that a spoilt profile names instead of its own.
const nobody = simulator.ForeignIDPrefix + "0000-4000-8000-000000000000"

// exchange is what a client has of one request for a profile.
type exchange struct {
	id     string
	status int // 0: no answer
	header http.Header
	body   []byte
	err    error
}

// whole says that the body came to its end, as this text.
func (e *exchange) whole(text string) bool {
	return e.status == 200 && e.err == nil && string(e.body) == text
}

// profiled says that the body came to its end, is JSON and begins with this text.
func (e *exchange) profiled(prefix string) bool {
	return e.status == 200 && e.err == nil && json.Valid(e.body) && strings.HasPrefix(string(e.body), prefix)
}

func answers(status int) func(*exchange) bool {
	return func(e *exchange) bool { return e.status == status && e.err == nil }
}

// Every way in which a company's profile can be bad for good, and the status that
// the ledger has for it.
var badProfiles = map[string]struct {
	fault  simulator.Fault
	status int
	seen   func(*exchange) bool
}{
	"404": {simulator.Fault{Kind: simulator.KindStatus, Status: 404}, 404, answers(404)},
	"410": {simulator.Fault{Kind: simulator.KindStatus, Status: 410}, 410, answers(410)},
	"500": {simulator.Fault{Kind: simulator.KindStatus, Status: 500}, 500, answers(500)},
	"redirect": {
		simulator.Fault{Kind: simulator.KindStatus, Status: 302, Header: map[string]string{"Location": "http://169.254.169.254/"}},
		302,
		func(e *exchange) bool {
			return e.status == 302 && e.header.Get("Location") == "http://169.254.169.254/"
		},
	},
	"no JSON":    {simulator.Fault{Kind: simulator.KindStatus, Status: 200, Body: "oops"}, 200, func(e *exchange) bool { return e.whole("oops") }},
	"no object":  {simulator.Fault{Kind: simulator.KindStatus, Status: 200, Body: "[]"}, 200, func(e *exchange) bool { return e.whole("[]") }},
	"two values": {simulator.Fault{Kind: simulator.KindTrailing, Body: "{}"}, 200, func(e *exchange) bool { return bytes.HasSuffix(e.body, []byte("}{}")) }},
	"html":       {simulator.Fault{Kind: simulator.KindHTML}, 200, func(e *exchange) bool { return e.header.Get("Content-Type") == "text/html; charset=utf-8" }},
	"cut":        {simulator.Fault{Kind: simulator.KindCut, Bytes: 100}, 0, func(e *exchange) bool { return len(e.body) == 100 && errors.Is(e.err, io.ErrUnexpectedEOF) }},
	"stall":      {simulator.Fault{Kind: simulator.KindStall, Bytes: 9, Delay: 1}, 0, func(e *exchange) bool { return len(e.body) == 9 && e.err != nil }},
	"reset":      {simulator.Fault{Kind: simulator.KindReset}, 0, func(e *exchange) bool { return e.status == 0 && e.err != nil }},
	"hang":       {simulator.Fault{Kind: simulator.KindHang, Delay: 1}, 0, func(e *exchange) bool { return e.status == 0 && e.err != nil }},
	"wrong company": {
		simulator.Fault{Kind: simulator.KindWrongCompany}, 200, func(e *exchange) bool { return e.profiled(`{"id":"` + nobody + `","name":`) },
	},
	"another company": {
		simulator.Fault{Kind: simulator.KindWrongCompany, Text: "b"}, 200, func(e *exchange) bool { return e.profiled(`{"id":"b","name":`) },
	},
	"without id": {simulator.Fault{Kind: simulator.KindRowWithoutID}, 200, func(e *exchange) bool { return e.profiled(`{"name":`) }},
	"two ids": {
		simulator.Fault{Kind: simulator.KindDuplicateMembers},
		200,
		func(e *exchange) bool { return e.profiled(`{"id":"` + e.id + `","id":"` + nobody + `","name":`) },
	},
	"oversized": {
		simulator.Fault{Kind: simulator.KindOversizedRow, Bytes: 1 << 20},
		200,
		func(e *exchange) bool { return e.profiled(`{"id":"`+e.id+`","notes":"far`) && len(e.body) > 1<<20 },
	},
	"deep nesting": {
		simulator.Fault{Kind: simulator.KindDeepNesting, Bytes: 300},
		200,
		func(e *exchange) bool {
			return e.profiled(`{"id":"` + e.id + `","nested":` + strings.Repeat("[", 300) + strings.Repeat("]", 300) + `,"name":`)
		},
	},
	"invalid utf8": {
		simulator.Fault{Kind: simulator.KindInvalidUTF8},
		200,
		func(e *exchange) bool { return e.err == nil && bytes.Contains(e.body, []byte("ken \xff\xfe")) },
	},
}

func TestProfileThatIsBadForGoodIsBadEachTimeAndAlone(t *testing.T) {
	t.Parallel()
	for name, tc := range badProfiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv, client := start(t, unlimited(2))
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			rows := srv.Select(simulator.Filters{})
			bad, good := rows[0].ID, rows[1].ID
			tc.fault.Count, tc.fault.When = -1, simulator.When{Route: simulator.RouteCompanies, ID: bad}
			arm(t, srv, tc.fault)
			for range 2 {
				got := exchange{id: bad}
				var resp *head
				resp, got.body, got.err = fetch(t.Context(), t, client, srv.URL()+"/api/companies/"+bad)
				if resp != nil {
					got.status, got.header = resp.StatusCode, resp.Header
				}
				if !tc.seen(&got) {
					t.Errorf("got status %d, error %v, header %v, %d bytes: %.200q", got.status, got.err, got.header, len(got.body), got.body)
				}
			}
			l := srv.ProfileLedger()
			if counts := l.PerCompany(bad); len(counts) != 1 || counts[0].ByStatus[tc.status] != 2 || counts[0].Version != 1 {
				t.Errorf("ledger: got %+v, want twice %d", counts, tc.status)
			}
			resp, body, err := fetch(t.Context(), t, client, srv.URL()+"/api/companies/"+good)
			if want, _ := srv.Profile(good); err != nil || resp.StatusCode != 200 || !bytes.Equal(body, want) {
				t.Errorf("the other company: got %+v, %v", resp, err)
			}
		})
	}
}

func TestHangSendsNothingUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := newPipes()
		srv := simulator.Serve(network, unlimited(1))
		transport := &http.Transport{DialContext: network.dial}
		defer func() {
			transport.CloseIdleConnections()
			if err := srv.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}()
		path := "/api/companies/" + srv.Select(simulator.Filters{})[0].ID
		for _, route := range []simulator.Route{simulator.RouteCompanies, simulator.RouteFeed} {
			arm(t, srv, simulator.Fault{Kind: simulator.KindHang, Billed: true, Count: -1, When: simulator.When{Route: route}})
		}
		client := &http.Client{Transport: transport, Timeout: 24 * time.Hour}
		began := time.Now()
		if resp, _, err := fetch(t.Context(), t, client, "http://feed.test"+path); resp != nil || err == nil {
			t.Errorf("profile: got %+v, %v", resp, err)
		}
		if resp, _, err := post(t, client, "http://feed.test", "{}"); resp != nil || err == nil {
			t.Errorf("feed: got %+v, %v", resp, err)
		}
		if got := time.Since(began); got != 48*time.Hour {
			t.Errorf("the client gave up after %s, want its own limit, twice", got)
		}
		if l := srv.Ledger(); l.Pages != 1 || l.Status[0] != 1 {
			t.Errorf("feed's ledger: got %d pages, %v; want one that was billed and lost", l.Pages, l.Status)
		}
	})
}

func TestFaultOfAProfileLeavesOtherAnswersAlone(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(1))
	arm(t, s, simulator.Fault{Kind: simulator.KindWrongCompany, Count: -1, When: simulator.When{Route: simulator.RouteCompanies}})
	path := "/api/companies/" + s.Select(simulator.Filters{})[0].ID
	if w := get(t, s, path, "If-None-Match", "*"); w.Code != http.StatusNotModified || w.Body.Len() != 0 {
		t.Errorf("304: got %d, %s", w.Code, w.Body)
	}
	if w := get(t, s, "/api/companies/b"); w.Code != http.StatusNotFound || bytes.Contains(w.Body.Bytes(), []byte(nobody)) {
		t.Errorf("404: got %d, %s", w.Code, w.Body)
	}
	if err := s.AddFault(simulator.Fault{Kind: simulator.KindWrongCompany}); err == nil || !strings.Contains(err.Error(), "only companies can do that") {
		t.Errorf("on the feed: got %v", err)
	}
}
