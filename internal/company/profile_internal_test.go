package company

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/careerstream/careerstream/schemas"
)

func nested(depth int) string {
	return `{"id":"a","x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
}

var profiles = map[string]string{
	`{"id":"a"}`:                       "",
	`{"id":"\u0061"}`:                  "",
	`{"\u0069d":"a"}`:                  "",
	"\t{\"x\":null,\"id\":\"a\"}\r\n ": "",
	`{"id":"a","Id":"b","ID":3}`:       "", // other members than id
	`{"id":"a","n":1e400,"m":-0}`:      "",
	`{"id":"a","s":"\ud800"}`:          "", // a lone surrogate
	`{"id":"a","x":[{"y":1},{"y":2}]}`: "",
	`{"id":"a","x":{"id":"b"}}`:        "",
	nested(64):                         "",
	`{"id":"a","x":"[[{{` + strings.Repeat(`[`, 99) + `\"[["}`: "",

	`{"id":"b"}`:               "wrong_company",
	`{"id":"A"}`:               "wrong_company",
	`{"id":" a"}`:              "wrong_company",
	`{"id":"\ud800"}`:          "wrong_company",
	`{"id":1}`:                 "wrong_company",
	`{"id":null}`:              "wrong_company",
	`{"id":["a"]}`:             "wrong_company",
	`{}`:                       "wrong_company",
	`{"x":{"id":"a"}}`:         "wrong_company",
	`{"Id":"a"}`:               "wrong_company",
	`{"error":"no such id a"}`: "wrong_company",

	`[]`:                               "bad_profile",
	`null`:                             "bad_profile",
	`"a"`:                              "bad_profile",
	`[{"id":"a"}]`:                     "bad_profile",
	`{"id":"a"}{}`:                     "bad_profile",
	`{"id":"a"},`:                      "bad_profile",
	"{\"id\":\"a\"}\x00":               "bad_profile",
	"\ufeff{\"id\":\"a\"}":             "bad_profile",
	`{"id":"a","id":"a"}`:              "bad_profile",
	`{"id":"a","\u0069d":"b"}`:         "bad_profile",
	`{"id":"a","x":[{"y":1,"y":2}]}`:   "bad_profile",
	`{"id":"a","x":1,"x":1}`:           "bad_profile",
	`{"id":"a","\ud800":1,"\ud800":1}`: "bad_profile",
	nested(65):                         "bad_profile",
	nested(20_000):                     "bad_profile",
	"{\"id\":\"a\",\"x\":\"\xff\"}":    "bad_profile",
	"{\"id\":\"a\",\"\xff\":1}":        "bad_profile",
	"{\"id\":\"a\n\"}":                 "bad_profile",
	`{'id':'a'}`:                       "bad_profile",
	`{id:"a"}`:                         "bad_profile",
	`{"id":"a",}`:                      "bad_profile",
	`{"id":"a" "x":1}`:                 "bad_profile",
	`{"id":"a","x":01}`:                "bad_profile",
	`{"id":"a","x":NaN}`:               "bad_profile",
	`{"id":"a"]`:                       "bad_profile",
	`<html>`:                           "bad_profile",
	`nul`:                              "early",
	``:                                 "early",
	" ":                                "early",
	`{`:                                "early",
	`{"id":"a"`:                        "early",
	`{"id":"a","x":[[`:                 "early",
	`{"id":"a","id`:                    "early",
	`["a"`:                             "early",
}

// found is the result of checkProfile as one word.
func found(err error) string {
	var refused *ProfileError
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errEndsEarly):
		return "early"
	case errors.As(err, &refused):
		return string(refused.Reason)
	}
	return err.Error()
}

func TestAProfileIsOneObjectOfItsCompany(t *testing.T) {
	t.Parallel()
	for body, want := range profiles {
		before := strings.Clone(body)
		if err := checkProfile([]byte(body), "a"); found(err) != want {
			t.Errorf("%.80q: got %v, want %q", body, err, want)
		}
		if body != before {
			t.Errorf("%.80q was changed", before)
		}
	}
}

// FuzzProfile compares with encoding/json, which knows neither limits nor
// duplicates.
func FuzzProfile(f *testing.F) {
	for body := range profiles {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := checkProfile(body, "a")
		switch got := found(err); got {
		case "":
			var m map[string]json.RawMessage
			var id string
			if e := json.Unmarshal(body, &m); e != nil || json.Unmarshal(m["id"], &id) != nil || id != "a" || !utf8.Valid(body) {
				t.Fatalf("%q is taken as the profile of a: %v", body, e)
			}
		case "early":
			if json.Valid(body) {
				t.Fatalf("%q is whole, and is taken as cut off", body)
			}
		case string(schemas.ReasonWrongCompany):
			if !json.Valid(body) {
				t.Fatalf("%q is taken as another company's profile, and is no JSON", body)
			}
		case string(schemas.ReasonBadProfile):
		default:
			t.Fatalf("%q: got %v", body, err)
		}
		for cut := range body { // a good profile that is cut off is never dead
			if err == nil && found(checkProfile(body[:cut], "a")) != "early" && strings.TrimSpace(string(body[cut:])) != "" {
				t.Fatalf("%q, cut at %d: got %v", body, cut, checkProfile(body[:cut], "a"))
			}
		}
	})
}

// benchProfile is a profile of about 15 KB in the shape of the contract.
func benchProfile() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"0b5d7c1e-0000-4000-8000-000000000001","name":"A company","summary":%q`, strings.Repeat("Helps companies to be paid. ", 10))
	for i := range 40 {
		fmt.Fprintf(&b, `,"field_%d":"https://www.example.com/company/%d"`, i, i)
	}
	b.WriteString(`,"description":"` + strings.Repeat(`It \"does\" what others do not, \u00e9 included. `, 92) + `"`)
	for _, list := range []string{"leadership", "tech_stack", "funding_rounds", "press_references"} {
		fmt.Fprintf(&b, `,%q:[{"name":"first"}`, list)
		for i := range 18 {
			fmt.Fprintf(&b, `,{"name":"Somebody %d","title":"Head of things","url":"https://www.example.com/in/%d","count":%d,"tags":["a","b"]}`, i, i, i)
		}
		b.WriteString("]")
	}
	return []byte(b.String() + `,"page_rank":4.25}`)
}

// BenchmarkCheckProfile is the measurement by which checkProfile was chosen.
func BenchmarkCheckProfile(b *testing.B) {
	body := benchProfile()
	run := func(name string, check func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("values", func() error { return checkProfile(body, "0b5d7c1e-0000-4000-8000-000000000001") })
	run("jsontext alone", func() error {
		_, err := jsontext.NewDecoder(bytes.NewBuffer(body)).ReadValue()
		return err
	})
	run("encoding json", func() error {
		var m map[string]json.RawMessage
		return json.Unmarshal(body, &m)
	})
}
