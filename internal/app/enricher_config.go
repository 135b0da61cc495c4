package app

import (
	"fmt"
	"strings"
	"time"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/ratelimit"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/selection"
)

// Enricher is the configuration of the enricher.
type Enricher struct {
	Company company.Config
	// Limits are the request limits that all replicas share; none is no limit.
	Limits ratelimit.Windows
	// Selection says which career sites are chosen; none but those requested, if
	// it selects nothing.
	Selection *selection.Selection
	// Concurrency is how many requests are in flight, Batch how many of them may
	// be made and not committed.
	Concurrency, Batch int
	// Group is the consumer group. A member that gives no sign of life for
	// SessionTimeout is out of it.
	Group          string
	SessionTimeout time.Duration
	// RetryDelays are the waits before a company that did not answer is tried
	// again, each longer than the one before.
	RetryDelays []time.Duration
	// NotFoundTTL is how long a company that was not found is left alone.
	NotFoundTTL time.Duration
	// Stall is how long nothing may move although there is work.
	Stall time.Duration

	Kafka  kafka.Config
	Topics EnricherTopics
	Values Values

	RedisURL secret.String

	// Listen is the host:port of metrics and health; empty means nowhere.
	Listen string
	Log    Log
}

// EnricherTopics names the topics and says how missing ones are created.
type EnricherTopics struct {
	CareerSites, Companies, Requests string
	// Retries is what the names of the retry topics begin with: .0 for what is due
	// at once, then one for each of RetryDelays.
	Retries     string
	DeadLetters string
	Create      bool
	// Partitions is how many a career-sites topic gets that is created; topics
	// that go with it have as many as it has.
	Partitions, Replication int
}

// config judges the settings and returns what they mean, and all that is wrong.
func (s *enricherSettings) config() (Enricher, []error) {
	var p problems
	c := Enricher{
		Company:        s.company(&p),
		Limits:         p.limits("COMPANY_RATE_LIMIT", s.CompanyRateLimit),
		Selection:      p.selection("ENRICH_SELECT", s.Select),
		Concurrency:    p.integer("ENRICH_CONCURRENCY", s.Concurrency, 1, 1024),
		Batch:          p.integer("ENRICH_BATCH", s.Batch, 1, 10_000),
		RetryDelays:    p.delays("ENRICH_RETRY_DELAYS", s.RetryDelays),
		NotFoundTTL:    p.duration("ENRICH_NOT_FOUND_TTL", s.NotFoundTTL, time.Second, 365*24*time.Hour),
		Stall:          p.duration("ENRICH_STALL_TIMEOUT", s.StallTimeout, time.Second, 24*time.Hour),
		Kafka:          s.kafka(&p),
		Group:          p.name("ENRICH_GROUP", s.Group),
		SessionTimeout: p.duration("ENRICH_SESSION_TIMEOUT", s.SessionTimeout, time.Second, 30*time.Minute),
		Topics:         s.topics(&p),
		Values:         s.values(&p),
		RedisURL:       s.redis(&p),
		Listen:         p.listen("LISTEN", s.Listen),
		Log:            s.log(&p),
	}
	c.distinct(&p)
	if c.Stall > 0 && c.Stall <= c.Company.Timeout {
		p.add("ENRICH_STALL_TIMEOUT", s.StallTimeout, "longer than COMPANY_TIMEOUT="+s.CompanyTimeout, "raise it: one slow answer is no standstill")
	}
	return c, p.list
}

func (s *enricherSettings) company(p *problems) company.Config {
	a := s.api(p, false, func(a api) error {
		// A key that is only kept back is judged too: it may be sent tomorrow.
		return usableCompany(company.Config{BaseURL: a.baseURL, Insecure: a.insecure, Key: a.key, SendKey: !a.key.Empty()})
	})
	send := p.boolean("COMPANY_SEND_KEY", s.CompanySendKey)
	c := company.Config{
		BaseURL: a.baseURL, Insecure: a.insecure,
		Key: a.key, SendKey: send && !a.key.Empty(), // profiles are there for nobody too
		Timeout: p.duration("COMPANY_TIMEOUT", s.CompanyTimeout, 100*time.Millisecond, 10*time.Minute),
		Hosts:   p.words("COMPANY_HOSTS", s.CompanyHosts),
	}
	// The hosts are shown to the client beside the URL, where that is good: its own
	// address may be among them.
	probe := company.Config{BaseURL: a.baseURL, Insecure: a.insecure}
	if usableCompany(probe) != nil {
		probe = company.Config{}
	}
	probe.Hosts = c.Hosts
	if err := usableCompany(probe); err != nil {
		p.list = append(p.list, fmt.Errorf("COMPANY_HOSTS can't be used: %w", err))
	}
	return c
}

// usableCompany reports why no client for profiles can be made with c.
func usableCompany(c company.Config) error {
	client, err := company.New(c)
	if err == nil {
		client.Close()
	}
	return err
}

func (s *enricherSettings) topics(p *problems) EnricherTopics {
	t := EnricherTopics{
		CareerSites: p.name("CAREER_SITES_TOPIC", s.CareerSitesTopic),
		Companies:   p.name("COMPANIES_TOPIC", s.CompaniesTopic),
		Requests:    p.name("REQUESTS_TOPIC", s.RequestsTopic),
		Retries:     p.name("RETRIES_TOPIC", s.RetriesTopic),
		DeadLetters: p.name("DEAD_LETTERS_TOPIC", s.DeadLettersTopic),
	}
	t.Create, t.Partitions, t.Replication = s.creation(p)
	return t
}

// distinct reports topics that two settings name.
func (c Enricher) distinct(p *problems) {
	taken := make(map[string]string)
	for _, name := range c.retryTopics() {
		taken[name] = "RETRIES_TOPIC"
	}
	for _, t := range []struct{ setting, name string }{
		{"CAREER_SITES_TOPIC", c.Topics.CareerSites},
		{"COMPANIES_TOPIC", c.Topics.Companies},
		{"REQUESTS_TOPIC", c.Topics.Requests},
		{"DEAD_LETTERS_TOPIC", c.Topics.DeadLetters},
	} {
		if by, is := taken[t.name]; is {
			p.add(t.setting, t.name, "a topic of its own", by+" names it too: give them different names")
		}
		taken[t.name] = t.setting
	}
}

// selection reads which career sites are chosen. What is wrong with it takes
// several lines, with a mark below the place.
func (p *problems) selection(name, given string) *selection.Selection {
	s, err := selection.Parse(given)
	if err != nil {
		p.list = append(p.list, fmt.Errorf("%s can't be understood:\n  %s", name, strings.ReplaceAll(strings.TrimRight(err.Error(), "\n"), "\n", "\n  ")))
	}
	return s
}

// maxDelays is how many topics of waiting companies there may be.
const maxDelays = 5

// delays reads durations that grow.
func (p *problems) delays(name, given string) []time.Duration {
	const low, high = 100 * time.Millisecond, 24 * time.Hour
	var delays []time.Duration
	grow := true
	for _, part := range p.words(name, given) {
		d := p.duration(name, part, low, high)
		grow = grow && (len(delays) == 0 || d > delays[len(delays)-1])
		delays = append(delays, d)
	}
	if len(delays) < 1 || len(delays) > maxDelays || !grow {
		p.add(name, given, fmt.Sprintf("1 to %d durations, each longer than the one before", maxDelays), "write it like 1m,10m,1h")
	}
	return delays
}
