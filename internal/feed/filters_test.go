package feed_test

import (
	"strings"
	"testing"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
)

func TestEqualSelectionsHaveTheSameFingerprint(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	elsewhere := at.In(time.FixedZone("CET", 3600))
	industries := []string{"fintech", "biotech", "fintech"}
	a := feed.Filters{Industries: industries, DiscoveredAfter: &at}
	b := feed.Filters{Industries: []string{"biotech", "fintech"}, CompanySizes: []string{}, DiscoveredAfter: &elsewhere}
	first, second := fingerprint(t, a), fingerprint(t, b)
	if first != second {
		t.Errorf("fingerprints are %s and %s, want them equal", first, second)
	}
	if len(first) != 16 {
		t.Errorf("fingerprint %s has %d digits, want 16", first, len(first))
	}
	canonical, err := b.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(canonical), `{"industries":["biotech","fintech"],"discovered_after":"2026-03-01T12:00:00Z"}`; got != want {
		t.Errorf("canonical form is %s, want %s", got, want)
	}
	if strings.Join(industries, " ") != "fintech biotech fintech" || elsewhere.Location() == time.UTC {
		t.Error("the filters themselves were changed")
	}
}

func TestOtherSelectionsHaveOtherFingerprints(t *testing.T) {
	t.Parallel()
	year, yes, no, at := 2015, true, false, time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	seen := map[string]feed.Filters{}
	for _, f := range []feed.Filters{
		{},
		{Industries: []string{"a"}},
		{CompanySizes: []string{"a"}},
		{CountryCodes: []string{"a"}},
		{FundingStages: []string{"a"}},
		{CompanyTypes: []string{"a"}},
		{Industries: []string{"a", "b"}},
		{Industries: []string{"a,b"}},
		{FoundedAfter: &year},
		{IsAgency: &yes},
		{IsAgency: &no},
		{UpdatedAfter: &at},
		{DiscoveredAfter: &at},
		{DiscoveredBefore: &at},
	} {
		digest := fingerprint(t, f)
		if other, ok := seen[digest]; ok {
			t.Errorf("%+v and %+v share a fingerprint", f, other)
		}
		seen[digest] = f
	}
}

func TestATimeThatCanNotBeWrittenHasNoFingerprint(t *testing.T) {
	t.Parallel()
	at := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := (feed.Filters{UpdatedAfter: &at}).Fingerprint(); err == nil {
		t.Error("no error")
	}
}

func fingerprint(t *testing.T, f feed.Filters) string {
	t.Helper()
	digest, err := f.Fingerprint()
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

func TestACursorShowsAsADigest(t *testing.T) {
	t.Parallel()
	a, b := feed.Cursor("opaque-a"), feed.Cursor("opaque-b")
	if a.String() == b.String() || strings.Contains(a.String(), "opaque") || len(a.String()) != 12 {
		t.Errorf("cursors show as %s and %s, want two digests of 12 digits", a, b)
	}
	if got := feed.Cursor("").String(); got != "start" {
		t.Errorf("no cursor shows as %q, want start", got)
	}
}

func TestTheCostOfAPageIsKnownWithoutTheFeedsWord(t *testing.T) {
	t.Parallel()
	rows := make([]feed.Row, 3)
	for credits, want := range map[int64]int64{feed.Unknown: 150, 0: 0, 120: 120} {
		if got := (feed.Page{Rows: rows, Credits: credits}).Cost(); got != want {
			t.Errorf("Credits %d: Cost = %d, want %d", credits, got, want)
		}
	}
}
