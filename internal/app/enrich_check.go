package app

import (
	"context"
	"fmt"
	"io"

	"github.com/careerstream/careerstream/internal/kafka"
)

// EnrichCheck is Check for what the enricher depends on. It asks the API once, for
// a company that does not exist; it writes nothing, joins no group and disturbs no
// enricher that is at work.
func EnrichCheck(ctx context.Context, c Enricher, out io.Writer) error {
	k := newEnrichCheckup(c)
	defer k.close()
	return look(ctx, append(k.items(), registryItems(c.Values, c.subject())...), out)
}

// enrichCheckup is one call of EnrichCheck.
type enrichCheckup struct {
	servers

	c Enricher
	// sites is how many partitions the career-sites topic has, or gets. Zero means
	// that nobody has asked yet.
	sites int32
}

func newEnrichCheckup(c Enricher) *enrichCheckup {
	return &enrichCheckup{c: c, servers: servers{
		program: "enricher", config: c.Kafka, create: c.Topics.Create, redisURL: c.RedisURL, name: memoryName,
		losses: losses{
			crash:   "what it forgets at a crash is read again from the topics",
			restart: "after a restart the whole companies topic is read again; nothing is fetched twice",
			keys:    "what was fetched and the shared request limits",
		},
	}}
}

// items are in the order in which one would look.
func (k *enrichCheckup) items() []item {
	items := []item{
		{"configuration", k.configuration},
		{"selection", k.selection},
		{"hosts", k.hosts},
		{"api key", k.apiKey},
		{"api tls", k.encryption},
		{"api", k.api},
		{"clock", k.clock},
		{"kafka", k.kafka},
		{"brokers", k.brokers},
	}
	for i, spec := range k.specs(0) {
		items = append(items, item{"topic " + spec.Name, k.needsKafka(func(ctx context.Context) []finding {
			return k.topic(k.specs(k.partitions(ctx))[i])(ctx)
		})})
	}
	return append(items,
		item{"kafka acls", k.needsKafka(k.rights)}, item{"group", k.needsKafka(k.group)},
		item{"redis", k.redis}, item{"rate limit", k.rate})
}

// specs are all topics, where the career sites have n partitions.
func (k *enrichCheckup) specs(n int32) []kafka.Spec {
	return append([]kafka.Spec{k.c.sitesSpec()}, k.c.followers(n)...)
}

// partitions is how many the career-sites topic has, or gets.
func (k *enrichCheckup) partitions(ctx context.Context) int32 {
	if k.sites == 0 {
		k.sites = partitions(ctx, k.cluster, k.c.sitesSpec())
	}
	return k.sites
}

// rights looks for ACLs that the user lacks: on the topics, on the group, and on
// the transactional ids of its members.
func (k *enrichCheckup) rights(ctx context.Context) []finding {
	var needs []kafka.Need
	for _, spec := range k.specs(k.partitions(ctx)) {
		need := kafka.Need{Spec: spec, Read: true, Create: k.create}
		// Requests are written by who asks for companies, not by a run.
		need.ReadOnly = spec.Name == k.c.Topics.CareerSites || spec.Name == k.c.Topics.Requests
		needs = append(needs, need)
	}
	rights, err := k.cluster.MemberRights(ctx, k.c.Group, needs...)
	if err != nil {
		return failure(err)
	}
	return lacking(rights)
}

// group says who is at work.
func (k *enrichCheckup) group(ctx context.Context) []finding {
	state, members, err := k.cluster.Members(ctx, k.c.Group)
	if err != nil {
		return failure(err)
	}
	if members == 0 {
		return one(okay, fmt.Sprintf("%s: %s", k.c.Group, standing(state)), "")
	}
	return one(okay, fmt.Sprintf("%s: %d replicas are at work, %s", k.c.Group, members, standing(state)), "")
}
