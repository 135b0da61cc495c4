package checkpoint

import "time"

// BudgetKeys tells tests where an account is.
var BudgetKeys = budgetKeys

// NewestVersion is the last version that entries can have, packed.
const NewestVersion = newestVersion

// PackVersion tells tests how versions are kept.
var PackVersion = packVersion

// FetchedAt is Redis.Fetched with keys of its own, so that tests leave those of
// a server that others use alone.
func (s *Redis) FetchedAt(prefix string, o FetchedOptions) *RedisFetched {
	f := s.Fetched(o)
	f.prefix = prefix
	return f
}

// Prefix is what its keys begin with.
func (f *RedisFetched) Prefix() string { return f.prefix }

// Bucket is the key that a company is in.
func (f *RedisFetched) Bucket(id string) string { return f.bucket(id) }

// SetClock replaces package time.
func (f *RedisFetched) SetClock(now func() time.Time) { f.now = now }

// SetClock replaces package time.
func (f *MemoryFetched) SetClock(now func() time.Time) { f.now = now }
