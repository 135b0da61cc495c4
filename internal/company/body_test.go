package company_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/company"
)

func sized(body string) string {
	return head(fmt.Sprintf("Content-Length: %d", len(body))) + body
}

func encoded(body string, names ...string) http.HandlerFunc {
	headers := make([]string, 0, 2*len(names))
	for _, name := range names {
		headers = append(headers, "Content-Encoding", name)
	}
	return answer(200, body, headers...)
}

func TestBodiesAreJudgedAsAWhole(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		zip := zipped(t, good)
		small := func(c *company.Config) { c.MaxBody, c.MaxDecoded = 1000, 2000 }
		for name, c := range map[string]struct {
			handler http.HandlerFunc
			want    string
		}{
			"with a length":                 {wire(sized(good)), "profile"},
			"until the connection ends":     {wire(head() + good), "profile"},
			"white space around":            {wire(sized("\r\n\t " + good + " \n")), "profile"},
			"gzip":                          {encoded(zip, "gzip"), "profile"},
			"x-gzip":                        {encoded(zip, "X-Gzip"), "profile"},
			"identity":                      {encoded(good, "identity"), "profile"},
			"another JSON type":             {answer(200, good, "Content-Type", "application/problem+json"), "profile"},
			"as long as allowed":            {answer(200, good+strings.Repeat(" ", 1000-len(good))), "profile"},
			"short of its length":           {wire(head("Content-Length: 999") + good), "again"},
			"short of its chunk":            {wire(head("Transfer-Encoding: chunked") + "ff\r\n" + good), "again"},
			"without the last chunk":        {wire(head("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(good), good)), "again"},
			"connection ends in the JSON":   {wire(head() + good[:len(good)-1]), "again"},
			"connection ends in a string":   {wire(head() + good[:20]), "again"},
			"connection ends in a name":     {wire(head() + `{"i`), "again"},
			"connection ends in an escape":  {wire(head() + `{"id":"\u00`), "again"},
			"connection ends in a rune":     {wire(head() + "{\"id\":\"\xc3"), "again"},
			"connection ends at once":       {wire(head()), "again"},
			"connection ends in the header": {wire("HTTP/1.1 200 OK\r\nContent-Ty"), "again"},
			"gzip, cut off":                 {encoded(zip[:len(zip)-4], "gzip"), "again"},
			"gzip, cut in its header":       {encoded(zip[:5], "gzip"), "again"},
			"gzip, empty":                   {encoded("", "gzip"), "again"},
			"gzip, bad checksum":            {encoded(zip[:len(zip)-8]+"12345678", "gzip"), "again"},
			// The whole of it arrived: it would come again.
			"half a JSON with a length":      {wire(sized(good[:20])), "bad_profile"},
			"half a JSON in whole chunks":    {wire(head("Transfer-Encoding: chunked") + "1\r\n{\r\n0\r\n\r\n"), "bad_profile"},
			"half a JSON, zipped":            {encoded(zipped(t, good[:20]), "gzip"), "bad_profile"},
			"half a JSON, whole as gzip":     {wire(head("Content-Encoding: gzip") + zipped(t, good[:20])), "bad_profile"},
			"nothing, with a length":         {wire(sized("")), "bad_profile"},
			"followed by something":          {wire(head() + good + "{}"), "bad_profile"},
			"no content type":                {wire(strings.ReplaceAll(sized(good), "Content-Type", "X")), "bad_profile"},
			"HTML":                           {answer(200, good, "Content-Type", "text/html"), "bad_profile"},
			"another charset":                {answer(200, good, "Content-Type", "application/json; charset=latin1"), "bad_profile"},
			"not gzip":                       {encoded(good, "gzip"), "bad_profile"},
			"gzip and more":                  {encoded(zip+"more than ten bytes", "gzip"), "bad_profile"},
			"gzip twice":                     {encoded(zipped(t, zip), "gzip"), "bad_profile"},
			"gzip twice, and said so":        {encoded(zipped(t, zip), "gzip, gzip"), "bad_profile"},
			"brotli":                         {encoded(good, "br"), "bad_profile"},
			"too long":                       {answer(200, good+strings.Repeat(" ", 1001-len(good))), "bad_profile"},
			"too long, with a length":        {wire(head("Content-Length: 1001") + good + strings.Repeat(" ", 1001-len(good))), "bad_profile"},
			"a gzip bomb":                    {encoded(zipped(t, strings.Repeat(" ", 100_000)), "gzip"), "bad_profile"},
			"headers without end":            {wire(strings.Replace(sized(good), "Content-Type", "X: "+strings.Repeat("x", 70<<10)+"\r\nContent-Type", 1)), "again"},
			"no HTTP":                        {wire("SSH-2.0-x\r\n"), "again"},
			"another answer's switch":        {wire("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"), "status"},
			"a part of it":                   {answer(206, good, "Content-Range", "bytes 0-9/10"), "bad_profile"},
			"a status line without a phrase": {wire(strings.Replace(sized(good), "200 OK", "200", 1)), "profile"},
		} {
			a, err := newFixture(t, c.handler, small).get(t, "")
			if got := outcome(err); got != c.want {
				t.Errorf("%s: got %s (%v), want %s", name, got, err, c.want)
			}
			if c.want == "profile" && strings.Trim(string(a.Profile), " \r\n\t") != good {
				t.Errorf("%s: got %q", name, a.Profile)
			}
		}
	})
}

func TestTheBytesOfAProfileAreThoseThatWereSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := "\n{ \"n\" : 9007199254740993.0e400, \"s\":\"\\u00e9\\/\\ud800\", \"id\":\"" + id + "\", \"x\":{\"a\":1,\"A\":2} }\n"
		f := newFixture(t, inTurn(answer(200, sent), encoded(zipped(t, sent), "gzip"), encoded(zipped(t, good), "gzip")))
		var kept [][]byte
		for range 3 {
			a, err := f.get(t, "")
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, a.Profile)
		}
		for i, want := range []string{sent, sent, good} {
			if string(kept[i]) != want {
				t.Errorf("answer %d: got %q, want %q", i+1, kept[i], want)
			}
		}
	})
}

// Time passes in a bubble: the waits are exact.
func TestATryHasOneLimitForAllOfIt(t *testing.T) {
	t.Parallel()
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(" "))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-time.After(50 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
	}
	dripError := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		drip(w, r)
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
		took    time.Duration
	}{
		"no answer":             {silent, "again", 30 * time.Second},
		"a body without an end": {drip, "again", 30 * time.Second},
		"an error without one":  {dripError, "not_found", 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				_, err := newFixture(t, c.handler).get(t, "")
				if got := outcome(err); got != c.want {
					t.Errorf("got %s (%v), want %s", got, err, c.want)
				}
				if took := time.Since(begin); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				if c.want == "again" && !strings.Contains(err.Error(), "no complete answer within 30s") {
					t.Errorf("the error does not say why: %v", err)
				}
			})
		})
	}
}
