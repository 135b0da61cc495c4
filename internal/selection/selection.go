// Package selection says which companies are worth their full profile: an
// expression over the fields of a career site, as in
//
//	"fintech" in industries and ats == "greenhouse"
//
// The rules are pure: the same career site is chosen today and tomorrow. The
// language is that of expr-lang/expr, checked against the types of the fields
// when it is read, so that a misspelt field is a mistake at the start and not a
// topic that stays empty. Help says what its users need to know.
package selection

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// maxText is how long an expression may be, in bytes; maxNodes how many parts it
// may have.
const (
	maxText  = 16 << 10
	maxNodes = 10_000
)

// Selection is an expression that was understood. The zero value selects nothing.
// It may be used by several goroutines.
type Selection struct {
	text    string
	program *vm.Program // nil: all or nothing
	all     bool
}

// Parse reads an expression. Nothing but white space selects nothing, and "true"
// everything. What is wrong comes back as an *Error.
func Parse(text string) (*Selection, error) {
	s := &Selection{text: text}
	switch strings.TrimSpace(text) {
	case "", "false":
		return s, nil
	case "true":
		s.all = true
		return s, nil
	}
	if len(text) > maxText {
		return nil, &Error{Text: text[:60] + "...", Message: fmt.Sprintf("it has %d bytes, at most %d are allowed", len(text), maxText)}
	}
	program, err := expr.Compile(text, options()...)
	if err != nil {
		return nil, wrong(text, err)
	}
	s.program = program
	return s, nil
}

// Match reports whether the career site in value, the JSON of a record, is
// chosen. It fails on a value that is no career site.
func (s *Selection) Match(value []byte) (bool, error) {
	if s.program == nil {
		return s.all, nil
	}
	var row site
	if err := json.Unmarshal(value, &row); err != nil {
		return false, fmt.Errorf("the value is no career site: %w", err)
	}
	out, err := expr.Run(s.program, row.fields())
	if err != nil {
		return false, nil //nolint:nilerr // it asks for something that this one has not, such as the first of no industries
	}
	chosen, _ := out.(bool) // the compiler made sure
	return chosen, nil
}

// None reports whether nothing at all is selected.
func (s *Selection) None() bool { return s.program == nil && !s.all }

// String is the expression as it was given.
func (s *Selection) String() string { return s.text }

// site is a career site as it is on the wire, as far as its members have the
// types that the contract names.
type site struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Website      string   `json:"website"`
	LogoURL      string   `json:"logo_url"`
	Summary      string   `json:"summary"`
	Industries   []string `json:"industries"`
	Categories   []string `json:"categories"`
	LinkedInURL  string   `json:"linkedin_url"`
	Crunchbase   string   `json:"crunchbase_url"`
	ATS          string   `json:"ats"`
	ListingURL   string   `json:"listing_url"`
	DiscoveredAt string   `json:"discovered_at"`
	UpdatedAt    string   `json:"updated_at"`
	DetailsURL   string   `json:"details_url"`
}

// environment is what an expression sees of it. A null is the zero value.
type environment struct {
	ID           string    `expr:"id"`
	Name         string    `expr:"name"`
	Website      string    `expr:"website"`
	LogoURL      string    `expr:"logo_url"`
	Summary      string    `expr:"summary"`
	Industries   []string  `expr:"industries"`
	Categories   []string  `expr:"categories"`
	LinkedInURL  string    `expr:"linkedin_url"`
	Crunchbase   string    `expr:"crunchbase_url"`
	ATS          string    `expr:"ats"`
	ListingURL   string    `expr:"listing_url"`
	DiscoveredAt time.Time `expr:"discovered_at"`
	UpdatedAt    time.Time `expr:"updated_at"`
	DetailsURL   string    `expr:"details_url"`
}

func (s *site) fields() environment {
	return environment{
		s.ID, s.Name, s.Website, s.LogoURL, s.Summary, s.Industries, s.Categories, s.LinkedInURL, s.Crunchbase,
		s.ATS, s.ListingURL, instant(s.DiscoveredAt), instant(s.UpdatedAt), s.DetailsURL,
	}
}

// instant is a time, zero where there is none that can be read.
func instant(text string) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC() // which it is, where it names no zone
		}
	}
	return time.Time{}
}
