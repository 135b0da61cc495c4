// Package devstack runs the servers that the pipeline needs inside one process:
// an embedded Kafka (kfake), an embedded Redis (miniredis) and the simulated
// feed. It is for the local stack and for tests; no program that runs in
// production imports it. Wire is a network on which the broker's answers get
// lost, or take their time.
package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/alicebob/miniredis/v2"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/careerstream/careerstream/internal/simulator"
)

// Options say where the servers listen. A port of zero is any free one.
type Options struct {
	KafkaPort, RedisPort, FeedPort int
	// Feed is the simulated feed.
	Feed simulator.Options
}

// Stack is a running set of servers, all on the loopback address.
type Stack struct {
	Kafka *kfake.Cluster
	Redis *miniredis.Miniredis
	Feed  *simulator.Server
	// Moved names what could not have its port and was given another.
	Moved []string
}

// Start starts the servers. A port that is taken is replaced by a free one, and
// Moved says so.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{Redis: miniredis.NewMiniRedis()}
	// Otherwise keys outlive their TTL, and a killed producer holds its lease for ever.
	s.Redis.ClockTTL(true)
	err := errors.Join(
		s.place("Kafka", o.KafkaPort, func(port int) (err error) {
			// One broker is all that one machine needs; fast clean-up lets one
			// watch compaction at work.
			s.Kafka, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port),
				kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "5000"}))
			return err
		}),
		s.place("Redis", o.RedisPort, func(port int) error {
			return s.Redis.StartAddr(address(port))
		}),
		s.place("feed", o.FeedPort, func(port int) (err error) {
			s.Feed, err = simulator.Start(ctx, address(port), o.Feed)
			return err
		}),
	)
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// place starts a server on its port, or on a free one if that is taken.
func (s *Stack) place(name string, port int, start func(int) error) error {
	err := start(port)
	if err != nil && port != 0 {
		s.Moved = append(s.Moved, fmt.Sprintf("%s: port %d is taken, using another", name, port))
		err = start(0)
	}
	if err != nil {
		return fmt.Errorf("start the embedded %s: %w", name, err)
	}
	return nil
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// Brokers returns the addresses of the embedded Kafka.
func (s *Stack) Brokers() []string { return s.Kafka.ListenAddrs() }

// RedisURL returns the URL of the embedded Redis.
func (s *Stack) RedisURL() string { return "redis://" + s.Redis.Addr() + "/0" }

// Close stops the servers.
func (s *Stack) Close() {
	if s.Feed != nil {
		_ = s.Feed.Close() // why it stopped serving matters to nobody who stops it
	}
	if s.Redis != nil {
		s.Redis.Close()
	}
	if s.Kafka != nil {
		s.Kafka.Close()
	}
}
