package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/careerstream/careerstream/schemas"
)

// pageOf is a page with these rows.
func pageOf(rows ...string) string {
	return `{"career_sites":[` + strings.Join(rows, ",") + `],"next_cursor":null,"has_more":false}`
}

func nested(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }

func TestADefectiveBodyIsRefusedForItsFirstFault(t *testing.T) {
	t.Parallel()
	const ok = `"next_cursor":null,"has_more":false`
	for name, tc := range map[string]struct {
		body string
		want Fault
	}{
		"a comma too much in the rows":      {`{"career_sites":[{"id":"a"},],` + ok + `}`, FaultNotJSON},
		"a comma too much in the page":      {`{"career_sites":[],` + ok + `,}`, FaultNotJSON},
		"a comma too few":                   {`{"career_sites":[{"id":"a"}{"id":"b"}],` + ok + `}`, FaultNotJSON},
		"a name without quotes":             {`{career_sites:[],` + ok + `}`, FaultNotJSON},
		"a control character in a string":   {pageOf("{\"id\":\"a\nb\"}"), FaultNotJSON},
		"a number with a leading zero":      {pageOf(`{"id":"a","n":01}`), FaultNotJSON},
		"NaN":                               {pageOf(`{"id":"a","n":NaN}`), FaultNotJSON},
		"the wrong bracket":                 {`{"career_sites":[}`, FaultNotJSON},
		"a bracket that closes nothing":     {`}`, FaultNotJSON},
		"a comment":                         {"/* */" + pageOf(), FaultNotJSON},
		"invalid UTF-8 in a value":          {pageOf("{\"id\":\"a\",\"name\":\"\xff\"}"), FaultInvalidUTF8},
		"invalid UTF-8 in a name":           {pageOf("{\"id\":\"a\",\"\xc3\":1}"), FaultInvalidUTF8},
		"a surrogate in UTF-8":              {pageOf("{\"id\":\"a\",\"name\":\"\xed\xa0\x80\"}"), FaultInvalidUTF8},
		"a member twice in the page":        {`{"has_more":true,"career_sites":[],` + ok + `}`, FaultDuplicateName},
		"an unknown member twice":           {`{"x":1,"x":2,"career_sites":[],` + ok + `}`, FaultDuplicateName},
		"a member twice in a row":           {pageOf(`{"id":"a","id":"b"}`), FaultDuplicateName},
		"a member twice, once escaped":      {pageOf(`{"id":"a","\u0069d":"b"}`), FaultDuplicateName},
		"a member twice deep in a row":      {pageOf(`{"id":"a","x":[{"y":{"z":1,"z":1}}]}`), FaultDuplicateName},
		"65 levels in a row":                {pageOf(`{"id":"a","x":` + nested(62) + `}`), FaultTooDeep},
		"65 levels in the page":             {`{"x":` + nested(64) + `,"career_sites":[],` + ok + `}`, FaultTooDeep},
		"65 levels in a row that is none":   {pageOf(nested(63)), FaultTooDeep},
		"65 levels and many brackets":       {pageOf(`{"id":"a","x":[` + strings.Repeat("[],", 99) + nested(61) + `]}`), FaultTooDeep},
		"10,001 levels":                     {pageOf(`{"id":"a","x":` + nested(10_001) + `}`), FaultTooDeep},
		"10,001 levels never closed":        {strings.Repeat(`[`, 10_001), FaultTooDeep},
		"null":                              {`null`, FaultShape},
		"an array":                          {`[]`, FaultShape},
		"a string":                          {`"career_sites"`, FaultShape},
		"nothing":                           {`{}`, FaultShape},
		"an error with status 200":          {`{"status":200,"error":"maintenance"}`, FaultShape},
		"no rows":                           {`{` + ok + `}`, FaultShape},
		"rows are null":                     {`{"career_sites":null,` + ok + `}`, FaultShape},
		"rows are an object":                {`{"career_sites":{},` + ok + `}`, FaultShape},
		"rows in capitals":                  {`{"Career_Sites":[],` + ok + `}`, FaultShape},
		"no has_more":                       {`{"career_sites":[],"next_cursor":null}`, FaultShape},
		"has_more is null":                  {`{"career_sites":[],"next_cursor":null,"has_more":null}`, FaultShape},
		"has_more is a string":              {`{"career_sites":[],"next_cursor":null,"has_more":"false"}`, FaultShape},
		"has_more is a number":              {`{"career_sites":[],"next_cursor":null,"has_more":0}`, FaultShape},
		"next_cursor is a number":           {`{"career_sites":[],"next_cursor":7,"has_more":true}`, FaultShape},
		"next_cursor is half a surrogate":   {`{"career_sites":[],"next_cursor":"\ud800","has_more":true}`, FaultShape},
		"cut off although the shape is bad": {`{"career_sites":null,"has_more"`, FaultCutOff},
		"a scalar that is cut off":          {`nul`, FaultCutOff},
		"more behind a scalar":              {`null null`, FaultNotJSON},
	} {
		_, refused := decodePage([]byte(tc.body), MaxBatchSize)
		if refused == nil {
			t.Errorf("%s: accepted, want %s", name, tc.want)
			continue
		}
		if refused.Reason != tc.want || refused.Detail == "" {
			t.Errorf("%s: %v, want %s", name, refused, tc.want)
		}
	}
}

// Whatever the length at which a page is cut, it is known to be cut off.
func TestEveryPrefixOfAPageIsKnownToBeCutOff(t *testing.T) {
	t.Parallel()
	body := `{"career_sites":[{"id":"é\u00e9","n":-1.5e+3,"t":true,"x":[{"y":null}]}, null ],"next_cursor":"c","has_more":true}`
	for n := range len(body) {
		_, refused := decodePage([]byte(body[:n]), MaxBatchSize)
		if refused == nil || refused.Reason != FaultCutOff {
			t.Errorf("%q: %v, want %s", body[:n], refused, FaultCutOff)
		}
	}
	if _, refused := decodePage([]byte(body), MaxBatchSize); refused != nil {
		t.Errorf("the whole page: %v", refused)
	}
}

func TestWhatIsUnusualButJSONIsLetThrough(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]string{
		"64 levels":                   `{"id":"a","x":` + nested(61) + `}`,
		"many brackets, few levels":   `{"id":"a","x":[` + strings.Repeat("[],", 99) + `{}]}`,
		"brackets in strings":         `{"id":"a","x":["` + strings.Repeat(`[{\"`, 99) + `"]}`,
		"a number beyond float64":     `{"id":"a","x":1e400}`,
		"an integer beyond 2^53":      `{"id":"a","x":9007199254740993}`,
		"an integer beyond 2^63":      `{"id":"a","x":9223372036854775809}`,
		"a float with many digits":    `{"id":"a","x":-0.10000000000000000000000000000000001E-9}`,
		"an escaped NUL":              `{"id":"a","x":"\u0000"}`,
		"a lone surrogate, escaped":   `{"id":"a","x":"cut \ud83d"}`,
		"a pair of surrogates":        `{"id":"a","x":"\ud83d\ude00"}`,
		"names that differ in case":   `{"id":"a","Id":"b","ID":7,"iD":null}`,
		"unknown members":             `{"id":"a","brand_new":{"x":[1,2,3]},"":0}`,
		"spaces everywhere":           "{ \t\"id\"\r\n:\n\"a\" , \"x\" : [ ] }",
		"an escaped solidus":          `{"id":"a","x":"http:\/\/a"}`,
		"an id whose name is escaped": `{"\u0069d":"a"}`,
	} {
		env, refused := decodePage([]byte(pageOf(" "+row+" ", `{"id":"b"}`)), MaxBatchSize)
		if refused != nil {
			t.Errorf("%s: %v", name, refused)
			continue
		}
		if got := env.rows[0]; string(got.Raw) != row || got.ID != "a" || got.Reason != "" {
			t.Errorf("%s: row is id %q, reason %q, %s\nwant id a and the very bytes %s", name, got.ID, got.Reason, got.Raw, row)
		}
	}
}

func TestARowThatCanNotBeARecordSaysWhy(t *testing.T) {
	t.Parallel()
	const object, id = schemas.ReasonNotAnObject, schemas.ReasonBadID
	for _, tc := range []struct {
		row     string
		reason  schemas.DeadLetterReason
		message string
	}{
		{`null`, object, "the row is null, not an object"},
		{`"text"`, object, "the row is a string, not an object"},
		{`7`, object, "the row is a number, not an object"},
		{`true`, object, "the row is a boolean, not an object"},
		{`[{"id":"a"}]`, object, "the row is an array, not an object"},
		{`{}`, id, "id is missing"},
		{`{"Id":"a"}`, id, "id is missing"},
		{`{"x":{"id":"a"}}`, id, "id is missing"},
		{`{"id":null}`, id, "id is null, not a string"},
		{`{"id":7}`, id, "id is a number, not a string"},
		{`{"id":1.5}`, id, "id is a number, not a string"},
		{`{"id":{"id":"a"}}`, id, "id is an object, not a string"},
		{`{"id":["a"]}`, id, "id is an array, not a string"},
		{`{"id":false}`, id, "id is a boolean, not a string"},
		{`{"id":""}`, id, "id is empty"},
		{`{"id":"` + strings.Repeat("a", 10<<10) + `"}`, id, "id has 10240 bytes, more than 512"},
		{`{"id":"` + strings.Repeat("é", 256) + `x"}`, id, "id has 513 bytes, more than 512"},
		{`{"id":"a\nb"}`, id, "id has control characters"},
		{`{"id":"a\rb"}`, id, "id has control characters"},
		{`{"id":"\u0000"}`, id, "id has control characters"},
		{"{\"id\":\"\u007f\"}", id, "id has control characters"},
		{"{\"id\":\"\u0085\"}", id, "id has control characters"},
		{`{"id":"\ud800"}`, id, "id is not valid Unicode"},
		{`{"id":"a\udc00"}`, id, "id is not valid Unicode"},
	} {
		env, refused := decodePage([]byte(pageOf(`{"id":"good"}`, tc.row)), MaxBatchSize)
		if refused != nil {
			t.Errorf("%.40s refuses the page: %v", tc.row, refused)
			continue
		}
		want := Row{Raw: []byte(tc.row), Reason: tc.reason, Message: tc.message}
		if diff := cmp.Diff(want, env.rows[1]); diff != "" {
			t.Errorf("%.40s (-want +got):\n%s", tc.row, diff)
		}
	}
	for _, good := range []string{"x", strings.Repeat("é", 256), " ", "3f2a7c1e-0b5d-4d7e-9c11-000000000000", `quote\"`, `\ud83d\ude00`} {
		env, refused := decodePage([]byte(pageOf(`{"id":"`+good+`"}`)), MaxBatchSize)
		if refused != nil || env.rows[0].Reason != "" || env.rows[0].ID == "" {
			t.Errorf("id %q: %v, %+v; want it good", good, refused, env.rows)
		}
	}
}

func TestUpdatedAtIsReadLeniently(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	for value, want := range map[string]time.Time{
		`"2026-02-03T04:05:06Z"`:               at,
		`"2026-02-03T04:05:06.7Z"`:             at.Add(700 * time.Millisecond),
		`"2026-02-03T04:05:06.123456789Z"`:     at.Add(123456789),
		`"2026-02-03T04:05:06.1234567899999Z"`: at.Add(123456789),
		`"2026-02-03T06:05:06+02:00"`:          at,
		`"2026-02-02T23:35:06.5-04:30"`:        at.Add(500 * time.Millisecond),
		`"2026-02-03T04:05:06"`:                at,
		`"2026-02-03T04:05:06.25"`:             at.Add(250 * time.Millisecond),
		`"2026-02-03 04:05:06Z"`:               at,
		`"2026-02-03t04:05:06z"`:               at,
		`"\u0032026-02-03T04:05:06Z"`:          at,
		`null`:                                 {},
		`""`:                                   {},
		`"soon"`:                               {},
		`1770091506`:                           {},
		`"2026-02-03"`:                         {},
		`"2026-02-30T04:05:06Z"`:               {},
		`"2026-02-03T25:05:06Z"`:               {},
		`"2026-02-03T04:05:06ZZ"`:              {},
		`"0000-01-01T00:00:00+10:00"`:          {},
		`"9999-12-31T23:59:59-10:00"`:          {},
		`"` + strings.Repeat("9", 2000) + `"`:  {},
		`"2026-02-03T04:05:06\ud800"`:          {},
		`{"at":"2026-02-03T04:05:06Z"}`:        {},
	} {
		env, refused := decodePage([]byte(pageOf(`{"updated_at":`+value+`,"id":"a"}`)), MaxBatchSize)
		if refused != nil {
			t.Errorf("%s refuses the page: %v", value, refused)
			continue
		}
		if row := env.rows[0]; row.UpdatedAt != want || row.Reason != "" {
			t.Errorf("%.50s is %v, reason %q; want %v and a good row", value, row.UpdatedAt, row.Reason, want)
		}
	}
}

func TestRowsBeyondWhatIsKeptAreCountedAndChecked(t *testing.T) {
	t.Parallel()
	env, refused := decodePage([]byte(pageOf(`{"id":"a"}`, `{"id":"b"}`, `{"id":"c"}`)), 2)
	if refused != nil || env.count != 3 || len(env.rows) != 2 {
		t.Errorf("%d rows counted, %d kept, %v; want 3 and 2", env.count, len(env.rows), refused)
	}
	if _, refused := decodePage([]byte(pageOf(`{"id":"a"}`, `{"id":"b","id":"c"}`)), 1); refused == nil {
		t.Error("a defect behind the rows that are kept is not seen")
	}
}

// FuzzDecodePage holds the decoder against encoding/json: what it accepts is one
// JSON object in UTF-8, and its rows are the elements of career_sites, in order
// and byte for byte.
func FuzzDecodePage(f *testing.F) {
	for _, seed := range []string{
		pageOf(), pageOf(`{"id":"a","updated_at":"2026-02-03T04:05:06Z"}`, `null`, `[{}]`), `{"career_sites":[],"next_cursor":"c","has_more":true}`,
		pageOf(`{"id":"\ud800"}`), pageOf(nested(70)), "\ufeff{}", `{"has_more":1}`, pageOf("{\"id\":\"\xff\"}"), "", "}", `{"":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		env, refused := decodePage(body, MaxBatchSize)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if refused != nil {
			if refused.Reason == "" || refused.Detail == "" {
				t.Errorf("refused without a word: %+v", refused)
			}
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("%q is accepted and is not JSON in UTF-8", body)
		}
		var page map[string]json.RawMessage
		var rows []json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(page["career_sites"], &rows); err != nil {
			t.Fatal(err)
		}
		if len(rows) != env.count || len(env.rows) != min(env.count, MaxBatchSize) {
			t.Fatalf("%d rows, %d kept, where encoding/json has %d", env.count, len(env.rows), len(rows))
		}
		for i, row := range env.rows {
			if !bytes.Equal(row.Raw, bytes.TrimSpace(rows[i])) {
				t.Errorf("row %d is %q, want %q", i, row.Raw, rows[i])
			}
			checkRow(t, row)
		}
		// The judge takes whatever the decoder accepts.
		if got, refused := judge(Query{}, env, ""); refused == nil && got.HasMore != (got.Next != "") {
			t.Errorf("a page is good with HasMore %v and Next %q", got.HasMore, string(got.Next))
		}
	})
}

func checkRow(t *testing.T, row Row) {
	t.Helper()
	if (row.Reason == "") != (row.ID != "") || (row.Reason == "") != (row.Message == "") {
		t.Errorf("row has id %q, reason %q, message %q", row.ID, row.Reason, row.Message)
	}
	if len(row.ID) > maxIDBytes || !utf8.ValidString(row.ID) || strings.ContainsAny(row.ID, "\r\n\x00") {
		t.Errorf("id %q can't be a key", row.ID)
	}
	if _, err := row.UpdatedAt.MarshalText(); err != nil {
		t.Errorf("updated_at %v can't be written: %v", row.UpdatedAt, err)
	}
	if row.Reason == "" {
		var m map[string]json.RawMessage
		var id string
		if json.Unmarshal(row.Raw, &m) != nil || json.Unmarshal(m["id"], &id) != nil || id != row.ID {
			t.Errorf("id is %q, encoding/json has %q", row.ID, id)
		}
	}
}

func ExampleFault() {
	_, refused := decodePage([]byte(`{"career_sites":[{"id":"a","id":"b"}],"next_cursor":null,"has_more":false}`), MaxBatchSize)
	fmt.Println(refused)
	// Output: page refused (duplicate_name): jsontext: duplicate object member name "id" within "/career_sites/0"
}
