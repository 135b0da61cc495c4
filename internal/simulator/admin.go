package simulator

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// adminRoutes is the API that doc.go lists.
func (s *Simulator) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /admin", s.adminIndex)
	mux.HandleFunc("GET /admin/{$}", s.adminIndex)
	mux.HandleFunc("GET /admin/wallet", s.adminWallet)
	mux.HandleFunc("PUT /admin/wallet", s.adminSetWallet)
	mux.HandleFunc("GET /admin/ledger", s.adminLedger)
	mux.HandleFunc("GET /admin/rows", s.adminRows)
	mux.HandleFunc("GET /admin/rows/{id}", s.adminRow)
	mux.HandleFunc("POST /admin/rows/update", s.adminUpdate)
	mux.HandleFunc("POST /admin/rows/insert", s.adminInsert)
	mux.HandleFunc("GET /admin/profiles", s.adminProfiles)
	mux.HandleFunc("GET /admin/profiles/{id}", s.adminProfile)
	mux.HandleFunc("POST /admin/profiles/remove", s.adminRemove)
	mux.HandleFunc("GET /admin/latency", s.adminLatency)
	mux.HandleFunc("PUT /admin/latency", s.adminSetLatency)
	mux.HandleFunc("GET /admin/faults", s.adminFaults)
	mux.HandleFunc("POST /admin/faults", s.adminAddFaults)
	mux.HandleFunc("DELETE /admin/faults", s.adminResetFaults)
	mux.HandleFunc("POST /admin/cursors/void", s.adminVoid)
	mux.HandleFunc("GET /admin/keys", s.adminKeys)
	mux.HandleFunc("PUT /admin/keys", s.adminSetKey)
	return mux
}

// reply writes one JSON value.
func reply(w http.ResponseWriter, status int, value any) {
	text, err := json.Marshal(value, json.Deterministic(true), jsontext.WithIndent("  "))
	if err != nil {
		status, text = http.StatusInternalServerError, []byte(`{"error":"unprintable"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that left needs no answer
}

func replyError(w http.ResponseWriter, status int, err error) {
	reply(w, status, map[string]string{"error": err.Error()})
}

// accept decodes a request's body strictly; on false the error was answered.
func accept(w http.ResponseWriter, r *http.Request, into any) bool {
	err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, maxRequest), into, json.RejectUnknownMembers(true))
	if err != nil {
		replyError(w, http.StatusBadRequest, err)
		return false
	}
	return true
}

func (s *Simulator) adminIndex(w http.ResponseWriter, _ *http.Request) {
	l := s.Ledger()
	l.Bills = nil
	feed, companies := s.TooManyServed()
	reply(w, http.StatusOK, map[string]any{
		"rows": s.Len(), "ledger": l, "profiles_served": s.ProfilesServed(),
		"too_many_requests": map[string]int{"feed": feed, "companies": companies},
		"faults":            len(s.Faults()), "time": s.now().UTC().Format(time.RFC3339Nano),
	})
}

func (s *Simulator) adminWallet(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]int64{"balance": s.Balance()})
}

func (s *Simulator) adminSetWallet(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Balance *int64 `json:"balance"`
		Add     *int64 `json:"add"`
	}
	if !accept(w, r, &in) {
		return
	}
	switch {
	case in.Balance != nil && in.Add == nil:
		s.SetBalance(*in.Balance)
	case in.Add != nil && in.Balance == nil:
		s.AddBalance(*in.Add)
	default:
		replyError(w, http.StatusBadRequest, errors.New("send either balance or add"))
		return
	}
	s.adminWallet(w, r)
}

func (s *Simulator) adminLedger(w http.ResponseWriter, r *http.Request) {
	l := s.Ledger()
	if pages, _ := strconv.ParseBool(r.URL.Query().Get("pages")); !pages {
		l.Bills = nil
	}
	reply(w, http.StatusOK, l)
}

func (s *Simulator) adminRows(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, map[string]int{"rows": s.Len()})
}

func (s *Simulator) adminRow(w http.ResponseWriter, r *http.Request) {
	row, ok := s.Row(r.PathValue("id"))
	if !ok {
		replyError(w, http.StatusNotFound, fmt.Errorf("no row has the id %q", r.PathValue("id")))
		return
	}
	l := s.Ledger()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Row-Version", strconv.Itoa(row.Version))
	w.Header().Set("X-Row-Billed", strconv.Itoa(l.Billed(row.ID, row.Version)))
	_, _ = w.Write(row.Bytes) // a client that left needs no answer
}

// maxChange bounds what one admin request may do to the process.
const maxChange = 1_000_000

func (s *Simulator) adminUpdate(w http.ResponseWriter, r *http.Request) {
	var in struct {
		IDs   []string `json:"ids"`
		Count int      `json:"count"`
	}
	if !accept(w, r, &in) {
		return
	}
	if len(in.IDs) == 0 {
		if in.Count < 1 || in.Count > maxChange {
			replyError(w, http.StatusBadRequest, fmt.Errorf("send ids, or a count of 1 to %d", maxChange))
			return
		}
		in.IDs = s.UpdateRandom(in.Count)
	} else if err := s.Update(in.IDs...); err != nil {
		replyError(w, http.StatusNotFound, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"updated": len(in.IDs), "ids": in.IDs})
}

func (s *Simulator) adminInsert(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Count int `json:"count"`
	}
	if !accept(w, r, &in) {
		return
	}
	if in.Count < 1 || in.Count > maxChange {
		replyError(w, http.StatusBadRequest, fmt.Errorf("send a count of 1 to %d", maxChange))
		return
	}
	ids := s.Insert(in.Count)
	reply(w, http.StatusOK, map[string]any{"inserted": len(ids), "ids": ids})
}

func (s *Simulator) adminVoid(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Cursor string `json:"cursor"`
		All    bool   `json:"all"`
		Status int    `json:"status"`
	}
	if !accept(w, r, &in) {
		return
	}
	switch {
	case in.Status != 0 && in.Status != http.StatusBadRequest && in.Status != http.StatusConflict:
		replyError(w, http.StatusBadRequest, errors.New("status is 400 or 409"))
		return
	case in.All:
		s.VoidCursors(in.Status)
	case in.Cursor != "":
		s.VoidCursor(in.Cursor, in.Status)
	default:
		replyError(w, http.StatusBadRequest, errors.New("send a cursor, or all"))
		return
	}
	reply(w, http.StatusOK, map[string]bool{"voided": true})
}

func (s *Simulator) adminKeys(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.Keys())
}

func (s *Simulator) adminSetKey(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Key   string   `json:"key"`
		State KeyState `json:"state"`
	}
	if !accept(w, r, &in) {
		return
	}
	switch in.State {
	case KeyActive, KeyNoFeed, KeyRevoked:
	default:
		replyError(w, http.StatusBadRequest, fmt.Errorf("state %q is none of active, no_feed, revoked", in.State))
		return
	}
	if in.Key == "" {
		replyError(w, http.StatusBadRequest, errors.New("key is empty"))
		return
	}
	s.SetKey(in.Key, in.State)
	s.adminKeys(w, r)
}
