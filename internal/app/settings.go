package app

// The settings are text: flag, environment variable and YAML key have the same
// name. They are text so that one pass can judge all of them and report every
// mistake at once, with what was given. An empty text is not set, except where
// the tag empty says what it means; the tag complete has what a shell proposes,
// and ${...} in a help is what a program calls it; see program.

// producerSettings are those of the producer. Groups that the enricher has too
// are structs that both embed.
type producerSettings struct {
	fileSettings
	apiSettings    `group:"Feed"`
	feedSettings   `group:"Feed"`
	filterSettings `group:"Filters"`
	moneySettings  `group:"Money"`
	kafkaSettings  `group:"Kafka"`
	sitesTopic     `group:"Topics"`
	progressTopic  `group:"Topics"`
	topicSettings  `group:"Topics"`
	valueSettings  `group:"Values"`
	redisSettings  `group:"Redis"`
	leaseSettings  `group:"Redis"`
	sightSettings  `group:"Sight"`
}

// What both programs have.
type (
	fileSettings struct {
		Config string `help:"YAML file with settings, by the names of the flags or of the environment." placeholder:"FILE" env:"CONFIG"`
	}

	apiSettings struct {
		JoboAPIKey     string `type:"secret" name:"jobo-api-key" env:"JOBO_API_KEY" placeholder:"KEY" help:"API key of ${key_of}. Better given by file or environment: others on this machine can see flags."`
		JoboAPIKeyFile string `name:"jobo-api-key-file" env:"JOBO_API_KEY_FILE" placeholder:"FILE" help:"File that holds the API key."`
		JoboBaseURL    string `name:"jobo-base-url" env:"JOBO_BASE_URL" default:"https://connect.jobo.world" placeholder:"URL" help:"Where ${api} is. Plain http only to this machine."`
		JoboInsecure   string `type:"switch" name:"jobo-insecure" env:"JOBO_INSECURE" default:"false" help:"Allow plain http to another machine: the key is then sent unencrypted."`
	}

	kafkaSettings struct {
		KafkaBrokers          string `name:"kafka-brokers" env:"KAFKA_BROKERS" default:"localhost:9092" placeholder:"HOST:PORT,..." help:"Brokers to find the cluster by."`
		KafkaSASLMechanism    string `name:"kafka-sasl-mechanism" env:"KAFKA_SASL_MECHANISM" placeholder:"NAME" complete:"PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."`
		KafkaSASLUsername     string `name:"kafka-sasl-username" env:"KAFKA_SASL_USERNAME" placeholder:"NAME" help:"User for SASL."`
		KafkaSASLPassword     string `type:"secret" name:"kafka-sasl-password" env:"KAFKA_SASL_PASSWORD" placeholder:"SECRET" help:"Password for SASL; better by file or environment."`
		KafkaSASLPasswordFile string `name:"kafka-sasl-password-file" env:"KAFKA_SASL_PASSWORD_FILE" placeholder:"FILE" help:"File that holds the password."`
		KafkaTLS              string `type:"switch" name:"kafka-tls" env:"KAFKA_TLS" default:"false" help:"Encrypt the connection."`
		KafkaTLSCA            string `name:"kafka-tls-ca" env:"KAFKA_TLS_CA" placeholder:"FILE" help:"Certificates to trust instead of the system's."`
		KafkaTLSCert          string `name:"kafka-tls-cert" env:"KAFKA_TLS_CERT" placeholder:"FILE" help:"Client certificate."`
		KafkaTLSKey           string `name:"kafka-tls-key" env:"KAFKA_TLS_KEY" placeholder:"FILE" help:"Key of the client certificate."`
	}

	sitesTopic struct {
		CareerSitesTopic string `name:"career-sites-topic" env:"CAREER_SITES_TOPIC" default:"jobo.career-sites.v1" placeholder:"TOPIC" help:"Career sites, compacted, keyed by company id."`
	}

	topicSettings struct {
		DeadLettersTopic       string `name:"dead-letters-topic" env:"DEAD_LETTERS_TOPIC" default:"jobo.dead-letters.v1" placeholder:"TOPIC" help:"${dead_letters}."`
		TopicsCreate           string `type:"switch" name:"topics-create" env:"TOPICS_CREATE" default:"true" help:"Create missing topics with the right settings."`
		TopicPartitions        string `name:"topic-partitions" env:"TOPIC_PARTITIONS" default:"6" placeholder:"N" help:"Partitions of the career-sites topic, if it is created; ${other_topics}."`
		TopicReplicationFactor string `name:"topic-replication-factor" env:"TOPIC_REPLICATION_FACTOR" default:"-1" placeholder:"N" help:"Replicas of topics that are created; -1 is the broker's default."`
	}

	valueSettings struct {
		ValueFormat          string `name:"value-format" env:"VALUE_FORMAT" default:"json" placeholder:"FORMAT" complete:"json,avro" help:"json: values as the API sent them. avro: Avro with a schema registry; nothing is lost."`
		RegistryURL          string `name:"schema-registry-url" env:"SCHEMA_REGISTRY_URL" placeholder:"URL,..." help:"Base URL of the schema registry, or several to try in turn. ${registry_for}."`
		RegistryUsername     string `name:"schema-registry-username" env:"SCHEMA_REGISTRY_USERNAME" placeholder:"NAME" help:"User for basic auth."`
		RegistryPassword     string `type:"secret" name:"schema-registry-password" env:"SCHEMA_REGISTRY_PASSWORD" placeholder:"SECRET" help:"Password for basic auth; better by file or environment."`
		RegistryPasswordFile string `name:"schema-registry-password-file" env:"SCHEMA_REGISTRY_PASSWORD_FILE" placeholder:"FILE" help:"File that holds the password."`
		RegistryTLSCA        string `name:"schema-registry-tls-ca" env:"SCHEMA_REGISTRY_TLS_CA" placeholder:"FILE" help:"Certificates to trust instead of the system's."`
		RegistryTLSCert      string `name:"schema-registry-tls-cert" env:"SCHEMA_REGISTRY_TLS_CERT" placeholder:"FILE" help:"Client certificate."`
		RegistryTLSKey       string `name:"schema-registry-tls-key" env:"SCHEMA_REGISTRY_TLS_KEY" placeholder:"FILE" help:"Key of the client certificate."`
		RegistryAutoRegister string `type:"switch" name:"schema-registry-auto-register" env:"SCHEMA_REGISTRY_AUTO_REGISTER" default:"true" help:"Register the schema at the start; false: it has to be there, as schemas push leaves it."`
	}

	redisSettings struct {
		RedisURL     string `type:"secret" name:"redis-url" env:"REDIS_URL" default:"redis://localhost:6379/0" placeholder:"URL" help:"Redis for ${redis_for}: redis, rediss, Sentinel and Cluster."`
		RedisURLFile string `name:"redis-url-file" env:"REDIS_URL_FILE" placeholder:"FILE" help:"File that holds the URL, for one with a password."`
	}

	sightSettings struct {
		Listen string `name:"listen" env:"LISTEN" default:":9090" placeholder:"HOST:PORT" empty:"off" help:"Where run serves /metrics, /livez, /readyz and /status; off or nothing: nowhere."`

		LogLevel  string `name:"log-level" env:"LOG_LEVEL" default:"info" placeholder:"LEVEL" complete:"debug,info,warn,error" help:"debug, info, warn or error."`
		LogFormat string `name:"log-format" env:"LOG_FORMAT" default:"auto" placeholder:"FORMAT" complete:"auto,console,json" help:"console, json, or auto: console on a terminal."`
	}
)

// What only the producer has.
type (
	feedSettings struct {
		FeedName      string `name:"feed-name" env:"FEED_NAME" default:"career-sites" placeholder:"NAME" help:"Name of this stream: of its state, its lease and its transactional id."`
		FeedRateLimit string `name:"feed-rate-limit" env:"FEED_RATE_LIMIT" default:"120/m,5000/h,50000/d" placeholder:"LIMITS" help:"Requests in any minute, hour and day, or off."`
		BatchSize     string `name:"batch-size" env:"BATCH_SIZE" default:"50" placeholder:"ROWS" help:"Rows a page, 1 to 50."`
		SyncOverlap   string `name:"sync-overlap" env:"SYNC_OVERLAP" default:"15m" placeholder:"DURATION" help:"How far before the watermark an incremental run begins."`
		SyncInterval  string `name:"sync-interval" env:"SYNC_INTERVAL" default:"6h" placeholder:"DURATION" help:"From the start of one run of the verb run to the next, give or take a twentieth."`
		Prefetch      string `name:"prefetch" env:"PREFETCH" default:"0" placeholder:"PAGES" help:"Pages bought while earlier ones commit, 0 to 16; each is one more that a crash may buy again."`
		Windows       string `name:"backfill-windows" env:"BACKFILL_WINDOWS" default:"0" placeholder:"N" help:"Windows of discovered_at that a backfill is cut into and that are paged at the same time, up to 64; 0: not cut."`
	}

	filterSettings struct {
		FilterIndustries       string `name:"filter-industries" env:"FILTER_INDUSTRIES" placeholder:"A,B" help:"Industry tags, any of them."`
		FilterCompanySizes     string `name:"filter-company-sizes" env:"FILTER_COMPANY_SIZES" placeholder:"A,B" help:"Bands, such as 11-50."`
		FilterCountryCodes     string `name:"filter-country-codes" env:"FILTER_COUNTRY_CODES" placeholder:"A,B" help:"ISO 3166-1 alpha-2."`
		FilterFundingStages    string `name:"filter-funding-stages" env:"FILTER_FUNDING_STAGES" placeholder:"A,B" help:"Such as seed, series_a."`
		FilterCompanyTypes     string `name:"filter-company-types" env:"FILTER_COMPANY_TYPES" placeholder:"A,B" help:"Such as for_profit."`
		FilterFoundedAfter     string `name:"filter-founded-after" env:"FILTER_FOUNDED_AFTER" placeholder:"YEAR" help:"Founded in or after this year."`
		FilterIsAgency         string `type:"switch" name:"filter-is-agency" env:"FILTER_IS_AGENCY" help:"true: only agencies; false: only others."`
		FilterUpdatedAfter     string `name:"filter-updated-after" env:"FILTER_UPDATED_AFTER" placeholder:"TIME" help:"Updated after this instant."`
		FilterDiscoveredAfter  string `name:"filter-discovered-after" env:"FILTER_DISCOVERED_AFTER" placeholder:"TIME" help:"Discovered at or after this instant."`
		FilterDiscoveredBefore string `name:"filter-discovered-before" env:"FILTER_DISCOVERED_BEFORE" placeholder:"TIME" help:"Discovered before this instant."`
	}

	moneySettings struct {
		CreditsPerRow       string `name:"credits-per-row" env:"CREDITS_PER_ROW" default:"50" placeholder:"N" help:"Price of a row until the feed says what it takes; 1000 credits are USD 1."`
		CreditsMaxPerRun    string `name:"credits-max-per-run" env:"CREDITS_MAX_PER_RUN" placeholder:"N" help:"Most credits that one run spends; no limit if empty."`
		CreditsMaxPerDay    string `name:"credits-max-per-day" env:"CREDITS_MAX_PER_DAY" placeholder:"N" help:"Most that all processes of the API key spend in a day (UTC)."`
		CreditsMaxPerMonth  string `name:"credits-max-per-month" env:"CREDITS_MAX_PER_MONTH" placeholder:"N" help:"Most that all processes of the API key spend in a month (UTC)."`
		CreditsMinBalance   string `name:"credits-min-balance" env:"CREDITS_MIN_BALANCE" default:"0" placeholder:"N" help:"Credits that stay in the wallet."`
		CreditsWarnBalance  string `name:"credits-warn-balance" env:"CREDITS_WARN_BALANCE" placeholder:"N" help:"Warn once when the wallet falls below this; never if empty."`
		WalletProbeInterval string `name:"wallet-probe-interval" env:"WALLET_PROBE_INTERVAL" default:"15m" placeholder:"DURATION" help:"How often run tries again while the wallet or a budget pauses it."`
	}

	progressTopic struct {
		ProgressTopic string `name:"progress-topic" env:"PROGRESS_TOPIC" default:"jobo.career-sites.progress.v1" placeholder:"TOPIC" help:"Checkpoints, compacted, one partition."`
	}

	leaseSettings struct {
		LeaseTTL string `name:"lease-ttl" env:"LEASE_TTL" default:"15s" placeholder:"DURATION" help:"After this long without a renewal another instance takes over."`
	}
)
