package simulator

import (
	"cmp"
	"net/http"
	"slices"
	"time"
)

// DefaultAPIKey is the key that is accepted when [Options.APIKeys] is empty. It
// has the shape of a vendor's test key and opens nothing anywhere else.
const DefaultAPIKey = "jbe_test_simulator-00000000001_simulator-00000000000000000000000000000001A"

// The defaults of [Options].
const (
	DefaultRows    = 1000
	DefaultPrice   = 50                // credits a row
	DefaultBalance = 1_000_000_000_000 // credits: enough for 20 billion rows
)

// MaxBatch is the most rows that one request may ask for, and the default.
const MaxBatch = 50

// Options configures a simulator. The zero value is a feed of [DefaultRows] rows
// with the paid plan's limits, a full wallet and no faults.
type Options struct {
	// Seed decides every byte of the generated data. Zero is a seed like any other.
	Seed uint64
	// Rows is how many rows exist at the start: 0 means DefaultRows, below 0 none.
	Rows int
	// Plain leaves out the members that the contract does not list, odd spacing
	// and escapes, for readable demonstrations.
	Plain bool
	// Epoch is the newest updated_at among the initial rows. Zero means 1 January
	// 2026, or the clock's time if that is earlier, so that no row lies ahead of it.
	Epoch time.Time

	// APIKeys are the accepted keys; empty means DefaultAPIKey alone.
	APIKeys []string
	// ForbiddenKeys are known keys whose plan lacks the feed: they get 403.
	ForbiddenKeys []string

	// Price is credits a row; 0 means DefaultPrice.
	Price int
	// Balance is the wallet at the start in credits: 0 means DefaultBalance, below 0
	// an empty wallet. All keys share one wallet.
	Balance int64

	// FeedLimits is the feed's limit for each key: the zero value is 120 a minute,
	// 5,000 an hour, 50,000 a day.
	FeedLimits Limits
	// CompanyLimits is the profiles' limit for each key; the zero value is 360,
	// 10,000, 100,000.
	CompanyLimits Limits
	// PublicLimits is the profiles' limit for each address without a key; the zero
	// value is 60, 1,000, 10,000.
	PublicLimits Limits
	// RetryAfter says how a 429 names the time to wait.
	RetryAfter RetryAfterStyle
	// ErrorStyle says which of the two documented shapes an error body has.
	ErrorStyle ErrorStyle

	// Latency is added to every answer of the feed before the page is decided.
	Latency time.Duration
	// CompanyLatency is added to every answer of the profiles that no limit refused.
	CompanyLatency time.Duration
	// ProfileBytes fills every profile up to this size with press references and
	// a longer description; 0 leaves profiles as they are, 3,000 to 9,000 bytes.
	ProfileBytes int
	// Change makes rows change while pages are served.
	Change Change
	// BaseURL is the scheme and host of each details_url. Empty means the address
	// that Start or Serve listens on if a client can dial it, otherwise the Host of
	// the first feed request. It never changes once a row was handed out.
	BaseURL string
	// DetailsURL is the details_url of a company's row; nil means the profile on
	// BaseURL, or null in 2 of 100 rows. An empty result is null. One that begins
	// with /api/companies/ is put behind BaseURL, any other is the whole URL, valid
	// or not. It is called for each version as the version is made, under the lock:
	// it must not call the simulator.
	DetailsURL func(id string) string
	// RedirectPlainHTTP answers requests without TLS with 301, as production does.
	RedirectPlainHTTP bool
	// NoAdmin removes the admin API.
	NoAdmin bool
	// NoGzip answers uncompressed even when the client accepts gzip.
	NoGzip bool
	// Clock is the time of updated_at, the Date header and the limits; nil means
	// time.Now.
	Clock func() time.Time
	// Trace is called after each answer, outside all locks; nil means not at all.
	Trace func(Answer)
}

// Answer describes one answer, for logs.
type Answer struct {
	Method, Path string
	Status       int // 0: the connection was cut before a status line
	Rows         int
	Credits      int64
	Fault        Kind // empty: none
}

// Change makes data move while it is read: after every EveryPages-th page that
// was billed, Update rows get a new version and Insert rows appear. A scan over
// it only ends if it changes fewer rows than it pages past, or after Rounds.
type Change struct {
	EveryPages int // 0: never
	Update     int
	Insert     int
	Rounds     int // how often at most; 0: without end
}

// ErrorStyle is one of the two shapes of an error body that the contract names.
type ErrorStyle int

// The error styles.
const (
	// ErrorsProblem is application/problem+json with title, detail and code.
	ErrorsProblem ErrorStyle = iota
	// ErrorsPlain is application/json with status, error and message.
	ErrorsPlain
	// ErrorsAlternate switches between the two, beginning with ErrorsProblem.
	ErrorsAlternate
)

// RetryAfterStyle is how a 429 names the time to wait.
type RetryAfterStyle int

// The styles of Retry-After. The body's retry_after_seconds is always there.
const (
	// RetryAfterSeconds is a header with whole seconds.
	RetryAfterSeconds RetryAfterStyle = iota
	// RetryAfterDate is a header with an HTTP date.
	RetryAfterDate
	// RetryAfterAlternate switches between seconds and date.
	RetryAfterAlternate
	// RetryAfterBodyOnly sends no header.
	RetryAfterBodyOnly
)

// withDefaults returns a copy with every zero value replaced.
func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Epoch.IsZero() {
		o.Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		if now := o.Clock(); now.Before(o.Epoch) {
			o.Epoch = now
		}
	}
	o.Rows = max(cmp.Or(o.Rows, DefaultRows), 0)
	o.Price = cmp.Or(o.Price, DefaultPrice)
	o.Balance = max(cmp.Or(o.Balance, DefaultBalance), 0)
	o.APIKeys = slices.Clone(o.APIKeys)
	if len(o.APIKeys) == 0 {
		o.APIKeys = []string{DefaultAPIKey}
	}
	o.FeedLimits = o.FeedLimits.or(Limits{Minute: 120, Hour: 5000, Day: 50_000})
	o.CompanyLimits = o.CompanyLimits.or(Limits{Minute: 360, Hour: 10_000, Day: 100_000})
	o.PublicLimits = o.PublicLimits.or(Limits{Minute: 60, Hour: 1000, Day: 10_000})
	if o.Trace == nil {
		o.Trace = func(Answer) {}
	}
	return o
}

// httpDate renders t as headers want it.
func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }
