package enricher

import "slices"

// slot is where the work on a company is done: the partition of the career-sites
// topic that its id belongs to. One member at a time has a slot, with the same
// partition of every other topic, so one member at a time works on a company.
func (l *Loop) slot(id string) int32 { return l.broker.Slot([]byte(id), l.o.Topics.Slots) }

// slotOf is the slot that a partition belongs to. A topic with another number of
// partitions takes turns.
func (l *Loop) slotOf(at Place) int32 { return at.Partition % l.o.Topics.Slots }

// slotsOf are the slots whose companies topic these partitions stand for.
func (l *Loop) slotsOf(parts []Place) []int32 {
	var slots []int32
	for _, at := range parts {
		if slot := l.slotOf(at); !slices.Contains(slots, slot) {
			slots = append(slots, slot)
		}
	}
	slices.Sort(slots)
	return slots
}
