package simulator

import "testing"

func BenchmarkFill(b *testing.B) {
	for b.Loop() {
		newTable(Options{Rows: 100_000}.withDefaults())
	}
}
