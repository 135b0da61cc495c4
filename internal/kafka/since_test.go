package kafka_test

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestSinceLooksAtTheLastOffsetsAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begin := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	rows, partition := b.oneKey("acme", "a", "b", "c", "d", "e")
	for i, r := range rows {
		r.Timestamp = begin.Add(time.Duration(i) * time.Minute)
	}
	b.in(partition, rows...)
	for name, c := range map[string]struct {
		since time.Time
		most  int64
		stop  int
		want  []string
	}{
		"all":                            {want: []string{"a", "b", "c", "d", "e"}},
		"those since an instant":         {since: begin.Add(2 * time.Minute), want: []string{"c", "d", "e"}},
		"the last two":                   {most: 2, want: []string{"d", "e"}},
		"the last two, since an instant": {since: begin.Add(4 * time.Minute), most: 2, want: []string{"e"}},
		"more than there are":            {most: 100, want: []string{"a", "b", "c", "d", "e"}},
		"until somebody has enough":      {stop: 2, want: []string{"a", "b"}},
		"since tomorrow":                 {since: begin.Add(24 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			err := b.cluster.Since(within(t, patience), b.stream.Sites.Name, c.since, c.most, func(r *kgo.Record) bool {
				got = append(got, string(r.Value))
				return len(got) != c.stop
			})
			if err != nil || !slices.Equal(got, c.want) {
				t.Errorf("got %q, %v; want %q", got, err, c.want)
			}
		})
	}
}
