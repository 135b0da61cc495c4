package simulator

import (
	"net/http"
	"time"
)

// KeyState is what an API key may do.
type KeyState string

// The states. A key that was never named is refused like a revoked one.
const (
	KeyActive  KeyState = "active"
	KeyNoFeed  KeyState = "no_feed" // 403 from the feed: the plan lacks it
	KeyRevoked KeyState = "revoked" // 401
)

// SetKey adds a key or changes what it may do.
func (s *Simulator) SetKey(key string, state KeyState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = state
}

// Balance returns the wallet in credits.
func (s *Simulator) Balance() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.total.Balance
}

// SetBalance sets the wallet in credits.
func (s *Simulator) SetBalance(credits int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.total.Balance = credits
}

// AddBalance adds credits to the wallet, or takes some, and returns what it
// holds then.
func (s *Simulator) AddBalance(credits int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ledger.total.Balance += credits
	return s.ledger.total.Balance
}

// Ledger returns a copy of the account.
func (s *Simulator) Ledger() Ledger {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.ledger.snapshot()
	out.ordinal = func(text string) (uint32, bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.find(text)
	}
	out.name = func(ordinal uint32) string {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.table.records[ordinal].id.String()
	}
	return out
}

// SetLatency replaces [Options.Latency] or [Options.CompanyLatency] for requests
// that come from now on.
func (s *Simulator) SetLatency(r Route, d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.latency[r] = d
}

// VoidCursor refuses a cursor from now on: status 409 with a replacement request,
// any other as 400 "Invalid cursor".
func (s *Simulator) VoidCursor(cursor string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursors.void(cursor, status)
}

// VoidCursors refuses every cursor issued so far, as VoidCursor does.
func (s *Simulator) VoidCursors(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursors.voidAll(status)
}

// TooManyServed returns how many 429 both endpoints answered, faults included.
func (s *Simulator) TooManyServed() (feed, companies int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ledger.total.Status[http.StatusTooManyRequests], s.profileLedger.status[http.StatusTooManyRequests]
}

// Keys returns what each known key may do. The keys are masked: somebody may have
// given the simulator a real one.
func (s *Simulator) Keys() map[string]KeyState {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]KeyState, len(s.keys))
	for key, state := range s.keys {
		out[MaskKey(key)] = state
	}
	return out
}

// MaskKey hides what is secret about a key: everything but its first and last
// characters. The published DefaultAPIKey is shown whole.
func MaskKey(key string) string {
	const head, tail = len("jbe_test_"), 4
	if key == DefaultAPIKey {
		return key
	}
	if len(key) < 3*(head+tail) {
		return "***"
	}
	return key[:head] + "***" + key[len(key)-tail:]
}
