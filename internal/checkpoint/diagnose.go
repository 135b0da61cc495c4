package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// Unknown is what a Diagnosis says where the server did not, mostly because the
// user lacks the right to ask.
const Unknown = "unknown"

// Diagnosis is what an operator should know of a server. Each text may be
// Unknown.
type Diagnosis struct {
	// Version is the server's, Role is master, slave or sentinel.
	Version, Role string
	// Snapshots and AppendOnly are yes or no: whether the server writes its data
	// to disk from time to time (RDB), and with each change (AOF). Without either
	// a restart loses the lease and the budgets' counters.
	Snapshots, AppendOnly string
	// Eviction is the maxmemory-policy. Any other than noeviction may throw keys
	// away once MaxMemory is reached.
	Eviction string
	// MaxMemory is in bytes. Zero means no limit, -1 unknown.
	MaxMemory int64
	// ClockKnown says whether Clock is: how much the server's clock is ahead of
	// ours. It is off by at most half the RoundTrip.
	ClockKnown       bool
	Clock, RoundTrip time.Duration
}

// Evicts reports whether the server is known to throw away keys of its own
// accord. It cannot be ruled out where Eviction is Unknown.
func (d Diagnosis) Evicts() bool {
	return d.MaxMemory != 0 && d.Eviction != "noeviction" && d.Eviction != Unknown
}

// Diagnose asks the server about itself, in a cluster the node of the feed's
// keys. What the user may not ask, or the server does not know, stays unknown;
// it fails only with what keeps the lease from working, too.
//
// It needs +info and +time, and +config|get where INFO does not tell.
func (s *Redis) Diagnose(ctx context.Context) (Diagnosis, error) {
	d := Diagnosis{Version: Unknown, Role: Unknown, Snapshots: Unknown, AppendOnly: Unknown, Eviction: Unknown, MaxMemory: -1}
	client, err := s.node(ctx)
	if err != nil {
		return d, fmt.Errorf("find the node of %s: %w", s.keys.lease, unavailable(s.addr, err))
	}
	for _, ask := range []func(context.Context, redis.Cmdable) error{d.askInfo, d.askConfig, d.askTime} {
		// What the server answered is no outage, not even a refusal.
		var refused redis.Error
		if err := ask(ctx, client); err != nil && !errors.As(err, &refused) {
			return d, fmt.Errorf("diagnose: %w", unavailable(s.addr, err))
		}
	}
	return d, nil
}

// node is the server that has the feed's keys.
func (s *Redis) node(ctx context.Context) (redis.Cmdable, error) {
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		return cluster.MasterForKey(ctx, s.keys.lease)
	}
	return s.client, nil
}

// askInfo learns what INFO says.
func (d *Diagnosis) askInfo(ctx context.Context, c redis.Cmdable) error {
	text, err := c.Info(ctx).Result()
	if err != nil {
		return err
	}
	for line := range strings.Lines(text) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch field {
		case "redis_version", "valkey_version": // where there are both, the second is the real one
			d.Version = value
		case "role":
			d.Role = value
		case "aof_enabled":
			d.AppendOnly = yes(value == "1")
		case "maxmemory_policy":
			d.Eviction = value
		case "maxmemory":
			d.setMaxMemory(value)
		}
	}
	return nil
}

// askConfig learns what INFO does not say, or did not want to.
func (d *Diagnosis) askConfig(ctx context.Context, c redis.Cmdable) error {
	for parameter, learn := range map[string]func(string){
		"save":             func(v string) { d.Snapshots = yes(v != "") },
		"appendonly":       func(v string) { d.AppendOnly = v },
		"maxmemory-policy": func(v string) { d.Eviction = v },
		"maxmemory":        d.setMaxMemory,
	} {
		got, err := c.ConfigGet(ctx, parameter).Result()
		if err != nil {
			return err
		}
		if value, ok := got[parameter]; ok {
			learn(value)
		}
	}
	return nil
}

// askTime compares the clocks.
func (d *Diagnosis) askTime(ctx context.Context, c redis.Cmdable) error {
	before := time.Now()
	theirs, err := c.Time(ctx).Result()
	if err != nil {
		return err
	}
	d.RoundTrip = time.Since(before)
	d.Clock, d.ClockKnown = theirs.Sub(before.Add(d.RoundTrip/2)), true
	return nil
}

func (d *Diagnosis) setMaxMemory(text string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		d.MaxMemory = n
	}
}

// yes is b as Redis says it.
func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
