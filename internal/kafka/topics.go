package kafka

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Spec is what the program needs a topic to be.
type Spec struct {
	Name string
	// Setting is the setting that names the topic, for messages; empty where none
	// does.
	Setting string
	// Partitions and Replication are used when the topic is created; zero
	// partitions means Exactly, or 1, zero or negative replication the broker's default.
	Partitions  int32
	Replication int16
	// Compacted says whether the topic keeps the newest record of each key for
	// ever, or every record for a time. Single says that it must have exactly
	// one partition. Both are promises: a topic that breaks them is refused.
	Compacted bool
	Single    bool
	// Exactly is how many partitions the topic must have, because it is read side
	// by side with another one; zero means any number. It is a promise too, and
	// what the topic is created with where Partitions is zero.
	Exactly int32
}

// Topic is a topic as it is.
type Topic struct {
	Spec
	// ID is the topic's identity in hexadecimal, empty where the cluster gives
	// topics none. A topic that is created anew has another.
	ID          string
	Partitions  int32
	Replication int
	// MaxMessageBytes is the largest batch that the topic takes.
	MaxMessageBytes int
	// Created says that Ensure created it, Ignored which wanted settings the
	// broker does not have.
	Created bool
	Ignored []string
}

// defaultMaxMessageBytes is Kafka's own, for brokers that do not tell.
const defaultMaxMessageBytes = 1048588

// settings are what a topic is created with.
//
// Compacted: dirty segments are cleaned at 30 %; tombstones stay a week, so that
// a reader that takes a long weekend over a full read still sees them; nothing
// stays uncompacted for more than a day. Others keep a month. The number of
// replicas that must have a record is set where there are enough of them.
func (s Spec) settings(replication int) map[string]string {
	want := map[string]string{"cleanup.policy": s.policy(), "compression.type": "producer"}
	if s.Compacted {
		want["min.cleanable.dirty.ratio"] = "0.3"
		want["delete.retention.ms"] = "604800000"
		want["max.compaction.lag.ms"] = "86400000"
	} else {
		want["retention.ms"] = "2592000000"
	}
	if replication >= 3 {
		want["min.insync.replicas"] = "2"
	}
	return want
}

func (s Spec) policy() string {
	if s.Compacted {
		return "compact"
	}
	return "delete"
}

// Ensure checks every topic, and creates the missing ones if create is set. All
// that is wrong is reported at once, each topic with the command that mends it.
func (c *Cluster) Ensure(ctx context.Context, create bool, specs ...Spec) (map[string]Topic, error) {
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	details, err := c.list(ctx, names)
	if err != nil {
		return nil, err
	}
	topics := make(map[string]Topic, len(specs))
	var problems []error
	for _, spec := range specs {
		topic, err := c.ensure(ctx, create, spec, details[spec.Name])
		if err != nil {
			problems = append(problems, err)
		}
		topics[spec.Name] = topic
	}
	return topics, errors.Join(problems...)
}

// list describes topics, those too that do not exist.
func (c *Cluster) list(ctx context.Context, names []string) (kadm.TopicDetails, error) {
	details, err := c.admin.ListTopics(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("list topics %s: %w", strings.Join(names, ", "), classify(err))
	}
	return details, nil
}

// ensure brings one topic about and describes it.
func (c *Cluster) ensure(ctx context.Context, create bool, spec Spec, detail kadm.TopicDetail) (Topic, error) {
	topic := asFound(spec, detail)
	switch {
	case errors.Is(detail.Err, kerr.UnknownTopicOrPartition) && !create:
		return topic, fmt.Errorf("topic %s does not exist and TOPICS_CREATE is off: create it with the verb \"topics apply\", or by hand with cleanup.policy=%s, or set TOPICS_CREATE=true", spec.Name, spec.policy())
	case errors.Is(detail.Err, kerr.UnknownTopicOrPartition):
		created, err := c.create(ctx, spec)
		if err != nil {
			return topic, err
		}
		topic = created
	case detail.Err != nil:
		return topic, fmt.Errorf("topic %s: %w", spec.Name, classify(detail.Err))
	}
	configs, err := c.configs(ctx, spec.Name)
	if err != nil {
		return topic, err
	}
	topic.MaxMessageBytes = defaultMaxMessageBytes
	if n, err := strconv.Atoi(configs["max.message.bytes"].value); err == nil && n > 0 {
		topic.MaxMessageBytes = n
	}
	return topic, c.judge(topic, configs["cleanup.policy"].value)
}

// asFound is a topic as the cluster describes it.
func asFound(spec Spec, detail kadm.TopicDetail) Topic {
	topic := Topic{Spec: spec, Partitions: int32(len(detail.Partitions)), Replication: detail.Partitions.NumReplicas()} //nolint:gosec // a topic has far fewer than 2^31 partitions
	if detail.ID != (kadm.TopicID{}) {
		topic.ID = hex.EncodeToString(detail.ID[:])
	}
	return topic
}

// keeps reports whether a cleanup policy keeps what the topic promises to keep.
func (s Spec) keeps(policy string) bool {
	policies := slices.Sorted(strings.SplitSeq(policy, ","))
	if s.Compacted {
		return slices.Equal(policies, []string{"compact"})
	}
	return !slices.Contains(policies, "compact")
}

// judge refuses a topic that would break a promise.
func (c *Cluster) judge(topic Topic, policy string) error {
	switch at := c.config.Brokers[0]; {
	case topic.Compacted && !topic.keeps(policy):
		return fmt.Errorf("topic %s has cleanup.policy=%q and must be compacted and nothing else, or companies vanish from it: "+
			"kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config cleanup.policy=compact "+
			"(rpk topic alter-config %s --set cleanup.policy=compact)", topic.Name, policy, at, topic.Name, topic.Name)
	case !topic.keeps(policy):
		return fmt.Errorf("topic %s has cleanup.policy=%q and must not be compacted, or dead letters of one company replace each other: "+
			"kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config cleanup.policy=delete "+
			"(rpk topic alter-config %s --set cleanup.policy=delete)", topic.Name, policy, at, topic.Name, topic.Name)
	case topic.Single && topic.Partitions != 1:
		return fmt.Errorf("topic %s has %d partitions and must have 1, so that its records are in one order: %s", topic.Name, topic.Partitions, topic.another())
	case topic.Exactly > 0 && topic.Partitions != topic.Exactly:
		return fmt.Errorf("topic %s has %d partitions and must have %d, so that each company stands in the same partition of every topic: %s", topic.Name, topic.Partitions, topic.Exactly, c.repartition(topic))
	}
	return nil
}

// repartition says how a topic with the wrong number of partitions is mended.
// Keys that are there already stay where they are when partitions are added: in
// a compacted topic the old value of a company would outlive its newer ones.
func (c *Cluster) repartition(topic Topic) string {
	if topic.Compacted || topic.Partitions > topic.Exactly {
		return fmt.Sprintf("%s, or, if nobody needs what it holds, delete it and let it be created anew (kafka-topics.sh --bootstrap-server %s --delete --topic %s)", topic.another(), c.config.Brokers[0], topic.Name)
	}
	return fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --alter --topic %s --partitions %d (rpk topic add-partitions %s --num %d)",
		c.config.Brokers[0], topic.Name, topic.Exactly, topic.Name, topic.Exactly-topic.Partitions)
}

// another says how another topic takes the place of this one.
func (s Spec) another() string {
	if s.Setting == "" {
		return "name another topic in its place"
	}
	return "name another topic in " + s.Setting
}

// create creates a topic with its cleanup policy, and then gives it those of the
// other settings that the broker says it has: brokers that are not Apache Kafka
// lack some, and would refuse the topic with them.
func (c *Cluster) create(ctx context.Context, spec Spec) (Topic, error) {
	policy := spec.policy()
	replication := spec.Replication
	if replication == 0 {
		replication = -1
	}
	partitions := max(spec.Partitions, 1)
	if spec.Partitions == 0 && spec.Exactly > 0 {
		partitions = spec.Exactly
	}
	response, err := c.admin.CreateTopic(ctx, partitions, replication, map[string]*string{"cleanup.policy": &policy}, spec.Name)
	taken := errors.Is(err, kerr.TopicAlreadyExists)
	if err != nil && !taken {
		return Topic{}, fmt.Errorf("create topic %s: %w %s", spec.Name, classify(err), response.ErrMessage)
	}
	detail, err := c.await(ctx, spec.Name)
	if err != nil {
		return Topic{}, err
	}
	topic := asFound(spec, detail)
	// Somebody else was quicker, a replica or an operator: the topic is then
	// theirs, and judged and left as it is like any other that exists.
	if taken {
		return topic, nil
	}
	topic.Created = true
	configs, err := c.configs(ctx, spec.Name)
	if err != nil {
		return topic, err
	}
	want := spec.settings(topic.Replication)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if _, known := configs[name]; !known {
			topic.Ignored = append(topic.Ignored, name)
			delete(want, name)
		}
	}
	return topic, c.alter(ctx, spec.Name, want)
}

// alter gives a topic these settings and leaves all others as they are.
func (c *Cluster) alter(ctx context.Context, name string, values map[string]string) error {
	var alter []kadm.AlterConfig
	for _, setting := range slices.Sorted(maps.Keys(values)) {
		value := values[setting]
		alter = append(alter, kadm.AlterConfig{Op: kadm.SetConfig, Name: setting, Value: &value})
	}
	responses, err := c.admin.AlterTopicConfigs(ctx, alter, name)
	if err != nil {
		return fmt.Errorf("settings of topic %s: %w", name, classify(err))
	}
	for _, r := range responses {
		if r.Err != nil {
			return fmt.Errorf("settings of topic %s: %w %s", name, classify(r.Err), r.ErrMessage)
		}
	}
	return nil
}

// await describes a topic that was created a moment ago, as soon as the cluster
// knows it: the news takes a while to reach every broker.
func (c *Cluster) await(ctx context.Context, name string) (kadm.TopicDetail, error) {
	for {
		details, err := c.admin.ListTopics(ctx, name)
		if err == nil {
			err = details.Error()
		}
		if err == nil {
			return details[name], nil
		}
		if !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return kadm.TopicDetail{}, fmt.Errorf("topic %s: %w", name, classify(err))
		}
		if err := pause(ctx); err != nil {
			return kadm.TopicDetail{}, fmt.Errorf("topic %s was created and is not known yet: %w", name, err)
		}
	}
}

// setting is one setting of a topic as the brokers report it.
type setting struct {
	value string
	// chosen says that somebody set it on this topic: it is no default.
	chosen bool
}

// configs returns the settings of a topic by name.
func (c *Cluster) configs(ctx context.Context, name string) (map[string]setting, error) {
	described, err := c.admin.DescribeTopicConfigs(ctx, name)
	if err == nil {
		var resource kadm.ResourceConfig
		if resource, err = described.On(name, nil); err == nil {
			err = resource.Err
		}
		values := make(map[string]setting, len(resource.Configs))
		for _, config := range resource.Configs {
			values[config.Key] = setting{value: config.MaybeValue(), chosen: config.Source == kmsg.ConfigSourceDynamicTopicConfig}
		}
		if err == nil {
			return values, nil
		}
	}
	return nil, fmt.Errorf("settings of topic %s: %w", name, classify(err))
}
