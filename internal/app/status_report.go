package app

import (
	"time"

	"github.com/careerstream/careerstream/internal/producer"
	"github.com/careerstream/careerstream/schemas"
)

// StatusReport is where a stream stands. Times are UTC, money is in credits. It
// holds no cursor, only a digest: whoever has a cursor can buy with it.
type StatusReport struct {
	Feed string    `json:"feed"`
	At   time.Time `json:"at"`
	// Service is what the process that answers is doing; nil where none is at work.
	Service *ServiceStatus `json:"service,omitempty"`
	// Source says who told what follows: kafka, or where that has nothing or is
	// away, redis or service. Empty means that nobody has a checkpoint.
	Source string     `json:"source,omitempty"`
	Run    *RunStatus `json:"run,omitempty"`
	// Watermark is up to where the topic is complete; zero means that no run has
	// reached its end.
	Watermark    time.Time `json:"watermark,omitzero"`
	WatermarkAge int64     `json:"watermark_age_seconds,omitempty"`

	Money MoneyStatus `json:"money"`
	Lease LeaseStatus `json:"lease"`
	Kafka Witness     `json:"kafka"`
	Redis Witness     `json:"redis"`
	// Agreement is "agree", or in which way Redis differs from Kafka, which is the
	// one that counts; empty where one of them could not be asked.
	Agreement string `json:"agreement,omitempty"`
	// History has the newest runs that reached their end, the last one last.
	History []schemas.Run `json:"history,omitempty"`
}

// ServiceStatus is what a running service says of itself.
type ServiceStatus struct {
	producer.State
	// PagesInHand are bought and not committed yet.
	PagesInHand int `json:"pages_in_hand"`
}

// ScanStatus is how far a scan is: the only one of a run, or one of its windows.
type ScanStatus struct {
	Phase     schemas.Phase `json:"phase"`
	Pages     int64         `json:"pages"`
	Rows      int64         `json:"rows"`
	Unchanged int64         `json:"unchanged"`
	Credits   int64         `json:"credits"`
	// Cursor is a digest of where the scan goes on; "start" where it has no cursor.
	Cursor         string    `json:"cursor,omitempty"`
	CursorIssuedAt time.Time `json:"cursor_issued_at,omitzero"`
	CursorAge      int64     `json:"cursor_age_seconds,omitempty"`
}

// RunStatus is the newest run.
type RunStatus struct {
	ID        string       `json:"id"`
	Mode      schemas.Mode `json:"mode"`
	StartedAt time.Time    `json:"started_at"`
	// Reset says that an operator wrote the state and no run was made since.
	Reset string `json:"reset,omitempty"`
	ScanStatus
	DeadLetters int64          `json:"dead_letters"`
	Restarts    int            `json:"restarts,omitempty"`
	Windows     []WindowStatus `json:"windows,omitempty"`
}

// WindowStatus is one window of a backfill that is cut.
type WindowStatus struct {
	Window           int       `json:"window"`
	DiscoveredAfter  time.Time `json:"discovered_after,omitzero"`
	DiscoveredBefore time.Time `json:"discovered_before,omitzero"`
	ScanStatus
}

// MoneyStatus is the wallet, the budgets and the waste.
type MoneyStatus struct {
	// Balance is nil where the feed never said what is in the wallet.
	Balance       *int64         `json:"balance,omitempty"`
	BalanceAt     time.Time      `json:"balance_at,omitzero"`
	MinBalance    int64          `json:"min_balance,omitempty"`
	CreditsPerRow int64          `json:"credits_per_row"`
	Budgets       []BudgetStatus `json:"budgets"`
	// Counted is "account" where what all streams of the API key spent is counted,
	// "checkpoint" where only this stream's own share is known: without an API
	// key, or without Redis.
	Counted string      `json:"counted"`
	Waste   WasteStatus `json:"waste"`
}

// BudgetStatus is one budget: of the run, the day or the month.
type BudgetStatus struct {
	Budget string `json:"budget"`
	// Limit and Left are nil where there is no limit.
	Limit    *int64 `json:"limit,omitempty"`
	Left     *int64 `json:"left,omitempty"`
	Spent    int64  `json:"spent"`
	Reserved int64  `json:"reserved"`
}

// WasteStatus is what was spent for nothing since the stream was begun.
type WasteStatus struct {
	schemas.Waste
	Total int64 `json:"total"`
}

// LeaseStatus is who may buy. TTL is negative where the lease never ends.
type LeaseStatus struct {
	Held  bool    `json:"held"`
	Owner string  `json:"owner,omitempty"`
	Token uint64  `json:"token,omitempty"`
	TTL   float64 `json:"ttl_seconds,omitempty"`
}

// Witness is what one of the servers has as the stream's checkpoint.
type Witness struct {
	// Error says why the server could not be asked.
	Error       string    `json:"error,omitempty"`
	Found       bool      `json:"found"`
	Fence       uint64    `json:"fence,omitempty"`
	Seq         uint64    `json:"seq,omitempty"`
	Op          string    `json:"op,omitempty"`
	CommittedAt time.Time `json:"committed_at,omitzero"`
}
