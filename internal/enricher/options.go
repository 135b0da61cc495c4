package enricher

import (
	"cmp"
	"time"
)

// Topics are the topics of the loop.
type Topics struct {
	Sites, Requests, Companies, DeadLetters string
	// Retries are the loop's own topics: the first is for records that are due at
	// once, each other one for a delay of Options.Delays.
	Retries []string
	// Slots is the number of partitions of Sites, Companies and Retries.
	Slots int32
	// Letters is the number of partitions of DeadLetters.
	Letters int32
	// CompaniesID and DeadLettersID are the identities of these topics: one that
	// is created anew has another. Empty means that the cluster gives none.
	CompaniesID, DeadLettersID string
	// MaxCompany, MaxDeadLetter and MaxRetry are the largest values, in bytes, that
	// the topics take.
	MaxCompany, MaxDeadLetter, MaxRetry int
}

// Options say how the loop works. Zero fields have the defaults named.
type Options struct {
	Topics Topics
	// Concurrency is how many requests are in flight at most; zero means 16. Batch
	// is how many of them may be under way or answered and not be committed, and so
	// what a crash repeats at most; zero means 100. Companies that wait for another try
	// in place count among them.
	Concurrency, Batch int
	// Delays are the waits before a company is tried anew, once it did not answer
	// for Patience. After the last of them it is a dead letter. Nil means 1 min,
	// 10 min, 1 h.
	Delays []time.Duration
	// Patience is how long a company that does not answer is tried in place; zero
	// means 5 s.
	Patience time.Duration
	// NotFoundTTL is how long a company that was not found is left alone; zero
	// means a day.
	NotFoundTTL time.Duration
	// Stall is how long nothing may move although there is work; zero means 5 min.
	Stall time.Duration
	// Drain is how long requests in flight may take once it was told to stop; zero
	// means 8 s: supervisors kill after 10.
	Drain time.Duration
	// Home is the host whose answers speak of the request limits (company.Host of
	// the API's URL): what another host says about too many requests is about that
	// host alone. Empty means all of them.
	Home string
	// Format makes the values of the companies; nil means that they are the profiles
	// as the API sent them.
	Format Format
	// Metrics are moved if they are there.
	Metrics *Metrics
}

func (o Options) withDefaults() Options {
	o.Concurrency = cmp.Or(o.Concurrency, 16)
	o.Batch = cmp.Or(o.Batch, 100)
	if o.Delays == nil {
		o.Delays = []time.Duration{time.Minute, 10 * time.Minute, time.Hour}
	}
	o.Patience = cmp.Or(o.Patience, 5*time.Second)
	o.NotFoundTTL = cmp.Or(o.NotFoundTTL, 24*time.Hour)
	o.Stall = cmp.Or(o.Stall, 5*time.Minute)
	o.Drain = cmp.Or(o.Drain, 8*time.Second)
	return o
}

const (
	// lingerLeast and lingerMost bound how long a profile waits for others to share a
	// transaction with.
	lingerLeast, lingerMost = 100 * time.Millisecond, 300 * time.Millisecond
	// idleCommit is how long positions wait that no profile comes with.
	idleCommit = time.Second
	// commitTimeout bounds a transaction and the wait before it for a group that is
	// being dealt anew, which takes as long as its slowest member. The brokers bound
	// the transaction itself.
	commitTimeout = 2 * time.Minute
	// pollMost is how many records a poll returns at most: Redis is asked about all of
	// them at once.
	pollMost = 250
	// openMost is how many records of one partition may be in hand: their offsets
	// have to fit into the metadata of a commit.
	openMost = 1000
)

// linger is how long a profile waits for others: a large batch says that many are
// to share a transaction.
func (o Options) linger() time.Duration {
	return min(max(time.Duration(o.Batch)*time.Millisecond/4, lingerLeast), lingerMost)
}

// handMost is how many records may wait for their turn.
func (o Options) handMost() int { return max(4*o.Batch, pollMost) }
