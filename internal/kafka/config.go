package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
	"github.com/twmb/franz-go/plugin/kzap"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/careerstream/careerstream/internal/secret"
)

// The SASL mechanisms that a cluster may ask for.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
)

// metadataAge is how long a client trusts what it knows of the cluster.
const metadataAge = 250 * time.Millisecond

// Config says which cluster to talk to and how.
type Config struct {
	// Brokers are the host:port pairs that the cluster is found by.
	Brokers []string
	// Mechanism is a SASL mechanism; empty means no authentication.
	Mechanism string
	Username  string
	Password  secret.String
	// TLS turns encryption on. CA is a file of PEM certificates to trust in
	// place of the system's, Cert and Key the files of a client certificate;
	// empty means none.
	TLS           bool
	CA, Cert, Key string
	// DialTimeout bounds Open's first exchange with the cluster; zero means 10 s.
	DialTimeout time.Duration
	// Log receives what the client library says, at debug level; nil means nobody.
	Log *zap.Logger
	// Hooks are called by every client: the one that a Cluster reads with, the one
	// that Open tries the cluster with, those of each Session and each Group. They are
	// there at the same time, so a hook must not belong to one client. *kprom.Metrics does:
	// OnNewClient makes its metrics, which panics where the registry has them, and
	// OnClientClosed takes them away. So call OnNewClient once, with a client that
	// stays, and pass the metrics in a struct that embeds the other hooks that
	// they have and not these two. kotel's hooks are good as they are.
	Hooks []kgo.Hook
	// Options are appended to those of every client: for another network.
	Options []kgo.Opt
}

// Check reports what no client can be made with: a mechanism that does not
// exist, certificates that can't be read.
func (c Config) Check() error {
	_, err := c.options()
	return err
}

// options are common to every client of the cluster.
func (c Config) options() ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID("careerstream"),
		// A topic that is missing is created with the right settings or not at
		// all: never by a broker's defaults.
		kgo.UnknownTopicRetries(4),
		// A moved leader is found in a quarter of a second instead of 5 s: a
		// page waits for it with its transaction open.
		kgo.MetadataMinAge(metadataAge),
		// What the library pushes to the cluster about itself helps nobody here.
		kgo.DisableClientMetrics(),
		// A batch that claims to be a gigabyte is a fault, not data.
		kgo.MaxDecompressBatchBytes(64 << 20),
	}
	if c.Log != nil && c.Log.Core().Enabled(zapcore.DebugLevel) {
		opts = append(opts, kgo.WithLogger(kzap.New(c.Log.Named("kgo"), kzap.Level(kgo.LogLevelInfo))))
	}
	mechanism, err := c.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	if c.TLS {
		config, err := c.tls()
		if err != nil {
			return nil, err
		}
		opts = append(opts, kgo.DialTLSConfig(config))
	}
	return append(append(opts, kgo.WithHooks(c.Hooks...)), c.Options...), nil
}

func (c Config) mechanism() (sasl.Mechanism, error) {
	user, pass := c.Username, c.Password.Reveal()
	switch c.Mechanism {
	case "":
		return nil, nil //nolint:nilnil // no mechanism is a valid answer: the cluster asks for none
	case Plain:
		return plain.Auth{User: user, Pass: pass}.AsMechanism(), nil
	case ScramSHA256:
		return scram.Auth{User: user, Pass: pass}.AsSha256Mechanism(), nil
	case ScramSHA512:
		return scram.Auth{User: user, Pass: pass}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("sasl mechanism %q: expected %s, %s or %s", c.Mechanism, Plain, ScramSHA256, ScramSHA512)
}

func (c Config) tls() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("certificates of the Kafka CA: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates of the Kafka CA: %s holds no PEM certificate", c.CA)
		}
	}
	if c.Cert != "" || c.Key != "" {
		pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
		if err != nil {
			return nil, fmt.Errorf("client certificate for Kafka: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
