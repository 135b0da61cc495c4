package app

import (
	"context"

	"github.com/careerstream/careerstream/internal/enricher"
	"github.com/careerstream/careerstream/internal/kafka"
)

// MemoryStatus is how much of the companies topic the memory in Redis knows.
type MemoryStatus struct {
	// Error says why it could not be asked.
	Error string `json:"error,omitempty"`
	// Present says that there is one: a run has begun it, and it was not lost since.
	Present bool `json:"present"`
	// Behind is how many offsets of the topic it has not seen; the next run reads
	// them before it fetches anything.
	Behind int64 `json:"behind"`
}

// remembered are the offsets up to which the memory knows each partition of the
// companies topic, and whether there is a memory at all. The names of the marks
// are the enrichment loop's.
func (d *enrichDesk) remembered(ctx context.Context) (at func(partition int32) int64, present bool, err error) {
	marks, err := d.memory().Marks(ctx)
	if err != nil {
		return nil, false, err
	}
	epoch := marks[enricher.EpochMark]
	return func(partition int32) int64 {
		return marks[enricher.MarkOf(epoch, d.c.Topics.Companies, d.companiesID, partition)]
	}, epoch != 0, nil
}

// unseen is what the memory lacks of a partition. The marker behind the last
// record of a transaction is never looked at, and no record.
func unseen(p kafka.PartitionLag, mark int64) int64 {
	if n := p.End - max(mark, p.Start); n > 1 {
		return n
	}
	return 0
}

// memoryStatus looks at the memory.
func (d *enrichDesk) memoryStatus(ctx context.Context, companies []kafka.PartitionLag) (m MemoryStatus, _ error) {
	if d.redisErr != nil {
		return m, d.redisErr
	}
	at, present, err := d.remembered(ctx)
	if err != nil {
		return m, err
	}
	m.Present = present
	for _, p := range companies {
		m.Behind += unseen(p, at(p.Partition))
	}
	return m, nil
}
