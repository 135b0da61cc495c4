package kafka_test

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/careerstream/careerstream/internal/kafka"
)

// The embedded broker lacks requests that Kafka has, so that its version can't be
// told by them.
func TestFeaturesTellHowStrongTransactionsAre(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts        []kfake.Opt
		transaction int
		says        string
	}{
		"the newest": {[]kfake.Opt{kfake.NumBrokers(3)}, 2, ", 3 brokers"},
		"4.0":        {[]kfake.Opt{kfake.NumBrokers(1), kfake.MaxVersions(kversion.V4_0_0())}, 2, ", 1 broker"},
		"3.9":        {[]kfake.Opt{kfake.NumBrokers(1), kfake.MaxVersions(kversion.V3_9_0())}, 0, "Kafka of a version that can't be told"},
		"without features": {
			[]kfake.Opt{kfake.NumBrokers(1), kfake.MaxVersions(kversion.V2_5_0())}, -1, "Kafka of a version that can't be told",
		},
		"Redpanda": {
			[]kfake.Opt{kfake.NumBrokers(1), kfake.MaxVersions(kversion.V2_5_0()), kfake.ClusterID("redpanda.0d4f")}, -1, "Redpanda, 1 broker",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := connectFake(t, test.opts...)
			f, err := b.cluster.Features(within(t, patience))
			if err != nil {
				t.Fatalf("Features: %v", err)
			}
			if f.TransactionVersion != test.transaction {
				t.Errorf("transaction.version: got %d, want %d", f.TransactionVersion, test.transaction)
			}
			if !strings.Contains(f.String(), test.says) {
				t.Errorf("got %q, want %q in it", f, test.says)
			}
		})
	}
}

// The suite runs against a real broker too: of a version that is supported.
func TestFeaturesOfTheBrokerUnderTest(t *testing.T) {
	t.Parallel()
	f, err := connect(t).cluster.Features(within(t, patience))
	if err != nil {
		t.Fatalf("Features: %v", err)
	}
	if f.Brokers < 1 || f.TransactionVersion < kafka.StrongTransactions && f.Product == "" {
		t.Errorf("got %+v, want brokers with transaction.version %d", f, kafka.StrongTransactions)
	}
}
