package schemas_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/careerstream/careerstream/schemas"
)

// exactly reads JSON without rounding numbers; members that are null count as
// missing.
func exactly(t testing.TB, text []byte) any {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return withoutNulls(v)
}

func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			if inner == nil {
				delete(v, name)
				continue
			}
			v[name] = withoutNulls(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = withoutNulls(inner)
		}
	}
	return v
}

func roundTrip(t testing.TB, codec *schemas.Codec, object string) []byte {
	t.Helper()
	body, err := codec.Encode([]byte(object))
	if err != nil {
		t.Fatalf("encode %s: %v", object, err)
	}
	back, err := codec.Decode(body, "")
	if err != nil {
		t.Fatalf("decode %s: %v", object, err)
	}
	if diff := cmp.Diff(exactly(t, []byte(object)), exactly(t, back)); diff != "" {
		t.Fatalf("%s came back as %s:\n%s", object, back, diff)
	}
	return back
}

func TestNothingOfAnObjectIsLostInAvro(t *testing.T) {
	t.Parallel()
	for name, object := range map[string]string{
		"an id alone":             `{"id":"a"}`,
		"nulls":                   `{"id":"a","name":null,"industries":null,"new":null}`,
		"unknown members":         `{"id":"a","new":{"deep":[1,2.50,"x"]},"newer":1e400,"extra":{"id":"b"}}`,
		"large numbers":           `{"id":"a","page_rank":12345678901234567890.123456789}`,
		"an instant":              `{"id":"a","updated_at":"2026-02-03T04:05:06.123456Z"}`,
		"an instant in ns":        `{"id":"a","updated_at":"2026-02-03T04:05:06.123456789Z"}`,
		"an instant with a zone":  `{"id":"a","updated_at":"2026-02-03T04:05:06+02:00"}`,
		"an instant without one":  `{"id":"a","updated_at":"2026-02-03T04:05:06"}`,
		"no instant":              `{"id":"a","updated_at":"soon","discovered_at":7}`,
		"the wrong types":         `{"id":"a","name":1,"industries":"x","website":["y"],"ats":{"z":true},"is_agency":"no"}`,
		"a null in a list":        `{"id":"a","industries":["x",null]}`,
		"an empty list":           `{"id":"a","industries":[]}`,
		"half a surrogate pair":   `{"id":"a","name":"\ud800","summary":"\ud83d\ude00"}`,
		"escapes":                 `{"id":"a","name":"<b>\"\\\/\u0000\u2028é</b>"}`,
		"nested unknown members":  `{"id":"a","funding_rounds":[{"investor_count":3,"new":{"x":1}},{"investor_count":"3"},{"investor_count":1.0}]}`,
		"a list of other things":  `{"id":"a","funding_rounds":["seed"],"ratings":[{"rating":4.50},{"rating":1e2}]}`,
		"spacing":                 "{ \"id\" : \"a\" ,\n\t\"new\" : [ 1 , 2 ] }",
		"numbers that are longer": `{"id":"a","h1b_annual_job_counts":[{"year":2024,"count":9223372036854775808}]}`,
	} {
		for kind, codec := range map[string]*schemas.Codec{"career site": schemas.CareerSiteCodec(), "company": schemas.CompanyCodec()} {
			t.Run(name+" of a "+kind, func(t *testing.T) {
				t.Parallel()
				roundTrip(t, codec, object)
			})
		}
	}
}

func TestMembersComeBackInTheOrderOfTheSchema(t *testing.T) {
	t.Parallel()
	got := roundTrip(t, schemas.CareerSiteCodec(), `{"z":1,"updated_at":"2026-02-03T04:05:06Z","b":2,"name":"B","id":"a"}`)
	if want := `{"id":"a","name":"B","updated_at":"2026-02-03T04:05:06Z","b":2,"z":1}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	for object, want := range map[string]string{
		``:                       "not a JSON object",
		`[]`:                     "not a JSON object",
		`"a"`:                    "not a JSON object",
		`{`:                      "json",
		`{"id":"a"`:              "json",
		`{"id":"a"} {}`:          "something follows",
		`{}`:                     "member id: it is missing",
		`{"id":null}`:            "member id: it is missing",
		`{"id":7}`:               "member id: 7 is not",
		`{"id":"a","id":"b"}`:    `"id" twice`,
		`{"id":"a","x":1,"x":2}`: `"x" twice`,
		"{\"id\":\"a\xff\"}":     "not UTF-8",
	} {
		if _, err := schemas.CareerSiteCodec().Encode([]byte(object)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", object, err, want)
		}
	}
}

func TestABodyThatIsNoRecordIsRefused(t *testing.T) {
	t.Parallel()
	codec := schemas.CareerSiteCodec()
	body, err := codec.Encode([]byte(`{"id":"a","name":"B"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		body   []byte
		schema string
		want   string
	}{
		"cut off":            {body[:len(body)-1], "", "avro"},
		"longer":             {append(bytes.Clone(body), 0), "", "1 bytes follow"},
		"no schema":          {body, "{", "avro schema"},
		"no record's schema": {[]byte{2, 'a'}, `"string"`, "not a record"},
	} {
		if got, err := codec.Decode(c.body, c.schema); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %s, %v; want an error with %q", name, got, err, c.want)
		}
	}
}

func TestTheSameObjectGivesTheSameBody(t *testing.T) {
	t.Parallel()
	const object = `{"id":"a","e":1,"d":2,"c":3,"b":4,"x":{"y":1}}`
	first, err := schemas.CompanyCodec().Encode([]byte(object))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, err := schemas.CompanyCodec().Encode([]byte(object)); err != nil || !bytes.Equal(first, again) {
			t.Fatalf("got %x and then %x, %v", first, again, err)
		}
	}
}

// A consumer with this version of the package reads what a newer one wrote, with the
// schema that it was written with.
func TestANewerSchemaIsReadWithItsMembers(t *testing.T) {
	t.Parallel()
	newer := strings.Replace(schemas.CareerSiteAvro(), `{"name": "extra"`, `{"name": "head_count", "type": ["null", "long"], "default": null},
    {"name": "extra"`, 1)
	body, err := schemas.CareerSiteCodec().Encode([]byte(`{"id":"a","x":1}`))
	if err != nil {
		t.Fatal(err)
	}
	// The new field comes before the map, which has one entry.
	at := bytes.LastIndex(body, []byte("\x02\x02x\x021\x00"))
	body = append(append(bytes.Clone(body[:at]), 2, 14), body[at:]...)
	got, err := schemas.CareerSiteCodec().Decode(body, newer)
	if want := `{"id":"a","head_count":7,"x":1}`; err != nil || string(got) != want {
		t.Errorf("got %s, %v; want %s", got, err, want)
	}
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	id, body, err := schemas.CutPrefix(append(schemas.WirePrefix(258), "body"...))
	if id != 258 || string(body) != "body" || err != nil {
		t.Errorf("got %d, %q, %v; want 258 and the body", id, body, err)
	}
	for _, value := range []string{"", "\x00\x00", `{"id":"a"}`} {
		if _, _, err := schemas.CutPrefix([]byte(value)); err == nil {
			t.Errorf("%q has no prefix, and is taken apart", value)
		}
	}
}

// Whatever a feed sends comes back.
func TestAnyObjectComesBack(t *testing.T) {
	t.Parallel()
	names := rapid.SampledFrom([]string{"name", "summary", "industries", "updated_at", "discovered_at", "ats", "funding_rounds", "ratings", "is_agency", "page_rank", "new", "extra", "ü", ""})
	rapid.Check(t, func(t *rapid.T) {
		members := map[string]any{}
		for _, name := range rapid.SliceOfDistinct(names, rapid.ID[string]).Draw(t, "names") {
			members[name] = anyValue(t, 3)
		}
		members["id"] = "a"
		object, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		for _, codec := range []*schemas.Codec{schemas.CareerSiteCodec(), schemas.CompanyCodec()} {
			body, err := codec.Encode(object)
			if err != nil {
				t.Fatalf("encode %s: %v", object, err)
			}
			back, err := codec.Decode(body, "")
			if err != nil {
				t.Fatalf("decode %s: %v", object, err)
			}
			if diff := cmp.Diff(plain(object), plain(back)); diff != "" {
				t.Fatalf("%s came back as %s:\n%s", object, back, diff)
			}
		}
	})
}

func plain(text []byte) any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	return withoutNulls(v)
}

func anyValue(t *rapid.T, depth int) any {
	kinds := 6
	if depth > 0 {
		kinds = 9
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return json.Number(fmt.Sprint(rapid.Int64().Draw(t, "long")))
	case 3:
		return rapid.Float64().Draw(t, "double")
	case 4:
		return rapid.String().Draw(t, "text")
	case 5:
		return rapid.SampledFrom([]string{"2026-02-03T04:05:06Z", "2026-02-03T04:05:06.1234567Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999+14:00"}).Draw(t, "time")
	case 6:
		return rapid.SliceOfN(rapid.String(), 0, 3).Draw(t, "texts")
	case 7:
		list := make([]any, rapid.IntRange(0, 3).Draw(t, "items"))
		for i := range list {
			list[i] = anyValue(t, depth-1)
		}
		return list
	default:
		object := map[string]any{}
		for _, name := range []string{"name", "investor_count", "rating", "new"} {
			object[name] = anyValue(t, depth-1)
		}
		return object
	}
}

// With 14 members of some 700 bytes, two cores of a shared Xeon, Go 1.26: see the
// output; a page has 50.
func BenchmarkEncode(b *testing.B) {
	row := []byte(`{"id":"0b8f0a52-6f7c-4f0e-9d0a-2f6f9d0b1c2d","name":"Acme","website":"https://acme.example","logo_url":"https://cdn.example/acme.png","summary":"` + strings.Repeat("Acme makes things. ", 15) + `","industries":["fintech"],"categories":["b2b","saas"],"linkedin_url":null,"crunchbase_url":null,"ats":"greenhouse","listing_url":"https://boards.example/acme","discovered_at":"2026-01-02T03:04:05Z","updated_at":"2026-02-03T04:05:06.123456Z","details_url":"https://jobo.example/api/companies/0b8f0a52"}`)
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schemas.CareerSiteCodec().Encode(row); err != nil {
			b.Fatal(err)
		}
	}
}
