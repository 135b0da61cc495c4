package kafka

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Cluster is a Kafka cluster that has answered. Its methods may be called from
// several goroutines.
type Cluster struct {
	config Config
	opts   []kgo.Opt
	client *kgo.Client // for metadata and reading; each Session and each Group has a client of its own
	admin  *kadm.Client
	// unpack keeps its decoders: a topic takes thousands of fetches to read.
	unpack kgo.Decompressor
}

// Open connects to the cluster. It fails, with what to mend, where no broker
// answers within Config.DialTimeout, or where one refuses the credentials.
func Open(ctx context.Context, config Config) (*Cluster, error) {
	opts, err := config.options()
	if err != nil {
		return nil, err
	}
	dials := new(lastDial)
	client, err := kgo.NewClient(append(opts, kgo.WithHooks(dials))...)
	if err != nil {
		return nil, fmt.Errorf("kafka client for %s: %w", strings.Join(config.Brokers, ","), err)
	}
	timeout := config.DialTimeout
	if timeout == 0 {
		timeout = 10 * time.Second
	}
	pingCtx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	err = client.Ping(pingCtx)
	dial := dials.err() // before Close, which is one more reason not to connect
	client.Close()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, config.explain(err, dial)
	}
	// From here on TLS and SASL are known to work: an EOF is a broker that went
	// away, and worth another try even on a connection's first request.
	opts = append(opts, kgo.AlwaysRetryEOF())
	if client, err = kgo.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("kafka client for %s: %w", strings.Join(config.Brokers, ","), err)
	}
	return &Cluster{config: config, opts: opts, client: client, admin: kadm.NewClient(client), unpack: kgo.DefaultDecompressor()}, nil
}

// Close ends the connections. Sessions and groups are closed by their owners.
func (c *Cluster) Close() { c.client.Close() }

// lastDial remembers why the newest attempt to connect failed: the library goes
// on trying and reports only that time ran out.
type lastDial struct{ failure atomic.Pointer[error] }

var _ kgo.HookBrokerConnect = (*lastDial)(nil)

// OnBrokerConnect implements kgo.HookBrokerConnect.
func (d *lastDial) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	if err != nil {
		d.failure.Store(&err)
	}
}

func (d *lastDial) err() error {
	if p := d.failure.Load(); p != nil {
		return *p
	}
	return nil
}
