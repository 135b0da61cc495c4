package feed

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Filters are the ten filters of the feed. Values of one list are OR-ed,
// filters are AND-ed. The zero value selects everything.
type Filters struct {
	Industries       []string   `json:"industries,omitempty"`
	CompanySizes     []string   `json:"company_sizes,omitempty"`
	CountryCodes     []string   `json:"country_codes,omitempty"`
	FundingStages    []string   `json:"funding_stages,omitempty"`
	CompanyTypes     []string   `json:"company_types,omitempty"`
	FoundedAfter     *int       `json:"founded_after,omitempty"`
	IsAgency         *bool      `json:"is_agency,omitempty"`
	UpdatedAfter     *time.Time `json:"updated_after,omitempty"`     // exclusive
	DiscoveredAfter  *time.Time `json:"discovered_after,omitempty"`  // inclusive
	DiscoveredBefore *time.Time `json:"discovered_before,omitempty"` // exclusive
}

// Canonical returns f as JSON in which equal selections have equal bytes: lists
// are sorted and free of repeats, times are in UTC.
func (f Filters) Canonical() (json.RawMessage, error) {
	for _, list := range []*[]string{&f.Industries, &f.CompanySizes, &f.CountryCodes, &f.FundingStages, &f.CompanyTypes} {
		*list = slices.Compact(slices.Sorted(slices.Values(*list)))
	}
	for _, at := range []**time.Time{&f.UpdatedAfter, &f.DiscoveredAfter, &f.DiscoveredBefore} {
		if *at != nil {
			utc := (*at).UTC()
			*at = &utc
		}
	}
	b, err := json.Marshal(f)
	return bytes.TrimSpace(b), err
}

// Fingerprint is a digest of Canonical. Two streams with the same fingerprint
// select the same companies, so one's cursor and watermark are good for the
// other.
func (f Filters) Fingerprint() (string, error) {
	b, err := f.Canonical()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8]), nil
}
