package schemas_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/schemas"
)

// headersOf makes headers of pairs.
func headersOf(pairs ...string) []schemas.Header {
	var out []schemas.Header
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, schemas.Header{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return out
}

func TestRecordsAreReadByTheirHeaders(t *testing.T) {
	t.Parallel()
	const site = `{"id":"a","name":"Acme","industries":["fintech"],"updated_at":"2026-02-03T04:05:06Z","perks":["bikes"]}`
	body, err := schemas.CareerSiteCodec().Encode([]byte(site))
	if err != nil {
		t.Fatal(err)
	}
	registry := func(id int) (string, error) {
		if id != 7 {
			return "", errors.New("no such schema")
		}
		return schemas.CareerSiteAvro(), nil
	}
	for kind, value := range map[string][]byte{schemas.ContentTypeJSON: []byte(site), schemas.ContentTypeAvro: append(schemas.WirePrefix(7), body...)} {
		r, err := schemas.DecodeRecord([]byte("a"), value, headersOf(
			schemas.HeaderType, schemas.TypeCareerSite, schemas.HeaderContentType, kind,
			schemas.HeaderID, "a@2026-02-03T04:05:06Z", schemas.HeaderSource, "https://x", schemas.HeaderTime, "2026-02-03T04:05:06Z",
		), registry)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if r.Site == nil || r.Site.Name != "Acme" || r.Site.Industries[0] != "fintech" || r.Site.Website != nil || r.Company != nil || r.Letter != nil || r.Gone {
			t.Errorf("%s: got %+v, want the career site", kind, r)
		}
		if r.Key != "a" || r.EventID != "a@2026-02-03T04:05:06Z" || r.Source != "https://x" || !r.Time.Equal(time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)) {
			t.Errorf("%s: got the event %+v", kind, r)
		}
		if !strings.Contains(string(r.JSON), `"perks":["bikes"]`) {
			t.Errorf("%s: got %s, want the members that the type does not name too", kind, r.JSON)
		}
	}
	r, err := schemas.DecodeRecord([]byte("a"), []byte(`{"id":"a","name":"Acme","page_rank":"high","is_agency":true}`), headersOf(schemas.HeaderType, schemas.TypeCompany), nil)
	if err != nil || r.Company == nil || r.Company.PageRank != nil || r.Company.IsAgency == nil || !*r.Company.IsAgency {
		t.Errorf("got %+v, %v; want the company with all that fits", r.Company, err)
	}
	r, err = schemas.DecodeRecord([]byte("a"), nil, headersOf(schemas.HeaderType, schemas.TypeCompany), nil)
	if err != nil || !r.Gone || r.Company != nil {
		t.Errorf("got %+v, %v; want a company that is gone", r, err)
	}
}

func TestADeadLetterIsReadByItsHeaders(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	r, err := schemas.DecodeRecord([]byte("a"), []byte("x"), headersOf(
		schemas.HeaderType, schemas.TypeDeadLetter, schemas.HeaderReason, "not_found", schemas.HeaderMessage, "gone",
		schemas.HeaderOriginTopic, "t", schemas.HeaderOriginPartition, "3", schemas.HeaderOriginOffset, "4",
		schemas.HeaderAttempts, "5", schemas.HeaderFirstAttempt, first.Format(time.RFC3339Nano), schemas.HeaderLastAttempt, first.Format(time.RFC3339Nano),
		schemas.HeaderStatus, "404", schemas.HeaderURL, "https://x", schemas.HeaderSize, "600000", schemas.HeaderSHA256, "ab",
	), nil)
	want := &schemas.DeadLetter{
		Reason: schemas.ReasonNotFound, Message: "gone", Value: []byte("x"), Size: 600000, SHA256: "ab", Topic: "t", Partition: 3, Offset: 4,
		Attempts: 5, First: first, Last: first, Status: 404, URL: "https://x",
	}
	if diff := cmp.Diff(want, r.Letter); diff != "" || err != nil {
		t.Errorf("got another letter (%v):\n%s", err, diff)
	}
	r, err = schemas.DecodeRecord([]byte("a"), []byte("null"), headersOf(schemas.HeaderType, schemas.TypeDeadLetter, schemas.HeaderReason, "not_an_object"), nil)
	if err != nil || r.Letter.Partition != -1 || r.Letter.Offset != -1 || r.Letter.Size != 4 {
		t.Errorf("got %+v, %v; want a letter of the producer", r.Letter, err)
	}
}

func TestWhatARecordIsNotIsSaid(t *testing.T) {
	t.Parallel()
	avro := headersOf(schemas.HeaderType, schemas.TypeCareerSite, schemas.HeaderContentType, schemas.ContentTypeAvro)
	fails := func(int) (string, error) { return "", errors.New("registry is down") }
	for name, c := range map[string]struct {
		value   string
		headers []schemas.Header
		schema  func(int) (string, error)
		want    string
	}{
		"a type of later":   {"{}", headersOf(schemas.HeaderType, "world.jobo.job.v1"), nil, `unknown type of record: ce_type is "world.jobo.job.v1"`},
		"no headers":        {"{}", nil, nil, "unknown type of record"},
		"no JSON":           {"{", headersOf(schemas.HeaderType, schemas.TypeCareerSite), nil, `company "a"`},
		"no prefix":         {"{}", avro, fails, "schema id"},
		"no registry":       {"\x00\x00\x00\x00\x07", avro, nil, "schema 7, and no schema registry is known"},
		"registry is down":  {"\x00\x00\x00\x00\x07", avro, fails, "schema 7: registry is down"},
		"another's schema":  {"\x00\x00\x00\x00\x07\x02a", avro, func(int) (string, error) { return `"string"`, nil }, "not a record"},
		"no schema in fact": {"\x00\x00\x00\x00\x07", avro, func(int) (string, error) { return `{`, nil }, "avro schema"},
	} {
		if _, err := schemas.DecodeRecord([]byte("a"), []byte(c.value), c.headers, c.schema); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error with %q", name, err, c.want)
		}
	}
	if _, err := schemas.DecodeRecord(nil, []byte("{}"), nil, nil); !errors.Is(err, schemas.ErrUnknownType) {
		t.Errorf("got %v, want ErrUnknownType", err)
	}
}

// A record of whichever format, read by its headers. schemaOf asks a schema
// registry, and remembers.
func ExampleDecodeRecord() {
	schemaOf := func(int) (string, error) { return schemas.CareerSiteAvro(), nil }
	body, err := schemas.CareerSiteCodec().Encode([]byte(`{"id":"3f2c","name":"Acme","perks":["bikes"]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	key, value := []byte("3f2c"), append(schemas.WirePrefix(1), body...)
	headers := []schemas.Header{
		{Key: schemas.HeaderType, Value: []byte(schemas.TypeCareerSite)},
		{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentTypeAvro)},
	}

	r, err := schemas.DecodeRecord(key, value, headers, schemaOf)
	switch {
	case errors.Is(err, schemas.ErrUnknownType):
		// written by a later version: pass over it
	case err != nil:
		fmt.Println(err)
	case r.Gone:
		fmt.Println("delete", r.Key)
	case r.Site != nil:
		fmt.Println("keep", r.Site.Name)
		fmt.Println(string(r.JSON))
	}
	// Output:
	// keep Acme
	// {"id":"3f2c","name":"Acme","perks":["bikes"]}
}
