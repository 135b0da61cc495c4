package app

// enricherSettings are those of the enricher.
type enricherSettings struct {
	fileSettings
	apiSettings     `group:"API"`
	companySettings `group:"API"`
	enrichSettings  `group:"Work"`
	kafkaSettings   `group:"Kafka"`
	groupSettings   `group:"Kafka"`
	sitesTopic      `group:"Topics"`
	companyTopics   `group:"Topics"`
	topicSettings   `group:"Topics"`
	valueSettings   `group:"Values"`
	redisSettings   `group:"Redis"`
	sightSettings   `group:"Sight"`
}

// What only the enricher has.
type (
	companySettings struct {
		CompanyHosts     string `name:"company-hosts" env:"COMPANY_HOSTS" placeholder:"A,B" help:"The only hosts that a details_url may name, each with its port if that is not 443. If empty, that of JOBO_BASE_URL; with the vendor's own also jobo.world and all below it."`
		CompanySendKey   string `type:"switch" name:"company-send-key" env:"COMPANY_SEND_KEY" default:"true" help:"Send the API key to the host of JOBO_BASE_URL, and never to another."`
		CompanyTimeout   string `name:"company-timeout" env:"COMPANY_TIMEOUT" default:"30s" placeholder:"DURATION" help:"How long one try for a profile may take."`
		CompanyRateLimit string `name:"company-rate-limit" env:"COMPANY_RATE_LIMIT" default:"360/m,10000/h,100000/d" placeholder:"LIMITS" help:"Requests in any minute, hour and day, of all replicas together, or off."`
	}

	enrichSettings struct {
		Select       string `name:"enrich-select" env:"ENRICH_SELECT" placeholder:"EXPRESSION" help:"Which career sites are chosen; true: all; if empty none, only requests. enricher plan --help says how to write it."`
		Concurrency  string `name:"enrich-concurrency" env:"ENRICH_CONCURRENCY" default:"16" placeholder:"N" help:"Requests in flight, 1 to 1024."`
		Batch        string `name:"enrich-batch" env:"ENRICH_BATCH" default:"100" placeholder:"N" help:"Requests that may be made and not committed, 1 to 10000: the most that a crash repeats."`
		RetryDelays  string `name:"enrich-retry-delays" env:"ENRICH_RETRY_DELAYS" default:"1m,10m,1h" placeholder:"A,B" help:"Waits before a company that did not answer is tried again, 1 to 5, each longer than the one before; then it is a dead letter. Each has a topic."`
		NotFoundTTL  string `name:"enrich-not-found-ttl" env:"ENRICH_NOT_FOUND_TTL" default:"24h" placeholder:"DURATION" help:"How long a company that was not found is left alone."`
		StallTimeout string `name:"enrich-stall-timeout" env:"ENRICH_STALL_TIMEOUT" default:"5m" placeholder:"DURATION" help:"The process ends, to be started again, when nothing moves for this long although there is work."`
	}

	groupSettings struct {
		Group          string `name:"enrich-group" env:"ENRICH_GROUP" default:"jobo-enricher" placeholder:"NAME" help:"Consumer group that replicas share the work in."`
		SessionTimeout string `name:"enrich-session-timeout" env:"ENRICH_SESSION_TIMEOUT" default:"45s" placeholder:"DURATION" help:"After this long without a sign of life a replica's work goes to the others."`
	}

	companyTopics struct {
		CompaniesTopic string `name:"companies-topic" env:"COMPANIES_TOPIC" default:"jobo.companies.v1" placeholder:"TOPIC" help:"Full profiles, compacted, keyed by company id."`
		RequestsTopic  string `name:"requests-topic" env:"REQUESTS_TOPIC" default:"jobo.company-requests.v1" placeholder:"TOPIC" help:"Companies that somebody asked for, keyed by company id."`
		RetriesTopic   string `name:"retries-topic" env:"RETRIES_TOPIC" default:"jobo.company-retries.v1" placeholder:"TOPIC" help:"Beginning of the names of the topics with companies that wait for another try: .0 is due at once, .1 after the first delay, and so on."`
	}
)
