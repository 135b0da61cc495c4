package ratelimit

// ring remembers the last max values pushed. It grows as it fills, so a limit of
// 50,000 a day costs its 400 KB only where that many requests are made.
type ring struct {
	max    int
	values []int64
	head   int // where the next value goes once the ring is full
}

func (r *ring) push(v int64) {
	switch {
	case r.max == 0:
	case len(r.values) < r.max:
		r.values = append(r.values, v)
	default:
		r.values[r.head] = v
		r.head = (r.head + 1) % r.max
	}
}

// back returns the n-th last value pushed, 1 being the last one; false where
// fewer were pushed.
func (r *ring) back(n int) (int64, bool) {
	if n < 1 || n > len(r.values) {
		return 0, false
	}
	// head is zero until the ring is full, so this holds before and after.
	return r.values[(r.head+len(r.values)-n)%len(r.values)], true
}
