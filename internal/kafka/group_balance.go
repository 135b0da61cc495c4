package kafka

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// slotBalancer deals slots to the members of a group. A slot is a partition
// number of the lead topic; partition p of any topic goes to the owner of slot
// p mod N, where N is the number of slots. So whatever is about one key is with
// one member, if all topics have N partitions and are partitioned by key alike.
//
// It is cooperative (KIP-429): what changes hands is first given up by the one
// member, and in the next round given to the other.
type slotBalancer struct {
	kgo.GroupBalancer // the library's cooperative one: members write what they have as it does
	lead              string
	standing          *standing
}

// ProtocolName implements kgo.GroupBalancer. Members that deal in another way are
// refused by the broker.
func (*slotBalancer) ProtocolName() string { return "careerstream-slots" }

// JoinGroupMetadata implements kgo.GroupBalancer. It is called when a join begins.
func (s *slotBalancer) JoinGroupMetadata(topics []string, current map[string][]int32, generation int32) []byte {
	s.standing.join()
	return s.GroupBalancer.JoinGroupMetadata(topics, current, generation)
}

// ParseSyncAssignment implements kgo.GroupBalancer. It is called when a join ends.
func (s *slotBalancer) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	parts, err := kgo.ParseConsumerSyncAssignment(assignment)
	if err == nil {
		s.standing.settle(parts)
	}
	return parts, err
}

// MemberBalancer implements kgo.GroupBalancer.
func (s *slotBalancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	b, err := kgo.NewConsumerBalancer(s, members)
	return b, b.MemberTopics(), err
}

// Balance implements kgo.ConsumerBalancerBalance. A partition that the owner of
// its slot does not read, because its configuration is another, goes to nobody
// until the members agree: with somebody else it would not be beside its slot.
func (s *slotBalancer) Balance(b *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	// The library sorts the members, so everybody who leads deals alike.
	var members []*kmsg.JoinGroupResponseMember
	var claims []claim
	reads := map[string][]string{}
	b.EachMember(func(member *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		if slices.Contains(meta.Topics, s.lead) {
			members, reads[member.MemberID] = append(members, member), meta.Topics
			claims = append(claims, s.claim(meta))
		}
	})
	plan := b.NewPlan()
	// The counts are the leader's metadata, which may lag behind a topic that grows:
	// it lets the members join again when it learns more.
	n := topics[s.lead]
	for slot, owner := range deal(n, claims) {
		if owner < 0 {
			continue
		}
		for _, topic := range reads[members[owner].MemberID] {
			for p := int32(slot); p < topics[topic]; p += n {
				plan.AddPartition(members[owner], topic, p)
			}
		}
	}
	wanted := slotSizes(plan, n)
	plan.AdjustCooperative(b)
	holdBack(b, plan, n, wanted)
	return plan
}

// claim returns what a member has of the lead topic: the other topics go with it.
func (s *slotBalancer) claim(meta *kmsg.ConsumerMemberMetadata) claim {
	c := claim{generation: meta.Generation}
	for _, owned := range meta.OwnedPartitions {
		if owned.Topic == s.lead {
			c.slots = append(c.slots, owned.Partitions...)
		}
	}
	return c
}

// slotSizes counts the partitions of each slot in a plan.
func slotSizes(plan *kgo.BalancePlan, n int32) map[int32]int {
	sizes := map[int32]int{}
	for _, topics := range plan.AsMemberIDMap() {
		for _, partitions := range topics {
			for _, p := range partitions {
				sizes[p%n]++
			}
		}
	}
	return sizes
}

// holdBack gives nobody a part of a slot: where one of its partitions still has to
// be given up by somebody, the others wait for it. What the owner of the slot has
// already stays with it.
func holdBack(b *kgo.ConsumerBalancer, plan *kgo.BalancePlan, n int32, wanted map[int32]int) {
	got := slotSizes(plan, n)
	b.EachMember(func(member *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		has := map[Partition]bool{}
		for _, owned := range meta.OwnedPartitions {
			for _, p := range owned.Partitions {
				has[Partition{owned.Topic, p}] = true
			}
		}
		planned := plan.AsMemberIDMap()[member.MemberID]
		for topic, partitions := range planned {
			planned[topic] = slices.DeleteFunc(partitions, func(p int32) bool {
				return got[p%n] < wanted[p%n] && !has[Partition{topic, p}]
			})
			if len(planned[topic]) == 0 {
				delete(planned, topic)
			}
		}
	})
}
