package simulator_test

import (
	"bytes"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestDetailsURLIsWhatTheTestWants(t *testing.T) {
	t.Parallel()
	// What no client should follow must reach it as it is.
	planted := []string{
		"https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/a", "https://user:pw@feed.test/a", "http://0x7f000001/",
		"//evil.test/a", "/other/a", `https://feed.test/"quoted"\`, "https://feed.test/\x00\x1f\n", "not a URL", "",
		"/api/companies/b?c=d",
	}
	n := 0
	o := unlimited(len(planted))
	o.DetailsURL = func(string) string {
		n++
		return planted[(n-1)%len(planted)]
	}
	s := simulator.New(o)
	got := make(map[string]bool)
	for _, raw := range scan(t, s, "{}") {
		site := decode(t, raw)
		if site.DetailsURL == nil {
			site.DetailsURL = new(string)
		}
		got[*site.DetailsURL] = true
		if want := s.Truth()[site.ID].Bytes; !bytes.Equal(raw, want) {
			t.Errorf("row: got %s, want %s", raw, want)
		}
	}
	for _, want := range planted {
		if want == "/api/companies/b?c=d" {
			want = "http://feed.test" + want
		}
		if !got[want] {
			t.Errorf("no row has %q: got %v", want, got)
		}
	}
}

func TestDetailsURLChangesNothingElseInARow(t *testing.T) {
	t.Parallel()
	o := unlimited(200)
	o.Clock = newClock().Now
	plain := simulator.New(o)
	o.DetailsURL = func(id string) string { return "/api/companies/" + id }
	same := simulator.New(o)
	ids := plain.UpdateRandom(50)
	if err := same.Update(ids...); err != nil {
		t.Fatal(err)
	}
	rows, nulls := same.Truth(), 0
	for id, row := range plain.Truth() {
		if decode(t, row.Bytes).DetailsURL == nil {
			nulls++
		} else if !bytes.Equal(row.Bytes, rows[id].Bytes) {
			t.Errorf("row: got %s, want %s", rows[id].Bytes, row.Bytes)
		}
		if got := decode(t, rows[id].Bytes).DetailsURL; got == nil || *got != "http://feed.test/api/companies/"+id {
			t.Errorf("row %s: details_url is %v", id, got)
		}
	}
	if nulls == 0 || nulls > 50 {
		t.Errorf("rows without details_url by themselves: got %d of 200", nulls)
	}
}
