package app

import (
	"fmt"
	"time"

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
	Values Values

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

// config judges the settings and returns what they mean, and all that is wrong.
func (s *producerSettings) config(needKey bool) (Producer, []error) {
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
		Values:      s.values(&p),
		Filters:     s.filters(&p),
		Log:         s.log(&p),
		Limits:      p.limits("FEED_RATE_LIMIT", s.FeedRateLimit),
		Feed:        s.feed(&p, needKey),
	}
	return c, p.list
}

func (s *producerSettings) feed(p *problems, needKey bool) feed.Config {
	a := s.api(p, needKey, func(a api) error { return usable(feed.Config{BaseURL: a.baseURL, Insecure: a.insecure, Key: a.key}) })
	return feed.Config{BaseURL: a.baseURL, Insecure: a.insecure, Key: a.key}
}

// usable reports why no client of the feed can be made with c.
func usable(c feed.Config) error {
	client, err := feed.New(c)
	if err == nil {
		client.Close()
	}
	return err
}

func (s *producerSettings) topics(p *problems) Topics {
	t := Topics{
		CareerSites: p.name("CAREER_SITES_TOPIC", s.CareerSitesTopic),
		Progress:    p.name("PROGRESS_TOPIC", s.ProgressTopic),
		DeadLetters: p.name("DEAD_LETTERS_TOPIC", s.DeadLettersTopic),
	}
	t.Create, t.Partitions, t.Replication = s.creation(p)
	if t.CareerSites == t.Progress || t.CareerSites == t.DeadLetters || t.Progress == t.DeadLetters {
		p.add("PROGRESS_TOPIC", t.Progress, "three topics with three names", "give CAREER_SITES_TOPIC, PROGRESS_TOPIC and DEAD_LETTERS_TOPIC different names")
	}
	return t
}

func (s *producerSettings) budget(p *problems) Budget {
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

func (s *producerSettings) filters(p *problems) feed.Filters {
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
