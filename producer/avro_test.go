//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/careerstream/careerstream/internal/registry"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// schemaRegistry is SCHEMA_REGISTRY_URL, or one in process.
func schemaRegistry(t *testing.T) string {
	t.Helper()
	if url := os.Getenv("SCHEMA_REGISTRY_URL"); url != "" {
		return url
	}
	fake := srfake.New()
	t.Cleanup(fake.Close)
	return fake.URL()
}

// same reports whether two JSON objects say the same, where null counts as missing.
func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	read := func(text []byte) map[string]any {
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.UseNumber()
		var out map[string]any
		if err := dec.Decode(&out); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for name, value := range out {
			if value == nil {
				delete(out, name)
			}
		}
		return out
	}
	return reflect.DeepEqual(read(a), read(b))
}

func TestAvroLosesNothingOfARow(t *testing.T) {
	t.Parallel()
	url := schemaRegistry(t)
	b := newBed(t, simulator.Options{Rows: 400, Seed: 15})
	avro := []string{"VALUE_FORMAT=avro", "SCHEMA_REGISTRY_URL=" + url, "SYNC_OVERLAP=15m"}
	client, err := registry.New(registry.Config{URLs: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	reader := registry.NewReader(client)
	b.sync(avro...).expect(0)
	records := b.records(b.sites())
	if len(records) != b.feed.Len() {
		t.Fatalf("got %d records, want %d", len(records), b.feed.Len())
	}
	for _, r := range records {
		got := headers(t, r)
		if got[schemas.HeaderContentType] != schemas.ContentTypeAvro || !strings.HasPrefix(got[schemas.HeaderDataSchema], url+"/schemas/ids/") {
			t.Fatalf("company %s has the headers %v", r.Key, got)
		}
		object, err := reader.JSON(t.Context(), got[schemas.HeaderContentType], r.Value, schemas.CareerSiteCodec())
		if err != nil {
			t.Fatalf("company %s: %v", r.Key, err)
		}
		if row, _ := b.feed.Row(string(r.Key)); !same(t, row.Bytes, object) {
			t.Errorf("the row %s came back as %s", row.Bytes, object)
		}
	}
	// Rows that did not change are recognised by their bytes.
	changed := len(b.feed.UpdateRandom(10))
	b.sync(append(avro, "SCHEMA_REGISTRY_AUTO_REGISTER=false")...).expect(0)
	if got := len(b.records(b.sites())); got != len(records)+changed {
		t.Errorf("got %d records, want %d and one for each of %d changes", got, len(records), changed)
	}
}

func TestARegistryThatIsAwayIsSaidAtTheStart(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 10, Seed: 15})
	fake := srfake.New()
	fake.Close()
	p := b.sync("VALUE_FORMAT=avro", "SCHEMA_REGISTRY_URL="+fake.URL())
	p.expect(1)
	if text := p.stderr.String(); !strings.Contains(text, "schema registry at "+fake.URL()) || !strings.Contains(text, "check that it runs, and SCHEMA_REGISTRY_URL") {
		t.Errorf("it says %s", text)
	}
	if got := b.pages(); got != 0 {
		t.Errorf("%d pages were bought", got)
	}
	b.sync("VALUE_FORMAT=avro").expect(2)
	var none []*kgo.Record
	if got := b.records(b.sites()); len(got) != len(none) {
		t.Errorf("%d records were published", len(got))
	}
}
