package kafka

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Need is what the program does to a topic, besides writing to it and looking at
// its settings.
type Need struct {
	Spec Spec
	// Read says that it reads the topic too, Create that it creates it where it
	// does not exist. With ReadOnly it reads the topic and does not write to it.
	Read, ReadOnly, Create bool
}

// Right is what a user may do to one resource, or lacks the ACLs for.
type Right struct {
	// Resource is "topic" or "transactional id", Name the one of them that it is
	// about.
	Resource, Name string
	// Operations are their names in Kafka's tools, in no special order.
	Operations []string
	// Fix is the command that allows them.
	Fix string
}

// String names the right.
func (r Right) String() string {
	return strings.Join(r.Operations, ", ") + " on the " + r.Resource + " " + r.Name
}

// Rights are what came out of a look at a user's ACLs.
type Rights struct {
	// Missing are rights without which the program stops.
	Missing []Right
	// Unseen are needed rights that the brokers do not tell of: they show when
	// they are used.
	Unseen []Right
}

// Rights looks which ACLs the user lacks for a stream of these topics and this
// transactional id. It writes nothing and fences nobody: whoever produces with
// the id goes on. Write on the id is therefore only seen where Describe is denied
// too. The right IdempotentWrite on the cluster is not needed: brokers ask
// producers with a transactional id for Write on that instead.
func (c *Cluster) Rights(ctx context.Context, transactionalID string, needs ...Need) (Rights, error) {
	topics, err := c.operations(ctx, needs)
	if err != nil {
		return Rights{}, err
	}
	var rights Rights
	for _, need := range needs {
		if err := c.topicRights(ctx, need, topics[need.Spec.Name], &rights); err != nil {
			return Rights{}, err
		}
	}
	return rights, c.idRights(ctx, transactionalID, &rights)
}

// allowed is what a broker says about one topic: whether it exists, and what may
// be done to it. Without known it does not say the latter.
type allowed struct {
	err   error
	known bool
	may   map[kmsg.ACLOperation]bool
}

// operations asks what may be done to the topics (KIP-430). The library's own
// call fails as a whole where one topic may not be described.
func (c *Cluster) operations(ctx context.Context, needs []Need) (map[string]allowed, error) {
	request := kmsg.NewPtrMetadataRequest()
	request.IncludeTopicAuthorizedOperations = true
	for _, need := range needs {
		topic := kmsg.NewMetadataRequestTopic()
		topic.Topic = kmsg.StringPtr(need.Spec.Name)
		request.Topics = append(request.Topics, topic)
	}
	response, err := request.RequestWith(ctx, c.client)
	if err != nil {
		return nil, fmt.Errorf("rights on the topics: %w", classify(err))
	}
	found := make(map[string]allowed)
	for _, topic := range response.Topics {
		if topic.Topic == nil {
			continue
		}
		may := make(map[kmsg.ACLOperation]bool)
		for _, operation := range kadm.DecodeACLOperations(topic.AuthorizedOperations) {
			may[operation] = true
		}
		// Brokers before 2.3 leave the field out.
		found[*topic.Topic] = allowed{err: kerr.ErrorForCode(topic.ErrorCode), known: topic.AuthorizedOperations != math.MinInt32, may: may}
	}
	return found, nil
}

// topicRights adds what is missing or unseen for one topic.
func (c *Cluster) topicRights(ctx context.Context, need Need, topic allowed, rights *Rights) error {
	needed := []kmsg.ACLOperation{kmsg.ACLOperationDescribe, kmsg.ACLOperationDescribeConfigs}
	if !need.ReadOnly {
		needed = append(needed, kmsg.ACLOperationWrite)
	}
	if need.Read || need.ReadOnly {
		needed = append(needed, kmsg.ACLOperationRead)
	}
	var missing, unseen []string
	if need.Create && errors.Is(topic.err, kerr.UnknownTopicOrPartition) {
		needed = append(needed, kmsg.ACLOperationAlterConfigs)
		may, err := c.mayCreate(ctx, need.Spec)
		if err != nil {
			return err
		}
		if !may {
			missing = append(missing, "Create")
		}
	}
	denied := errors.Is(topic.err, kerr.TopicAuthorizationFailed)
	for _, operation := range needed {
		// Read and Write imply Describe: without that none of them is there.
		without := denied && operation != kmsg.ACLOperationDescribeConfigs
		switch {
		case topic.may[operation]:
		case without, topic.known:
			missing = append(missing, nameOf(operation))
		default:
			unseen = append(unseen, nameOf(operation))
		}
	}
	if len(missing) > 0 {
		rights.Missing = append(rights.Missing, c.right("topic", "--topic", need.Spec.Name, missing...))
	}
	if len(unseen) > 0 {
		rights.Unseen = append(rights.Unseen, c.right("topic", "--topic", need.Spec.Name, unseen...))
	}
	return nil
}

// mayCreate asks the controller to create a topic without doing it. Create may be
// allowed on the cluster or on the topic; this asks for both.
func (c *Cluster) mayCreate(ctx context.Context, spec Spec) (bool, error) {
	policy := spec.policy()
	replication := spec.Replication
	if replication == 0 {
		replication = -1
	}
	responses, err := c.admin.ValidateCreateTopics(ctx, max(spec.Partitions, 1), replication, map[string]*string{"cleanup.policy": &policy}, spec.Name)
	if err != nil && !denies(err) {
		return false, fmt.Errorf("ask whether topic %s may be created: %w", spec.Name, classify(err))
	}
	// Any other answer is of a broker that would have done it, or that found
	// fault with something else, which Apply and Ensure report.
	return !denies(err) && !denies(responses[spec.Name].Err), nil
}

func denies(err error) bool {
	return errors.Is(err, kerr.TopicAuthorizationFailed) || errors.Is(err, kerr.ClusterAuthorizationFailed) ||
		errors.Is(err, kerr.TransactionalIDAuthorizationFailed)
}

// idRights adds what is missing for the transactional id. Whoever asks for its
// coordinator needs Describe, which Write implies; the answer changes nothing,
// where InitProducerID would end the epoch of the producer that is at work.
func (c *Cluster) idRights(ctx context.Context, id string, rights *Rights) error {
	found := c.admin.FindTxnCoordinators(ctx, id)[id]
	var answer *kerr.Error
	switch {
	case denies(found.Err):
		rights.Missing = append(rights.Missing, c.right("transactional id", "--transactional-id", id, "Describe", "Write"))
	case found.Err == nil, errors.As(found.Err, &answer): // a new cluster has no coordinator until it is used
		rights.Unseen = append(rights.Unseen, c.right("transactional id", "--transactional-id", id, "Write"))
	default:
		return fmt.Errorf("rights on the transactional id %s: %w", id, classify(found.Err))
	}
	return nil
}

// nameOf is an operation's name in Kafka's tools; the library has its own.
func nameOf(operation kmsg.ACLOperation) string {
	return map[kmsg.ACLOperation]string{
		kmsg.ACLOperationDescribe: "Describe", kmsg.ACLOperationDescribeConfigs: "DescribeConfigs", kmsg.ACLOperationAlterConfigs: "AlterConfigs",
		kmsg.ACLOperationRead: "Read", kmsg.ACLOperationWrite: "Write",
	}[operation]
}

// right completes a Right with the command that an administrator gives.
func (c *Cluster) right(resource, flag, name string, operations ...string) Right {
	user := c.config.Username
	if user == "" {
		user = "ANONYMOUS" // or the subject of the client certificate, which only the brokers map
	}
	fix := fmt.Sprintf("kafka-acls.sh --bootstrap-server %s --add --allow-principal User:%s", c.config.Brokers[0], user)
	for _, operation := range operations {
		fix += " --operation " + operation
	}
	return Right{Resource: resource, Name: name, Operations: operations, Fix: fix + " " + flag + " " + name}
}
