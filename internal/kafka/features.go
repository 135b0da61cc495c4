package kafka

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// StrongTransactions is the transaction.version from which on every transaction
// has an epoch of its own (KIP-890): a request of an earlier one that was late in
// the network can't become part of it.
const StrongTransactions = 2

// Features are what a cluster's brokers say about themselves.
type Features struct {
	// Brokers is how many there are.
	Brokers int
	// Product is Redpanda where the cluster is one, and empty otherwise.
	Product string
	// Version is a guess by the requests that the oldest broker takes, such as
	// v4.3 or "at least v4.3"; empty where they are those of no version of Kafka.
	Version string
	// TransactionVersion is the level of the feature transaction.version that
	// the cluster has finalized; zero means that it has finalized others and not
	// this one, -1 that it reports no features at all.
	TransactionVersion int
}

// String is the version for people.
func (f Features) String() string {
	nodes := "1 broker"
	if f.Brokers != 1 {
		nodes = fmt.Sprintf("%d brokers", f.Brokers)
	}
	switch {
	case f.Product != "":
		return f.Product + ", " + nodes
	case f.Version == "":
		return "Kafka of a version that can't be told, " + nodes
	}
	return "Kafka " + f.Version + ", " + nodes
}

// Features asks the brokers for their versions. Where they differ, as during an
// upgrade, the lowest transaction.version counts.
func (c *Cluster) Features(ctx context.Context) (Features, error) {
	metadata, err := c.admin.BrokerMetadata(ctx)
	if err != nil {
		return Features{}, fmt.Errorf("brokers of the cluster: %w", classify(err))
	}
	versions, err := c.admin.ApiVersions(ctx)
	if err != nil {
		return Features{}, fmt.Errorf("versions of the brokers: %w", classify(err))
	}
	f := Features{Brokers: len(metadata.Brokers)}
	// No request names the product. Redpanda makes cluster ids of this form.
	if strings.HasPrefix(metadata.Cluster, "redpanda.") {
		f.Product = "Redpanda"
	}
	answers := versions.Sorted()
	answers = slices.DeleteFunc(answers, func(v kadm.BrokerApiVersions) bool {
		if v.Err != nil {
			err = fmt.Errorf("version of broker %d: %w", v.NodeID, classify(v.Err))
		}
		return v.Err != nil
	})
	if len(answers) == 0 {
		return f, err
	}
	for i, v := range answers {
		level := transactionVersion(v.Raw())
		if i == 0 || level < f.TransactionVersion {
			f.TransactionVersion, f.Version = level, version(v)
		}
	}
	return f, nil
}

// version leaves out guesses that say nothing: between two versions lies none.
func version(v kadm.BrokerApiVersions) string {
	guess := v.VersionGuess()
	if strings.HasPrefix(guess, "v") || strings.HasPrefix(guess, "at least v") {
		return guess
	}
	return ""
}

// transactionVersion reads the feature from one broker's answer. A level of zero
// is the same as no entry (KIP-584).
func transactionVersion(r *kmsg.ApiVersionsResponse) int {
	if len(r.FinalizedFeatures) == 0 {
		return -1
	}
	for _, feature := range r.FinalizedFeatures {
		if feature.Name == "transaction.version" {
			return int(feature.MaxVersionLevel)
		}
	}
	return 0
}
