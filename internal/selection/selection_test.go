package selection_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/selection"
	"github.com/careerstream/careerstream/schemas"
)

const bank = `{"id":"c1","name":"Bank","website":"https://bank.example","summary":"We are HIRING","industries":["fintech","banking"],"categories":["b2b"],
	"ats":"greenhouse","listing_url":"https://x","discovered_at":"2025-05-01T00:00:00Z","updated_at":"2026-02-03T04:05:06.7Z","details_url":"https://d","later":{"x":1}}`

const bare = `{"id":"c2","name":"Bare","website":null,"logo_url":null,"summary":null,"industries":null,"categories":[],"linkedin_url":null,
	"crunchbase_url":null,"ats":"lever","listing_url":"https://y","discovered_at":null,"updated_at":"2026-01-01T00:00:00Z","details_url":null}`

func TestMatch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]bool{
		`true`:                       {true, true},
		`industries[0] == "fintech"`: {true, false},
		`industries[5] == "fintech"`: {},
		``:                           {},
		" \n\t":                      {},
		`false`:                      {},
		`not true`:                   {},
		`"fintech" in industries and ats == "greenhouse"`: {true, false},
		`ats in ["lever", "workday"]`:                     {false, true},
		`any(industries, # startsWith "fin")`:             {true, false},
		`all(industries, # != "x")`:                       {true, true},
		`len(industries) == 0`:                            {false, true},
		`summary contains "HIRING"`:                       {true, false},
		`lower(summary) contains "hiring"`:                {true, false},
		`summary matches "^We"`:                           {true, false},
		`website == nil`:                                  {false, true},
		`nil != website`:                                  {true, false},
		`website == ""`:                                   {false, true},
		`industries == nil`:                               {false, true},
		`industries != nil`:                               {true, false},
		`discovered_at == nil`:                            {false, true},
		`discovered_at != nil`:                            {true, false},
		`discovered_at < date("2026-01-01")`:              {true, false},
		`discovered_at < "2026-01-01"`:                    {true, false},
		`discovered_at >= "2026-01-01"`:                   {},
		`not (discovered_at >= "2026-01-01")`:             {true, true},
		`updated_at > "2026-02-03T04:05:06Z"`:             {true, false},
		`"2026-02-01" < updated_at`:                       {true, false},
		`updated_at == "2026-01-01"`:                      {false, true},
		`updated_at >= "2026-01-01" and name != "Bank"`:   {false, true},
		`name == "Bänk 🚀"`:                                {},
	} {
		s, err := selection.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for i, value := range []string{bank, bare} {
			got, err := s.Match([]byte(value))
			if err != nil || got != want[i] {
				t.Errorf("%s on site %d: got %v, %v, want %v", text, i, got, err, want[i])
			}
		}
		if s.String() != text {
			t.Errorf("got the text %q, want %q", s, text)
		}
	}
}

func TestNothingIsToldApartFromAnExpression(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"": true, " ": true, "false": true, "true": false, `ats == "x"`: false} {
		s, err := selection.Parse(text)
		if err != nil || s.None() != want {
			t.Errorf("%q: got none %v, %v, want %v", text, s.None(), err, want)
		}
	}
}

func TestAMistakeShowsItsPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`"fintech" in industry`:      "\"fintech\" in industry\n             ^\nthere is no field industry",
		`ats == "x" and indutries`:   "ats == \"x\" and indutries\n               ^\nthere is no field indutries; did you mean industries?",
		`ats ==`:                     "ats ==\n",
		`ats`:                        "true or false",
		`ats == 5`:                   "ats == 5\n    ^\n",
		`ats > 5 and (`:              "^\n",
		`now() > updated_at`:         "now() > updated_at\n^\n",
		`updated_at > "soon"`:        "updated_at > \"soon\"\n           ^\n",
		"ats == \"a\" and\nnam == 1": "nam == 1\n^\nthere is no field nam; did you mean name?",
		`len(`:                       "^\n",
		strings.Repeat("x", 20_000):  "20000 bytes",
		`any(industries, # > 3)`:     "^\n",
	} {
		_, err := selection.Parse(text)
		var mistake *selection.Error
		if !errors.As(err, &mistake) {
			t.Errorf("%s: got %v, want a mistake", text, err)
			continue
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "industries (list of texts)") {
			t.Errorf("%s: got\n%v\nwant %q in it, and the fields", text, err, want)
		}
	}
}

func TestAValueThatIsNoCareerSiteIsAnError(t *testing.T) {
	t.Parallel()
	s, err := selection.Parse(`ats == "x"`)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"", "[]", `"x"`, `{"ats":5}`, `{"industries":[1]}`} {
		if _, err := s.Match([]byte(value)); err == nil {
			t.Errorf("%s: got no error", value)
		}
	}
}

// The fields are those of the contract, in its order.
func TestTheFieldsAreThoseOfACareerSite(t *testing.T) {
	t.Parallel()
	var want []string
	for i := range reflect.TypeFor[schemas.CareerSite]().NumField() {
		want = append(want, reflect.TypeFor[schemas.CareerSite]().Field(i).Tag.Get("json"))
	}
	for i, f := range selection.Fields() {
		if i >= len(want) || f.Name != want[i] {
			t.Fatalf("got field %d %s, want those of %v", i, f.Name, want)
		}
		for _, text := range []string{f.Name + " == nil", f.Name + " != nil"} {
			if _, err := selection.Parse(text); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		}
	}
}

func TestHelpNamesFieldsAndNulls(t *testing.T) {
	t.Parallel()
	help := selection.Help()
	for _, want := range []string{"industries", "null", "lower()", "RFC 3339", "now()"} {
		if !strings.Contains(help, want) {
			t.Errorf("the help does not speak of %s", want)
		}
	}
	for line := range strings.Lines(help) {
		if example, ok := strings.CutPrefix(line, "  "); ok && strings.ContainsAny(example, "=#") {
			if _, err := selection.Parse(strings.TrimSpace(example)); err != nil {
				t.Errorf("the example %q: %v", example, err)
			}
		}
	}
}

func FuzzParseAndMatch(f *testing.F) {
	for _, text := range []string{"true", `ats == "x"`, `any(industries, # == "a")`, "((", `discovered_at == nil`, `filter(industries, true)`} {
		f.Add(text, bank)
	}
	f.Fuzz(func(_ *testing.T, text, value string) {
		if s, err := selection.Parse(text); err == nil {
			_, _ = s.Match([]byte(value))
		}
	})
}

func ExampleParse() {
	s, err := selection.Parse(`"fintech" in industries and website != nil`)
	if err != nil {
		fmt.Println(err)
		return
	}
	chosen, err := s.Match([]byte(`{"id":"1","industries":["fintech"],"website":"https://bank.example"}`))
	fmt.Println(chosen, err)
	// Output: true <nil>
}

func BenchmarkMatch(b *testing.B) {
	s, err := selection.Parse(`"fintech" in industries and ats == "greenhouse"`)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Match([]byte(bank)); err != nil {
			b.Fatal(err)
		}
	}
}
