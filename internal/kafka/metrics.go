package kafka

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kprom"
)

// Metrics registers the client library's own metrics (connections, bytes,
// throttling) and returns the hook for Config.Hooks that moves them, whichever
// client it is about. close ends what they were made with.
func Metrics(reg *prometheus.Registry, namespace string) (hook kgo.Hook, closed func(), _ error) {
	m := kprom.NewMetrics(namespace, kprom.Registry(reg))
	// The library registers with a client, and clients come and go with every
	// epoch: one that stays, and never connects, stands for all.
	client, err := kgo.NewClient(kgo.SeedBrokers("localhost:1"), kgo.DisableClientMetrics())
	if err != nil {
		return nil, nil, fmt.Errorf("metrics of the kafka client: %w", err)
	}
	m.OnNewClient(client)
	return shared{m, m, m, m, m, m, m, m}, client.Close, nil
}

// shared are the hooks of the metrics that do not belong to one client.
type shared struct {
	kgo.HookBrokerConnect
	kgo.HookBrokerDisconnect
	kgo.HookBrokerWrite
	kgo.HookBrokerRead
	kgo.HookProduceBatchWritten
	kgo.HookFetchBatchRead
	kgo.HookBrokerE2E
	kgo.HookBrokerThrottle
}
