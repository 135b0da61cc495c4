package kafka

import (
	"context"
	"slices"
	"sync"
)

// standing is where a member stands in its group. The library's goroutines write
// it, Commit reads it.
//
// The library tells about a revocation only once between two transactions: it
// wants to know no more than that the next one must be aborted. So what a join
// gave is kept too, and compared with what the caller was told.
//
//	the group is dealt    join ... settle(given)
//	partitions go         drop, missed or all; then OnRevoked
//	partitions come       take; then OnAssigned
//	a commit              wait, holds
type standing struct {
	mu sync.Mutex
	// settled is closed while no join is under way.
	settled chan struct{}
	given   map[Partition]bool // by the last join
	held    map[Partition]bool // what the caller was told that it has
}

func newStanding() *standing {
	s := &standing{settled: make(chan struct{}), held: map[Partition]bool{}}
	close(s.settled)
	return s
}

// join says that a join begins; a join that is begun anew is the same one.
func (s *standing) join() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.joiningLocked() {
		s.settled = make(chan struct{})
	}
}

// settle says that the join has ended, with what was given; nil where it failed.
func (s *standing) settle(given map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.given = map[Partition]bool{}
	for _, p := range flat(given) {
		s.given[p] = true
	}
	if s.joiningLocked() {
		close(s.settled)
	}
}

func (s *standing) joining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.joiningLocked()
}

func (s *standing) joiningLocked() bool {
	select {
	case <-s.settled:
		return false
	default:
		return true
	}
}

// wait returns when no join is under way, or why ctx ended before that.
func (s *standing) wait(ctx context.Context) error {
	s.mu.Lock()
	settled := s.settled
	s.mu.Unlock()
	select {
	case <-settled:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// take notes partitions that the caller is told of.
func (s *standing) take(parts map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range flat(parts) {
		s.held[p] = true
	}
}

// drop forgets those of parts that the caller was told of, and returns them.
func (s *standing) drop(parts map[string][]int32) map[string][]int32 {
	asked := map[Partition]bool{}
	for _, p := range flat(parts) {
		asked[p] = true
	}
	return s.forget(func(p Partition) bool { return asked[p] })
}

// missed forgets what the caller was told of and the last join did not give: the
// revocations that the library kept to itself.
func (s *standing) missed() map[string][]int32 {
	return s.forget(func(p Partition) bool { return !s.given[p] })
}

// all forgets everything.
func (s *standing) all() map[string][]int32 {
	return s.forget(func(Partition) bool { return true })
}

func (s *standing) forget(which func(Partition) bool) map[string][]int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	gone := map[string][]int32{}
	for p := range s.held {
		if which(p) {
			gone[p.Topic] = append(gone[p.Topic], p.Partition)
			delete(s.held, p)
		}
	}
	for _, partitions := range gone {
		slices.Sort(partitions)
	}
	return gone
}

// holds reports whether all the partitions of positions are the member's. A broker
// does not ask: it takes any offset from a member of the current generation.
func (s *standing) holds(positions map[Partition]Position) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range positions {
		if !s.held[p] {
			return false
		}
	}
	return true
}

func flat(parts map[string][]int32) []Partition {
	var all []Partition
	for topic, partitions := range parts {
		for _, p := range partitions {
			all = append(all, Partition{topic, p})
		}
	}
	return all
}
