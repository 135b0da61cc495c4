package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// CompanyRequest is the value of a record on the requests topic: please fetch
// the full profile of this company. The record's key is the company id; a record
// with that key and no value at all is a request too.
type CompanyRequest struct {
	// ID is the company id. Empty means the record's key; both must agree where
	// both are there.
	ID string `json:"id,omitempty"`
	// DetailsURL is where the profile is; empty means at the API's own
	// /api/companies/{id}.
	DetailsURL string `json:"details_url,omitempty"`
	// Reason is for people: it is copied nowhere but to logs.
	Reason string `json:"reason,omitempty"`
	// RequestedAt is when the request was made, UTC; zero means the record's own
	// timestamp.
	RequestedAt time.Time `json:"requested_at,omitzero"`
	// Force asks for a fetch although the newest known version was fetched.
	Force bool `json:"force,omitempty"`
}

// DecodeRequest reads a record of the requests topic. It fails on a record that
// names no company, or two different ones, and on a value that is neither empty
// nor a JSON object of this shape. Members that it does not know are ignored.
func DecodeRequest(key, value []byte) (CompanyRequest, error) {
	var r CompanyRequest
	if len(value) > 0 {
		if err := json.Unmarshal(value, &r); err != nil {
			return CompanyRequest{}, fmt.Errorf("the value is no company request: %w", err)
		}
	}
	switch {
	case r.ID == "":
		r.ID = string(key)
	case len(key) > 0 && string(key) != r.ID:
		return CompanyRequest{}, fmt.Errorf("the key names company %.80q and the value %.80q", key, r.ID)
	}
	if err := CheckID(r.ID); err != nil {
		return CompanyRequest{}, err
	}
	return r, nil
}

// MaxID is the largest size of a company id in bytes.
const MaxID = 512

// CheckID says why id can't be the key of a record: it is empty, longer than
// MaxID, or holds control characters.
func CheckID(id string) error {
	switch {
	case id == "":
		return errors.New("the company id is missing")
	case len(id) > MaxID:
		return fmt.Errorf("the company id has %d bytes, at most %d are allowed", len(id), MaxID)
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("the company id holds control characters")
	}
	return nil
}
