package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// What the simulated API sends is what the contract says, and comes back from Avro as
// it was.
func TestSimulatedRecordsFitTheContract(t *testing.T) {
	t.Parallel()
	api := simulator.New(simulator.Options{Rows: 60})
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	for id, row := range api.Truth() {
		fits(t, schemas.TypeCareerSite, schemas.CareerSiteCodec(), row.Bytes)
		answer, err := http.Get(server.URL + "/api/companies/" + id)
		if err != nil {
			t.Fatal(err)
		}
		profile, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("company %s: %s, %v", id, answer.Status, err)
		}
		fits(t, schemas.TypeCompany, schemas.CompanyCodec(), profile)
	}
}

func fits(t *testing.T, kind string, codec *schemas.Codec, value []byte) {
	t.Helper()
	read := func(text []byte) any {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", read([]byte(schemas.JSONSchema(kind)))); err != nil {
		t.Fatal(err)
	}
	if err := compiler.MustCompile("schema.json").Validate(read(value)); err != nil {
		t.Errorf("%s: %v", value, err)
	}
	body, err := codec.Encode(value)
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	back, err := codec.Decode(body, "")
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	missing := cmp.FilterPath(func(p cmp.Path) bool {
		step, ok := p.Last().(cmp.MapIndex)
		if !ok {
			return false
		}
		was, is := step.Values()
		return !is.IsValid() && was.IsValid() && was.IsNil() // null counts as missing
	}, cmp.Ignore())
	if diff := cmp.Diff(read(value), read(back), missing); diff != "" {
		t.Errorf("%s came back as %s:\n%s", value, back, diff)
	}
	if strings.Contains(string(back), `"extra":`) {
		t.Errorf("%s has the map itself", back)
	}
}
