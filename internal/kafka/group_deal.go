package kafka

import (
	"cmp"
	"slices"
)

// claim is what a member says that it has.
type claim struct {
	generation int32 // of the group, when it was given
	slots      []int32
}

// deal returns the owner of each of n slots as an index into claims, -1 where
// there is nobody. Everybody gets n/len(claims) slots, or one more; no slot moves
// that could stay. Where two claim one slot, the later generation is right: the
// other has missed that it lost it.
func deal(n int32, claims []claim) []int {
	owners, held := make([]int, n), make([]int, len(claims))
	for slot := range owners {
		owners[slot] = -1
	}
	for i, c := range claims {
		for _, slot := range c.slots {
			if slot >= 0 && slot < n && (owners[slot] < 0 || claims[owners[slot]].generation < c.generation) {
				owners[slot] = i
			}
		}
	}
	if len(claims) == 0 {
		return owners
	}
	for _, owner := range owners {
		if owner >= 0 {
			held[owner]++
		}
	}
	order, room := quotas(int(n), held)
	move(owners, order, room)
	return owners
}

// quotas returns the members by how many slots they have, most first, and how many
// more each of them is to get. Where n can't be divided, one slot more goes to the
// first: others would have to be given one for each that these give up.
func quotas(n int, held []int) (order, room []int) {
	order, room = make([]int, len(held)), make([]int, len(held))
	for i := range order {
		order[i] = i
	}
	// Stable, so that members who have equally many are told apart by their ids in
	// every round: what one round decides, the next one leaves.
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(held[b], held[a]) })
	for rank, i := range order {
		room[i] = n/len(held) - held[i]
		if rank < n%len(held) {
			room[i]++
		}
	}
	return order, room
}

// move takes slots from those who have too many and gives those that are free to
// those who have room.
func move(owners, order, room []int) {
	for slot := len(owners) - 1; slot >= 0; slot-- {
		if owner := owners[slot]; owner >= 0 && room[owner] < 0 {
			owners[slot] = -1
			room[owner]++
		}
	}
	next := 0 // there is room for all: the quotas add up to the slots
	for slot, owner := range owners {
		if owner >= 0 {
			continue
		}
		for room[order[next]] <= 0 {
			next++
		}
		owners[slot] = order[next]
		room[order[next]]--
	}
}
