package simulator

import "math/bits"

// random is a splitmix64 sequence. It is used instead of math/rand because its
// bytes are fixed here, whatever the standard library does in later versions,
// and because a row's generator must cost nothing to seed: there is one for each
// row and version.
type random uint64

// seeded derives an independent sequence from any numbers.
func seeded(parts ...uint64) random {
	r := random(0x9e3779b97f4a7c15)
	for _, p := range parts {
		r = random(uint64(r)*0xff51afd7ed558ccd ^ p)
		r = random(r.next())
	}
	return r
}

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number in [0, n); n must be above 0.
func (r *random) below(n int) int {
	hi, _ := bits.Mul64(r.next(), uint64(n))
	return int(hi)
}

// chance is true in percent of 100 cases.
func (r *random) chance(percent int) bool { return r.below(100) < percent }

// unit returns a number in [0, 1).
func (r *random) unit() float64 { return float64(r.next()>>11) / (1 << 53) }

// pick returns one of the items.
func pick[T any](r *random, items []T) T { return items[r.below(len(items))] }
