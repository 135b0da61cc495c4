package app

import (
	"bytes"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/careerstream/careerstream/internal/registry"
	"github.com/careerstream/careerstream/schemas"
)

func TestCheckLooksAtTheSchemaRegistry(t *testing.T) {
	t.Parallel()
	fake := srfake.New()
	s := registry.Subject{Topic: "t", Schema: schemas.CareerSiteAvro(), Codec: schemas.CareerSiteCodec()}
	if items := registryItems(Values{}, s); len(items) != 0 {
		t.Errorf("got %d items where values are JSON, want none", len(items))
	}
	v := Values{Avro: true, Registry: registry.Config{URLs: []string{fake.URL()}}}
	says := func(v Values, want verdict, text string) {
		t.Helper()
		findings, _ := registryItems(v, s)[0].run(t.Context())
		if len(findings) != 1 || findings[0].verdict != want || !strings.Contains(findings[0].text+"; "+findings[0].fix, text) {
			t.Errorf("got %v, want %s and %q", findings, want, text)
		}
	}
	says(v, fail, "schemas push")
	v.AutoRegister = true
	says(v, okay, "the start registers it")
	var out bytes.Buffer
	if err := Schemas(t.Context(), v, s, "schemas check", Env{Stdout: &out}); err == nil || !strings.Contains(err.Error(), "schemas push registers it") {
		t.Errorf("schemas check: got %v, want to be told to push", err)
	}
	for verb, want := range map[string]string{"schemas push": "FULL_TRANSITIVE, version 1 of 1", "schemas diff": "version 1 is this program's schema"} {
		if err := Schemas(t.Context(), v, s, "schemas push", Env{Stdout: &out}); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		if err := Schemas(t.Context(), v, s, verb, Env{Stdout: &out}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%s: got %q, %v; want %q", verb, out.String(), err, want)
		}
	}
	if err := Schemas(t.Context(), v, s, "schemas check", Env{Stdout: &out}); err != nil {
		t.Errorf("schemas check: got %v after a push", err)
	}
	says(v, okay, "version 1")
	fake.Close()
	says(v, fail, "check that it runs, and SCHEMA_REGISTRY_URL")
	if err := Schemas(t.Context(), Values{}, s, "schemas check", Env{}); exitCode(err) != ExitUsage {
		t.Errorf("got %v without a registry, want a mistake", err)
	}
}
