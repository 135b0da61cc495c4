package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Publish writes records, in order within each partition and each of them once,
// and returns nil when all in-sync replicas have every one of them. They are in no
// transaction: after an error any of them may be there, and to publish them again
// may publish them twice. Keys go to the partition that Slot names.
//
// ctx bounds the wait. Records that are not acknowledged then may still be sent
// until the cluster is closed.
func (c *Cluster) Publish(ctx context.Context, records ...*kgo.Record) error {
	// The client that reads is idempotent and waits for all replicas by default; it
	// has no transactional id, so it needs no right but Write on the topic.
	if err := produce(ctx, c.client, records); err != nil {
		return fmt.Errorf("publish %d records: %w", len(records), err)
	}
	return nil
}
