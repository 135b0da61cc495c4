//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/careerstream/careerstream/internal/registry"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// Career sites are read in whichever format they are, and profiles lose nothing in
// Avro.
func TestAvro(t *testing.T) {
	t.Parallel()
	url := os.Getenv("SCHEMA_REGISTRY_URL")
	if url == "" {
		fake := srfake.New()
		t.Cleanup(fake.Close)
		url = fake.URL()
	}
	client, err := registry.New(registry.Config{URLs: []string{url}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	r := newRig(t, simulator.Options{Rows: 60}, nil)
	encoder, err := client.Encoder(t.Context(), registry.Subject{Topic: r.sites(), Schema: schemas.CareerSiteAvro(), Codec: schemas.CareerSiteCodec()}, true)
	if err != nil {
		t.Fatal(err)
	}
	r.apply()
	var sites []*kgo.Record
	for id, row := range r.api.Truth() {
		site := &kgo.Record{Key: []byte(id), Value: row.Bytes}
		if len(sites)%2 == 0 {
			if site.Value, err = encoder.Encode(row.Bytes); err != nil {
				t.Fatal(err)
			}
			site.Headers = []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(encoder.ContentType())}}
		}
		sites = append(sites, site)
	}
	broken := &kgo.Record{Key: []byte("x"), Value: []byte("\x00\x7f\x00\x00\x01abc"), Headers: []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentTypeAvro)}}}
	r.put(r.sites(), append(sites, broken)...)
	p := r.replica("VALUE_FORMAT=avro", "SCHEMA_REGISTRY_URL="+url)
	companies := r.tail(r.companies()).until("the profiles", rigAtLeast(len(sites)), p)
	letters := r.tail(r.letters()).until("the dead letter", rigAtLeast(1), p)
	p.stop()
	if reason := rigHeader(letters[0], schemas.HeaderReason); reason != string(schemas.ReasonBadSite) || len(letters) != 1 {
		t.Errorf("got %d dead letters, the first for %s; want one for %s", len(letters), reason, schemas.ReasonBadSite)
	}
	reader := registry.NewReader(client)
	for _, c := range companies {
		object, err := reader.JSON(t.Context(), rigHeader(c, schemas.HeaderContentType), c.Value, schemas.CompanyCodec())
		if err != nil || rigHeader(c, schemas.HeaderDataSchema) == "" {
			t.Fatalf("company %s with schema %q: %v", c.Key, rigHeader(c, schemas.HeaderDataSchema), err)
		}
		answer, err := http.Get(r.front.URL + "/api/companies/" + string(c.Key))
		if err != nil {
			t.Fatal(err)
		}
		profile, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || !reflect.DeepEqual(objectOf(t, profile), objectOf(t, object)) {
			t.Errorf("the profile %s came back as %s (%v)", profile, object, err)
		}
	}
}

// objectOf reads a JSON object, without members that are null.
func objectOf(t *testing.T, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return noNulls(v)
}

func noNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if v[name] = noNulls(inner); inner == nil {
				delete(v, name)
			}
		}
	case []any:
		for i, inner := range v {
			v[i] = noNulls(inner)
		}
	}
	return v
}
