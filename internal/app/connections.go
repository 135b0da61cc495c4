package app

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/secret"
)

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

// api is where the API is, and the key for it.
type api struct {
	baseURL  string
	insecure bool
	key      secret.String
}

// api judges the settings of the API. usable reports why the program could make
// no client with them.
func (s *apiSettings) api(p *problems, needKey bool, usable func(api) error) api {
	a := api{
		baseURL:  strings.TrimRight(s.JoboBaseURL, "/"),
		insecure: p.boolean("JOBO_INSECURE", s.JoboInsecure),
		key:      p.secretOf("JOBO_API_KEY", s.JoboAPIKey, s.JoboAPIKeyFile),
	}
	if needKey && a.key.Empty() && s.JoboAPIKey == "" && s.JoboAPIKeyFile == "" {
		p.list = append(p.list, errors.New("JOBO_API_KEY is not set: it is the API key of the feed; set it, or JOBO_API_KEY_FILE to a file that holds it"))
	}
	// The client knows what it can work with. It says it about the URL and the
	// key one at a time, so each is shown to it beside one that is good. What was
	// given is left to its words: either may be, or hold, a secret.
	probe := api{baseURL: a.baseURL, insecure: a.insecure, key: secret.New("any")}
	if err := usable(probe); err != nil {
		fix := ""
		if probe.insecure = true; usable(probe) == nil && !strings.Contains(err.Error(), "JOBO_INSECURE") {
			fix = ", as JOBO_INSECURE=true does"
		}
		p.list = append(p.list, fmt.Errorf("JOBO_BASE_URL can't be used: %w%s", err, fix))
	}
	if err := usable(api{key: a.key}); err != nil && !a.key.Empty() {
		p.list = append(p.list, fmt.Errorf("JOBO_API_KEY can't be used: %w", err))
	}
	return a
}

// reloadKey returns how the API key is read again; nil means that it can't be.
func (s *apiSettings) reloadKey() func() (secret.String, error) {
	if s.JoboAPIKeyFile == "" {
		return nil
	}
	return func() (secret.String, error) {
		var p problems
		key := p.secretOf("JOBO_API_KEY", "", s.JoboAPIKeyFile)
		return key, errors.Join(p.list...)
	}
}

// defaultRedisURL is the default in the tag of redisSettings.RedisURL.
const defaultRedisURL = "redis://localhost:6379/0"

func (s *redisSettings) redis(p *problems) secret.String {
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

func (s *kafkaSettings) kafka(p *problems) kafka.Config {
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
func usableKafka(c kafka.Config) error {
	if err := c.Check(); err != nil {
		return &UsageError{Problems: []error{fmt.Errorf("KAFKA_TLS_CA, KAFKA_TLS_CERT or KAFKA_TLS_KEY can't be used: %w", err)}}
	}
	return nil
}

// creation says how missing topics are created.
func (s *topicSettings) creation(p *problems) (create bool, partitions, replication int) {
	return p.boolean("TOPICS_CREATE", s.TopicsCreate),
		p.integer("TOPIC_PARTITIONS", s.TopicPartitions, 1, 10_000),
		p.integer("TOPIC_REPLICATION_FACTOR", s.TopicReplicationFactor, -1, 100)
}

func (s *sightSettings) log(p *problems) Log {
	return Log{
		Level:  p.oneOf("LOG_LEVEL", s.LogLevel, "debug", "info", "warn", "error"),
		Format: p.oneOf("LOG_FORMAT", s.LogFormat, "auto", "console", "json"),
	}
}
