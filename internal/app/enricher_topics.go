package app

import (
	"context"
	"io"

	"github.com/careerstream/careerstream/internal/kafka"
)

// EnrichTopics is TopicsPlan for the topics of the enricher.
func EnrichTopics(ctx context.Context, c Enricher, apply bool, out io.Writer) error {
	return topicsPlan(ctx, "enricher", c.Kafka, apply, out, func(ctx context.Context, cluster *kafka.Cluster) []kafka.Spec {
		sites := c.sitesSpec()
		return append([]kafka.Spec{sites}, c.followers(partitions(ctx, cluster, sites))...)
	})
}

// partitions is how many a topic has, or gets where it is missing. What is wrong
// with the topic is left to whoever looks at it next.
func partitions(ctx context.Context, cluster *kafka.Cluster, spec kafka.Spec) int32 {
	topics, _ := cluster.Ensure(ctx, false, spec) // one that is refused is described too
	if topic := topics[spec.Name]; topic.Partitions > 0 {
		return topic.Partitions
	}
	return spec.Partitions
}
