package simulator

import (
	"math"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// Filters are the ten filters of the feed. Lists are OR-ed inside, fields AND-ed
// together; the zero value lets every row through.
type Filters struct {
	Industries       []string   `json:"industries,omitempty"`
	CompanySizes     []string   `json:"company_sizes,omitempty"`
	CountryCodes     []string   `json:"country_codes,omitempty"`
	FundingStages    []string   `json:"funding_stages,omitempty"`
	CompanyTypes     []string   `json:"company_types,omitempty"`
	FoundedAfter     *int       `json:"founded_after,omitzero"`     // calendar year, inclusive
	IsAgency         *bool      `json:"is_agency,omitzero"`         // nil: both
	UpdatedAfter     *time.Time `json:"updated_after,omitzero"`     // exclusive
	DiscoveredAfter  *time.Time `json:"discovered_after,omitzero"`  // inclusive
	DiscoveredBefore *time.Time `json:"discovered_before,omitzero"` // exclusive
}

// canonical returns the filters in the one form that equal filters share: lists
// sorted without repetition, instants in UTC.
func (f Filters) canonical() Filters {
	for _, list := range []*[]string{&f.Industries, &f.CompanySizes, &f.CountryCodes, &f.FundingStages, &f.CompanyTypes} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	for _, at := range []**time.Time{&f.UpdatedAfter, &f.DiscoveredAfter, &f.DiscoveredBefore} {
		if *at != nil {
			utc := (*at).UTC()
			*at = &utc
		}
	}
	return f
}

// fingerprint is the same text for equal filters; "{}" for none.
func (f Filters) fingerprint() string {
	text, err := json.Marshal(f.canonical())
	if err != nil {
		// Only a year beyond 9999 cannot be marshalled, and none can be unmarshalled.
		return err.Error()
	}
	return string(text)
}

// oneOf is a compiled list filter: bits of vocabulary indexes. A wanted value
// that no company has sets no bit, and the filter still holds.
type oneOf struct {
	active bool
	bits   uint64
}

func compile(wanted, known []string) oneOf {
	f := oneOf{active: len(wanted) > 0}
	for i, value := range known {
		// "" stands for unknown in the vocabulary: it is not a value to ask for.
		if value != "" && slices.Contains(wanted, value) {
			f.bits |= 1 << i
		}
	}
	return f
}

func (f oneOf) has(index uint8) bool { return !f.active || f.bits&(1<<index) != 0 }

// matcher is a compiled set of filters, updated_after excepted: that one is the
// place where a scan begins.
type matcher struct {
	all                                         bool // every company matches
	industries, sizes, countries, stages, kinds oneOf
	founded                                     *int
	agency                                      *bool
	from, before                                int64 // discovered, unix nanoseconds
	window                                      bool  // from or before was given
}

func newMatcher(v *vocabulary, f Filters) matcher {
	codes := make([]string, len(v.countries))
	for i := range v.countries {
		codes[i] = v.countries[i].code
	}
	m := matcher{
		industries: compile(f.Industries, v.industries),
		sizes:      compile(f.CompanySizes, v.sizes),
		countries:  compile(f.CountryCodes, codes),
		stages:     compile(f.FundingStages, v.stages),
		kinds:      compile(f.CompanyTypes, v.types),
		founded:    f.FoundedAfter,
		agency:     f.IsAgency,
		from:       math.MinInt64,
		before:     math.MaxInt64,
		window:     f.DiscoveredAfter != nil || f.DiscoveredBefore != nil,
	}
	if f.DiscoveredAfter != nil {
		m.from = nanos(*f.DiscoveredAfter)
	}
	if f.DiscoveredBefore != nil {
		m.before = nanos(*f.DiscoveredBefore)
	}
	f.UpdatedAfter = nil
	m.all = f.fingerprint() == "{}"
	return m
}

// match reports whether a company passes. Unknown attributes pass no filter.
func (m *matcher) match(c *company) bool {
	if m.all {
		return true
	}
	if !m.sizes.has(c.size) || !m.countries.has(c.country) || !m.stages.has(c.stage) || !m.kinds.has(c.kind) {
		return false
	}
	if m.founded != nil && (c.founded == 0 || int(c.founded) < *m.founded) {
		return false
	}
	if m.agency != nil && c.agency != *m.agency {
		return false
	}
	if m.window && (c.discovered == 0 || c.discovered < m.from || c.discovered >= m.before) {
		return false
	}
	for _, tag := range c.industries[:c.tags] {
		if m.industries.has(tag) {
			return true
		}
	}
	return false
}

// nanos converts to unix nanoseconds and clamps what does not fit: a client's
// zero time lies before every row, not at some overflowed instant.
func nanos(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}
