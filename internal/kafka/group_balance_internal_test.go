package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

func TestDealIsFairAndMovesNoSlotThatCouldStay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int32Range(0, 20).Draw(t, "slots")
		claims := make([]claim, rapid.IntRange(1, 7).Draw(t, "members"))
		before := make([]int, n) // who has each slot, -1 for nobody
		for slot := range before {
			before[slot] = rapid.IntRange(-1, len(claims)-1).Draw(t, "owner")
			if owner := before[slot]; owner >= 0 {
				claims[owner].slots = append(claims[owner].slots, int32(slot))
			}
		}
		owners := deal(n, claims)
		held, moved, spare, least := make([]int, len(claims)), 0, 0, 0
		for slot, owner := range owners {
			held[owner]++
			if before[slot] >= 0 && before[slot] != owner {
				moved++
			}
		}
		low := int(n) / len(claims)
		for i, c := range claims {
			if held[i] != low && held[i] != low+1 {
				t.Fatalf("slots of member %d: got %d of %d, want %d or one more", i, held[i], n, low)
			}
			if over := len(c.slots) - low; over > 0 {
				least, spare = least+over, spare+1
			}
		}
		least -= min(spare, int(n)%len(claims))
		if moved != least {
			t.Fatalf("slots that moved: got %d, want %d (before %v, after %v)", moved, least, before, owners)
		}
		if again := deal(n, claimsOf(owners, len(claims))); !slices.Equal(again, owners) {
			t.Fatalf("dealt again: got %v, want %v", again, owners)
		}
	})
}

func claimsOf(owners []int, members int) []claim {
	claims := make([]claim, members)
	for slot, owner := range owners {
		claims[owner].slots = append(claims[owner].slots, int32(slot))
	}
	return claims
}

func TestDealBelievesTheLaterGeneration(t *testing.T) {
	t.Parallel()
	got := deal(2, []claim{{generation: 3, slots: []int32{0, 1}}, {generation: 4, slots: []int32{0, 7, -1}}})
	if want := []int{1, 0}; !slices.Equal(got, want) {
		t.Errorf("owners: got %v, want %v", got, want)
	}
	if got := deal(2, nil); !slices.Equal(got, []int{-1, -1}) {
		t.Errorf("owners without members: got %v, want nobody", got)
	}
}

// table is a group as its broker would deal it: what each member has, and since
// which generation.
type table struct {
	balancer *slotBalancer
	topics   map[string]int32
	members  []string
	has      map[string]map[string][]int32
	since    map[string]int32
}

// round lets all members join, and gives each what the leader decides.
func (g *table) round(t *rapid.T) {
	var joining []kmsg.JoinGroupResponseMember
	for _, id := range g.members {
		var topics []string
		for topic := range g.topics {
			topics = append(topics, topic)
		}
		slices.Sort(topics)
		metadata := g.balancer.JoinGroupMetadata(topics, g.has[id], g.since[id])
		joining = append(joining, kmsg.JoinGroupResponseMember{MemberID: id, ProtocolMetadata: metadata})
	}
	b, _, err := g.balancer.MemberBalancer(joining)
	if err != nil {
		t.Fatalf("MemberBalancer: %v", err)
	}
	into, err := b.(kgo.GroupMemberBalancerOrError).BalanceOrError(g.topics)
	if err != nil {
		t.Fatalf("Balance: %v", err)
	}
	generation := int32(0)
	for _, since := range g.since {
		generation = max(generation, since)
	}
	had := map[Partition]string{}
	for _, id := range g.members {
		for _, p := range flat(g.has[id]) {
			had[p] += id
		}
	}
	for _, given := range into.IntoSyncAssignment() {
		parts, err := g.balancer.ParseSyncAssignment(given.MemberAssignment)
		if err != nil {
			t.Fatalf("ParseSyncAssignment: %v", err)
		}
		for _, p := range flat(parts) {
			if from := had[p]; from != "" && !strings.Contains(from, given.MemberID) {
				t.Fatalf("%v went to %s before %s gave it up", p, given.MemberID, from)
			}
		}
		g.has[given.MemberID], g.since[given.MemberID] = parts, generation+1
	}
}

// owners checks that no two members have a partition, nor two partitions of one
// slot, and returns how many partitions have an owner.
func (g *table) owners(t *rapid.T) int {
	n, slots, partitions := g.topics[g.balancer.lead], map[int32]string{}, map[Partition]string{}
	for id, topics := range g.has {
		for _, p := range flat(topics) {
			if other, taken := partitions[p]; taken {
				t.Fatalf("%v has two owners, %s and %s", p, other, id)
			}
			partitions[p] = id
			if other, taken := slots[p.Partition%n]; taken && other != id {
				t.Fatalf("slot %d is with two members, %s and %s", p.Partition%n, other, id)
			}
			slots[p.Partition%n] = id
		}
	}
	return len(partitions)
}

func TestSlotsStayWholeWhileMembersComeAndGo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int32Range(1, 8).Draw(t, "slots")
		g := &table{
			balancer: &slotBalancer{GroupBalancer: kgo.CooperativeStickyBalancer(), lead: "lead", standing: newStanding()},
			topics:   map[string]int32{"lead": n, "same": n, "fewer": max(n/2, 1), "more": 2*n + 1},
			has:      map[string]map[string][]int32{}, since: map[string]int32{},
		}
		all := 0
		for _, count := range g.topics {
			all += int(count)
		}
		for step := range rapid.IntRange(1, 6).Draw(t, "steps") {
			if len(g.members) > 1 && rapid.Bool().Draw(t, "leaves") {
				i := rapid.IntRange(0, len(g.members)-1).Draw(t, "who")
				delete(g.has, g.members[i])
				delete(g.since, g.members[i])
				g.members = slices.Delete(g.members, i, i+1)
			} else {
				g.members = append(g.members, fmt.Sprintf("member-%d", step))
			}
			// A member that missed rounds comes back with what it had and others have now.
			stale := g.members[0]
			old, since := g.has[stale], g.since[stale]
			g.round(t)
			g.owners(t)
			g.round(t)
			if got := g.owners(t); got != all {
				t.Fatalf("partitions with an owner after two rounds: got %d, want %d", got, all)
			}
			if rapid.Bool().Draw(t, "stale") && len(g.members) > 1 {
				g.has[stale], g.since[stale] = old, since
				for range 3 {
					g.round(t)
				}
				if got := g.owners(t); got != all {
					t.Fatalf("partitions with an owner after a stale claim: got %d, want %d", got, all)
				}
			}
		}
	})
}

func TestHoldBackKeepsASlotTogether(t *testing.T) {
	t.Parallel()
	s := &slotBalancer{GroupBalancer: kgo.CooperativeStickyBalancer(), lead: "lead", standing: newStanding()}
	topics := []string{"lead", "retries"}
	join := func(id string, has map[string][]int32) kmsg.JoinGroupResponseMember {
		return kmsg.JoinGroupResponseMember{MemberID: id, ProtocolMetadata: s.JoinGroupMetadata(topics, has, 1)}
	}
	// a has half of slot 1 only: the other half must not go to its new owner alone.
	b, _, err := s.MemberBalancer([]kmsg.JoinGroupResponseMember{
		join("a", map[string][]int32{"lead": {0}, "retries": {0, 1}}), join("b", nil),
	})
	if err != nil {
		t.Fatal(err)
	}
	into, err := b.(kgo.GroupMemberBalancerOrError).BalanceOrError(map[string]int32{"lead": 2, "retries": 2})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string][]int32{"a": {"lead": {0}, "retries": {0}}, "b": {}}
	if diff := cmp.Diff(want, into.(*kgo.BalancePlan).AsMemberIDMap()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestPartitionsThatTheOwnerDoesNotReadGoToNobody(t *testing.T) {
	t.Parallel()
	s := &slotBalancer{GroupBalancer: kgo.CooperativeStickyBalancer(), lead: "lead", standing: newStanding()}
	b, topics, err := s.MemberBalancer([]kmsg.JoinGroupResponseMember{
		{MemberID: "a", ProtocolMetadata: s.JoinGroupMetadata([]string{"lead"}, nil, -1)},
		{MemberID: "b", ProtocolMetadata: s.JoinGroupMetadata([]string{"lead", "retries"}, nil, -1)},
		{MemberID: "stranger", ProtocolMetadata: s.JoinGroupMetadata([]string{"retries"}, nil, -1)},
	})
	if err != nil || len(topics) != 2 {
		t.Fatalf("MemberBalancer: got topics %v, %v; want both", topics, err)
	}
	into, err := b.(kgo.GroupMemberBalancerOrError).BalanceOrError(map[string]int32{"lead": 2, "retries": 2})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string][]int32{"a": {"lead": {0}}, "b": {"lead": {1}, "retries": {1}}, "stranger": {}}
	if diff := cmp.Diff(want, into.(*kgo.BalancePlan).AsMemberIDMap()); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if _, _, err := s.MemberBalancer([]kmsg.JoinGroupResponseMember{{MemberID: "a", ProtocolMetadata: []byte{0}}}); err == nil {
		t.Error("MemberBalancer of metadata that can't be read: got nil, want an error")
	}
}

func TestStandingWaitsForTheJoinAndKnowsWhatWasNotTold(t *testing.T) {
	t.Parallel()
	s := newStanding()
	s.take(map[string][]int32{"a": {0, 1}, "b": {2}})
	s.join()
	s.join() // begun anew by the library
	ended, cancel := context.WithCancelCause(t.Context())
	why := errors.New("shutting down")
	cancel(why)
	if err := s.wait(ended); !errors.Is(err, why) || !s.joining() {
		t.Errorf("wait during a join: got %v, want %v", err, why)
	}
	s.settle(map[string][]int32{"a": {1}, "c": {5}})
	if err := s.wait(t.Context()); err != nil || s.joining() {
		t.Errorf("wait after a join: got %v, want nil", err)
	}
	if diff := cmp.Diff(map[string][]int32{"a": {0}, "b": {2}}, s.missed()); diff != "" {
		t.Errorf("gone without a word (-want +got):\n%s", diff)
	}
	if s.holds(map[Partition]Position{{"a", 1}: {}, {"a", 0}: {}}) || !s.holds(map[Partition]Position{{"a", 1}: {}}) {
		t.Error("holds: want a/1 to be held and a/0 not")
	}
	if diff := cmp.Diff(map[string][]int32{"a": {1}}, s.drop(map[string][]int32{"a": {0, 1}})); diff != "" {
		t.Errorf("dropped (-want +got):\n%s", diff)
	}
}

func TestMurmur2IsTheLibrarys(t *testing.T) {
	t.Parallel()
	theirs := kgo.StickyKeyPartitioner(nil).ForTopic("")
	rapid.Check(t, func(t *rapid.T) {
		key := append([]byte{}, rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "key")...)
		n := rapid.Int32Range(1, 1000).Draw(t, "partitions")
		if got, want := int(Slot(key, n)), theirs.Partition(&kgo.Record{Key: key}, int(n)); got != want {
			t.Fatalf("Slot(%x, %d): got %d, want %d", key, n, got, want)
		}
	})
}
