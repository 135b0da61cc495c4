package simulator

import (
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// duration is a time.Duration as people write it: "250ms", "1m30s".
type duration time.Duration

// UnmarshalText reads what [time.ParseDuration] reads.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// MarshalText writes what [time.Duration.String] writes.
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// faultJSON is a [Fault] on the wire: the same fields in snake_case.
type faultJSON struct {
	Kind           Kind              `json:"kind"`
	When           When              `json:"when,omitzero"`
	Count          int               `json:"count,omitzero"`
	Billed         bool              `json:"billed,omitzero"`
	Status         int               `json:"status,omitzero"`
	Header         map[string]string `json:"header,omitzero"`
	Body           string            `json:"body,omitzero"`
	RetryAfter     duration          `json:"retry_after,omitzero"`
	RetryAfterDate bool              `json:"retry_after_date,omitzero"`
	Delay          duration          `json:"delay,omitzero"`
	Bytes          int               `json:"bytes,omitzero"`
	Rows           int               `json:"rows,omitzero"`
	Back           int               `json:"back,omitzero"`
	Text           string            `json:"text,omitzero"`
	Skew           duration          `json:"skew,omitzero"`
	Framing        Framing           `json:"framing,omitzero"`
	Version        string            `json:"version,omitzero"`
	Gzip           bool              `json:"gzip,omitzero"`
	Credits        int64             `json:"credits,omitzero"`
}

// MarshalJSON writes the form of the admin API.
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultJSON{
		f.Kind, f.When, f.Count, f.Billed, f.Status, f.Header, f.Body,
		duration(f.RetryAfter), f.RetryAfterDate, duration(f.Delay), f.Bytes, f.Rows, f.Back,
		f.Text, duration(f.Skew), f.Framing, f.Version, f.Gzip, f.Credits,
	})
}

// UnmarshalJSON reads the form of the admin API and refuses unknown fields.
func (f *Fault) UnmarshalJSON(text []byte) error {
	var in faultJSON
	if err := json.Unmarshal(text, &in, json.RejectUnknownMembers(true)); err != nil {
		return err
	}
	*f = Fault{
		in.Kind, in.When, in.Count, in.Billed, in.Status, in.Header, in.Body,
		time.Duration(in.RetryAfter), in.RetryAfterDate, time.Duration(in.Delay), in.Bytes, in.Rows, in.Back,
		in.Text, time.Duration(in.Skew), in.Framing, in.Version, in.Gzip, in.Credits,
	}
	return nil
}

// ArmedFault is a fault in the queue and how often it fired.
type ArmedFault struct {
	Fault Fault `json:"fault"`
	Fired int   `json:"fired"`
}

// Faults returns the queue. A fault that fired Count times has left it.
func (s *Simulator) Faults() []ArmedFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]ArmedFault, len(s.faults.queue))
	for i, a := range s.faults.queue {
		out[i] = ArmedFault{Fault: a.Fault, Fired: a.fired}
	}
	return out
}

func (s *Simulator) adminFaults(w http.ResponseWriter, _ *http.Request) {
	reply(w, http.StatusOK, s.Faults())
}

// adminAddFaults adds all faults or none.
func (s *Simulator) adminAddFaults(w http.ResponseWriter, r *http.Request) {
	var raw jsontext.Value
	if !accept(w, r, &raw) {
		return
	}
	var list []Fault
	if raw.Kind() != '[' {
		raw = append(append(jsontext.Value("["), raw...), ']')
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		replyError(w, http.StatusBadRequest, err)
		return
	}
	for i, f := range list {
		if _, err := f.checked(); err != nil {
			replyError(w, http.StatusBadRequest, fmt.Errorf("fault %d: %w", i, err))
			return
		}
	}
	for _, f := range list {
		// It was checked above: there is no error left to come.
		_ = s.AddFault(f)
	}
	s.adminFaults(w, r)
}

func (s *Simulator) adminResetFaults(w http.ResponseWriter, r *http.Request) {
	s.ResetFaults()
	s.adminFaults(w, r)
}
