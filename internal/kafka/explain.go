package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/careerstream/careerstream/internal/retry"
)

// explain says what a failed connection means and how to mend it. dial is why
// the newest attempt to connect failed, nil if none did.
func (c Config) explain(err, dial error) error {
	at := strings.Join(c.Brokers, ",")
	cause := err
	if errors.Is(err, context.DeadlineExceeded) && dial != nil {
		cause = dial
	}
	var unknownCA x509.UnknownAuthorityError
	var badRecord tls.RecordHeaderError
	var hostname x509.HostnameError
	var network *net.OpError
	switch {
	case errors.Is(cause, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("kafka at %s refuses user %q with %s: %w: check KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD", at, c.Username, c.Mechanism, cause)
	case errors.Is(cause, kerr.UnsupportedSaslMechanism):
		return fmt.Errorf("kafka at %s does not offer %s: %w: set KAFKA_SASL_MECHANISM to one that it does", at, c.Mechanism, cause)
	case errors.As(cause, &unknownCA):
		return fmt.Errorf("kafka at %s: %w: set KAFKA_TLS_CA to the file of the CA that signed it", at, cause)
	case errors.As(cause, &hostname):
		return fmt.Errorf("kafka at %s: %w: name the brokers in KAFKA_BROKERS as their certificate does", at, cause)
	case errors.As(cause, &badRecord):
		return fmt.Errorf("kafka at %s does not speak TLS on this port: %w: unset KAFKA_TLS or use the TLS listener's port", at, cause)
	case errors.As(cause, &network) && network.Op == "remote error": // crypto/tls: the other side's alert
		return fmt.Errorf("kafka at %s refuses the TLS handshake: %w: set KAFKA_TLS_CERT and KAFKA_TLS_KEY to a client certificate that it trusts", at, cause)
	case (errors.Is(cause, io.EOF) || errors.Is(cause, syscall.ECONNRESET)) && c.Mechanism != "":
		return fmt.Errorf("kafka at %s closes the connection on user %q with %s: %w: check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM, and whether the listener wants TLS (KAFKA_TLS)", at, c.Username, c.Mechanism, cause)
	case errors.Is(cause, io.EOF) || errors.Is(cause, syscall.ECONNRESET):
		return fmt.Errorf("kafka at %s closes the connection: %w: the listener may want TLS (KAFKA_TLS) or SASL (KAFKA_SASL_MECHANISM)", at, cause)
	case errors.Is(err, context.DeadlineExceeded) && dial == nil:
		return fmt.Errorf("kafka at %s accepts connections but did not answer in time: %w: is it a Kafka listener, and is the broker up?", at, cause)
	case errors.As(cause, &network):
		return fmt.Errorf("kafka at %s can't be reached: %w: start it, or set KAFKA_BROKERS to where it is", at, cause)
	}
	return fmt.Errorf("kafka at %s does not answer as a Kafka broker does: %w: check that KAFKA_BROKERS names a Kafka listener, and whether it wants TLS (KAFKA_TLS)", at, cause)
}

// forbidden are answers that no further try changes: an operator has to act.
var forbidden = map[*kerr.Error]string{
	kerr.TopicAuthorizationFailed:           "the user lacks an ACL on the topic: allow Describe, DescribeConfigs, Read and Write (with TOPICS_CREATE also Create and AlterConfigs)",
	kerr.TransactionalIDAuthorizationFailed: "the user lacks an ACL on the transactional id: allow Describe and Write",
	kerr.GroupAuthorizationFailed:           "the user lacks an ACL on the group: allow Describe and Read",
	kerr.ClusterAuthorizationFailed:         "the user lacks an ACL on the cluster: allow IdempotentWrite",
	kerr.MessageTooLarge:                    "the topic's max.message.bytes became smaller than when the program started: raise it, or start the program again",
	kerr.InvalidRecord:                      "the broker refuses the record: check the topic's settings",
	kerr.InvalidTransactionTimeout:          "the cluster's transaction.max.timeout.ms is below one minute: raise it",
	kerr.InvalidSessionTimeout:              "the brokers' group.min.session.timeout.ms and group.max.session.timeout.ms do not allow this session timeout: choose one between them",
	kerr.InconsistentGroupProtocol:          "another program is in this group: name a group that is nobody else's",
	kerr.GroupMaxSizeReached:                "the brokers' group.max.size allows no more members: run fewer replicas, or raise it",
	kerr.OffsetMetadataTooLarge:             "the brokers' offset.metadata.max.bytes is below 4096: raise it",
	kerr.UnsupportedVersion:                 "the broker is too old: transactions with this client need Apache Kafka 2.5 or newer",
}

// classify marks errors that retrying can't cure, with what to do about them.
func classify(err error) error {
	for known, fix := range forbidden {
		if errors.Is(err, known) {
			return retry.Permanent(fmt.Errorf("%w: %s", err, fix))
		}
	}
	return err
}
