package app

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/secret"
)

// Producer is the configuration of the producer.
type Producer struct {
	Feed     feed.Config
	FeedName string
	Filters  feed.Filters
	// Limits are the request limits of the feed.
	Limits    ratelimit.Windows
	BatchSize int
	Overlap   time.Duration
	// Prefetch is how many pages are bought ahead of the commit, Windows into how
	// many windows a backfill is cut; zero is none ahead and not cut.
	Prefetch, Windows int
	// Interval is the pause between the syncs of run, WalletProbe how often it
	// tries again while it is paused.
	Interval, WalletProbe time.Duration
	Budget                Budget

	Kafka  kafka.Config
	Topics Topics

	RedisURL secret.String
	LeaseTTL time.Duration

	// Listen is the host:port of metrics and health; empty means nowhere.
	Listen string
	Log    Log
}

// Budget is what may be spent, in credits. Negative numbers are no limit, and no
// warning. The zero Budget sets no limit either; in any other, a limit of zero
// allows nothing.
type Budget struct {
	// PerRow is the price of a row until the feed says what it took.
	PerRow int64
	// PerRun bounds one run; PerDay and PerMonth bound all processes of one API
	// key, in days and months of UTC.
	PerRun, PerDay, PerMonth int64
	// MinBalance stays in the wallet. WarnBalance is where a warning is due.
	MinBalance, WarnBalance int64
}

// limits is b, where the zero Budget, which sets no limit, says so in its members.
func (b Budget) limits() Budget {
	if b == (Budget{}) {
		b.PerRun, b.PerDay, b.PerMonth, b.WarnBalance = unlimited, unlimited, unlimited, unlimited
	}
	return b
}

// Topics names the topics and says how missing ones are created.
type Topics struct {
	CareerSites, Progress, DeadLetters string
	Create                             bool
	Partitions, Replication            int
}

// UsageError is wrong usage or configuration: everything that is wrong with it,
// each with what was given, what is expected and how to mend it.
type UsageError struct{ Problems []error }

// Error implements error.
func (e *UsageError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0].Error()
	}
	return fmt.Sprintf("%d settings are wrong:\n%v", len(e.Problems), errors.Join(e.Problems...))
}

// Unwrap returns all the problems.
func (e *UsageError) Unwrap() []error { return e.Problems }

// config judges the settings and returns what they mean.
func (s *settings) config(needKey bool) (Producer, error) {
	var p problems
	c := Producer{
		FeedName:    p.name("FEED_NAME", s.FeedName),
		BatchSize:   p.integer("BATCH_SIZE", s.BatchSize, 1, feed.MaxBatchSize),
		Overlap:     p.duration("SYNC_OVERLAP", s.SyncOverlap, 0, 30*24*time.Hour),
		Prefetch:    p.integer("PREFETCH", s.Prefetch, 0, 16),
		Windows:     p.integer("BACKFILL_WINDOWS", s.Windows, 0, 64),
		Interval:    p.duration("SYNC_INTERVAL", s.SyncInterval, time.Second, 30*24*time.Hour),
		Budget:      s.budget(&p),
		WalletProbe: p.duration("WALLET_PROBE_INTERVAL", s.WalletProbeInterval, time.Second, 24*time.Hour),
		Listen:      p.listen("LISTEN", s.Listen),
		LeaseTTL:    p.duration("LEASE_TTL", s.LeaseTTL, 500*time.Millisecond, 10*time.Minute),
		RedisURL:    s.redis(&p),
		Kafka:       s.kafka(&p),
		Topics:      s.topics(&p),
		Filters:     s.filters(&p),
		Log: Log{
			Level:  p.oneOf("LOG_LEVEL", s.LogLevel, "debug", "info", "warn", "error"),
			Format: p.oneOf("LOG_FORMAT", s.LogFormat, "auto", "console", "json"),
		},
	}
	limits, err := ratelimit.Parse(s.FeedRateLimit)
	if err != nil {
		p.add("FEED_RATE_LIMIT", s.FeedRateLimit, "requests in any second, minute, hour or day, or off", fmt.Sprintf("%v", err))
	}
	c.Limits = limits
	c.Feed = s.feed(&p, needKey)
	if len(p.list) > 0 {
		return c, &UsageError{Problems: p.list}
	}
	return c, nil
}

func (s *settings) feed(p *problems, needKey bool) feed.Config {
	c := feed.Config{
		BaseURL:  strings.TrimRight(s.JoboBaseURL, "/"),
		Insecure: p.boolean("JOBO_INSECURE", s.JoboInsecure),
		Key:      p.secretOf("JOBO_API_KEY", s.JoboAPIKey, s.JoboAPIKeyFile),
	}
	if needKey && c.Key.Empty() && s.JoboAPIKey == "" && s.JoboAPIKeyFile == "" {
		p.list = append(p.list, errors.New("JOBO_API_KEY is not set: it is the API key of the feed; set it, or JOBO_API_KEY_FILE to a file that holds it"))
	}
	// The client knows what it can work with. It says it about the URL and the
	// key one at a time, so each is shown to it beside one that is good. What was
	// given is left to its words: either may be, or hold, a secret.
	probe := feed.Config{BaseURL: c.BaseURL, Insecure: c.Insecure, Key: secret.New("any")}
	if err := usable(probe); err != nil {
		fix := ""
		if probe.Insecure = true; usable(probe) == nil {
			fix = ", as JOBO_INSECURE=true does"
		}
		p.list = append(p.list, fmt.Errorf("JOBO_BASE_URL can't be used: %w%s", err, fix))
	}
	if err := usable(feed.Config{Key: c.Key}); err != nil && !c.Key.Empty() {
		p.list = append(p.list, fmt.Errorf("JOBO_API_KEY can't be used: %w", err))
	}
	return c
}

// usable reports why no client of the feed can be made with c.
func usable(c feed.Config) error {
	client, err := feed.New(c)
	if err == nil {
		client.Close()
	}
	return err
}

// defaultRedisURL is the default in the tag of settings.RedisURL.
const defaultRedisURL = "redis://localhost:6379/0"

func (s *settings) redis(p *problems) secret.String {
	given, file := s.RedisURL, s.RedisURLFile
	if file != "" && given == defaultRedisURL {
		given = ""
	}
	value := p.secretOf("REDIS_URL", given, file)
	u, err := url.Parse(value.Reveal())
	known := err == nil && slices.Contains([]string{
		"redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster",
	}, u.Scheme)
	if known {
		if err := checkpoint.Check(value); err != nil {
			p.list = append(p.list, fmt.Errorf("REDIS_URL can't be used: %w", err))
		}
	}
	if !value.Empty() && !known {
		// The URL may hold a password: it is not repeated here.
		p.list = append(p.list, errors.New("REDIS_URL can't be read: expected a URL like redis://localhost:6379/0 or rediss://user:password@host:6380/0; check its scheme and escape special characters of the password"))
	}
	return value
}

func (s *settings) kafka(p *problems) kafka.Config {
	c := kafka.Config{
		Brokers: list(s.KafkaBrokers), Username: s.KafkaSASLUsername,
		Password: p.secretOf("KAFKA_SASL_PASSWORD", s.KafkaSASLPassword, s.KafkaSASLPasswordFile),
		TLS:      p.boolean("KAFKA_TLS", s.KafkaTLS),
		CA:       s.KafkaTLSCA, Cert: s.KafkaTLSCert, Key: s.KafkaTLSKey,
	}
	if len(c.Brokers) == 0 {
		p.add("KAFKA_BROKERS", s.KafkaBrokers, "host:port, or several with commas between", "name at least one broker")
	}
	for _, broker := range c.Brokers {
		host, port, err := net.SplitHostPort(broker)
		if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
			p.add("KAFKA_BROKERS", broker, "host:port, or several with commas between", "name host and port, as in localhost:9092")
		}
	}
	if s.KafkaSASLMechanism != "" {
		c.Mechanism = p.oneOf("KAFKA_SASL_MECHANISM", s.KafkaSASLMechanism, kafka.Plain, kafka.ScramSHA256, kafka.ScramSHA512)
		if c.Username == "" || c.Password.Empty() {
			p.add("KAFKA_SASL_USERNAME", c.Username, "a user and a password beside KAFKA_SASL_MECHANISM", "set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (or KAFKA_SASL_PASSWORD_FILE)")
		}
	} else if c.Username != "" || !c.Password.Empty() {
		p.add("KAFKA_SASL_MECHANISM", "", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 beside a user or password", "set the one that the cluster uses")
	}
	if !c.TLS && (c.CA != "" || c.Cert != "" || c.Key != "") {
		p.add("KAFKA_TLS", s.KafkaTLS, "true where KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY is set", "set KAFKA_TLS=true or unset them")
	}
	p.file("KAFKA_TLS_CA", c.CA)
	p.file("KAFKA_TLS_CERT", c.Cert)
	p.file("KAFKA_TLS_KEY", c.Key)
	if (c.Cert == "") != (c.Key == "") {
		p.add("KAFKA_TLS_CERT", c.Cert, "a certificate and its key, or neither", "set both KAFKA_TLS_CERT and KAFKA_TLS_KEY")
	}
	return c
}

// usableKafka reports, as a *UsageError, certificates that no client can be made
// with.
func (c Producer) usableKafka() error {
	if err := c.Kafka.Check(); err != nil {
		return &UsageError{Problems: []error{fmt.Errorf("KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY can't be used: %w", err)}}
	}
	return nil
}

func (s *settings) topics(p *problems) Topics {
	t := Topics{
		CareerSites: p.name("CAREER_SITES_TOPIC", s.CareerSitesTopic),
		Progress:    p.name("PROGRESS_TOPIC", s.ProgressTopic),
		DeadLetters: p.name("DEAD_LETTERS_TOPIC", s.DeadLettersTopic),
		Create:      p.boolean("TOPICS_CREATE", s.TopicsCreate),
		Partitions:  p.integer("TOPIC_PARTITIONS", s.TopicPartitions, 1, 10_000),
		Replication: p.integer("TOPIC_REPLICATION_FACTOR", s.TopicReplicationFactor, -1, 100),
	}
	if t.CareerSites == t.Progress || t.CareerSites == t.DeadLetters || t.Progress == t.DeadLetters {
		p.add("PROGRESS_TOPIC", t.Progress, "three topics with three names", "give CAREER_SITES_TOPIC, PROGRESS_TOPIC and DEAD_LETTERS_TOPIC different names")
	}
	return t
}

func (s *settings) budget(p *problems) Budget {
	b := Budget{
		PerRow:      p.credits("CREDITS_PER_ROW", s.CreditsPerRow, 1),
		PerRun:      p.credits("CREDITS_MAX_PER_RUN", s.CreditsMaxPerRun, 1),
		PerDay:      p.credits("CREDITS_MAX_PER_DAY", s.CreditsMaxPerDay, 1),
		PerMonth:    p.credits("CREDITS_MAX_PER_MONTH", s.CreditsMaxPerMonth, 1),
		MinBalance:  p.credits("CREDITS_MIN_BALANCE", s.CreditsMinBalance, 0),
		WarnBalance: p.credits("CREDITS_WARN_BALANCE", s.CreditsWarnBalance, 1),
	}
	for _, limit := range []struct {
		name, given string
		credits     int64
	}{
		{"CREDITS_MAX_PER_RUN", s.CreditsMaxPerRun, b.PerRun},
		{"CREDITS_MAX_PER_DAY", s.CreditsMaxPerDay, b.PerDay},
		{"CREDITS_MAX_PER_MONTH", s.CreditsMaxPerMonth, b.PerMonth},
	} {
		// A budget of no row at all is a slip, often of dollars for credits.
		if limit.credits > 0 && limit.credits < b.PerRow {
			p.add(limit.name, limit.given, fmt.Sprintf("credits for one row at least, which is CREDITS_PER_ROW=%d", b.PerRow), "raise it; 1000 credits are USD 1")
		}
	}
	return b
}

func (s *settings) filters(p *problems) feed.Filters {
	f := feed.Filters{
		Industries:       p.words("FILTER_INDUSTRIES", s.FilterIndustries),
		CompanySizes:     p.words("FILTER_COMPANY_SIZES", s.FilterCompanySizes),
		CountryCodes:     p.countries("FILTER_COUNTRY_CODES", s.FilterCountryCodes),
		FundingStages:    p.words("FILTER_FUNDING_STAGES", s.FilterFundingStages),
		CompanyTypes:     p.words("FILTER_COMPANY_TYPES", s.FilterCompanyTypes),
		UpdatedAfter:     p.instant("FILTER_UPDATED_AFTER", s.FilterUpdatedAfter),
		DiscoveredAfter:  p.instant("FILTER_DISCOVERED_AFTER", s.FilterDiscoveredAfter),
		DiscoveredBefore: p.instant("FILTER_DISCOVERED_BEFORE", s.FilterDiscoveredBefore),
	}
	if s.FilterFoundedAfter != "" {
		year := p.integer("FILTER_FOUNDED_AFTER", s.FilterFoundedAfter, 1, 9999)
		f.FoundedAfter = &year
	}
	if s.FilterIsAgency != "" {
		agency := p.boolean("FILTER_IS_AGENCY", s.FilterIsAgency)
		f.IsAgency = &agency
	}
	if f.DiscoveredAfter != nil && f.DiscoveredBefore != nil && !f.DiscoveredAfter.Before(*f.DiscoveredBefore) {
		p.add("FILTER_DISCOVERED_BEFORE", s.FilterDiscoveredBefore, "an instant after FILTER_DISCOVERED_AFTER", "no company lies between the two as they are")
	}
	return f
}
