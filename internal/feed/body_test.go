package feed_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/feed"
)

func encoded(encoding, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", encoding)
		jsonBody(body)(w, r)
	}
}

func typed(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = nil // no guess by the server
		if contentType != "" {
			w.Header().Set("Content-Type", contentType)
		}
		_, _ = io.WriteString(w, body)
	}
}

// drip sends one byte every 50 ms, and never the end.
func drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-r.Context().Done():
			return
		}
		_, _ = io.WriteString(w, " ")
		if http.NewResponseController(w).Flush() != nil {
			return
		}
	}
}

func TestABodyThatDoesNotArriveWholeIsAnUnknownOutcome(t *testing.T) {
	t.Parallel()
	page := lastPage(50)
	gz := zipped(t, page)
	badCRC := []byte(gz)
	badCRC[len(badCRC)-8] ^= 1
	damaged := []byte(gz)
	damaged[len(damaged)/2] ^= 0xff
	length := func(n int) string { return fmt.Sprintf("Content-Length: %d", n) }
	for name, answer := range map[string]http.HandlerFunc{
		"cut off with a length":      wire(head(length(len(page))) + page[:len(page)-1]),
		"a length that is too long":  wire(head(length(len(page)+1)) + page),
		"a length that is too short": wire(head(length(len(page)-1)) + page),
		"cut off without a length":   wire(head("Connection: close") + page[:len(page)-1]),
		"cut off within a string":    wire(head("Connection: close") + page[:100]),
		"cut off within a character": wire(head("Connection: close") + `{"career_sites":[{"id":"` + "\xc3"),
		"empty":                      wire(head("Content-Length: 0")),
		"white space":                jsonBody(" \n"),
		"cut off within a chunk":     wire(head("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s", len(page), page[:500])),
		"no last chunk":              wire(head("Transfer-Encoding: chunked") + fmt.Sprintf("%x\r\n%s\r\n", len(page), page)),
		"not a chunk":                wire(head("Transfer-Encoding: chunked") + "zz\r\n"),
		"gzip with a bad checksum":   encoded("gzip", string(badCRC)),
		"gzip with a damaged byte":   encoded("gzip", string(damaged)),
		"gzip cut off":               encoded("gzip", gz[:len(gz)-9]),
		"gzip without its checksum":  wire(head("Connection: close", "Content-Encoding: gzip") + gz[:len(gz)-8]),
		"gzip cut off in its header": wire(head("Connection: close", "Content-Encoding: gzip") + gz[:5]),
		"gzip and nothing":           wire(head("Connection: close", "Content-Encoding: gzip")),
		"dripping":                   drip,
		"no answer":                  wire(""),
		"half a header":              wire("HTTP/1.1 200 OK\r\nContent-Ty"),
		"not HTTP":                   wire("SSH-2.0-OpenSSH_9.6\r\n"),
		"headers beyond the limit":   wire(head("X-Large: "+strings.Repeat("x", 80<<10)) + page),
		"silence":                    silent,
		"headers and then silence":   func(w http.ResponseWriter, r *http.Request) { _ = http.NewResponseController(w).Flush(); silent(w, r) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if name == "headers and then silence" {
					answer = withType(answer)
				}
				f := newFixture(t, inTurn(answer, answer, good(2)))
				page, err := f.client.Page(t.Context(), feed.Query{})
				if err != nil || len(page.Rows) != 2 || page.UnknownTries != 2 {
					t.Errorf("page of %d rows after %d unknown tries, %v; want 2 after 2 and no error", len(page.Rows), page.UnknownTries, err)
				}
				f = newFixture(t, answer)
				_, err = f.client.Page(t.Context(), feed.Query{})
				var unknown *feed.UnknownOutcomeError
				if !errors.As(err, &unknown) || f.count() != 3 {
					t.Errorf("error is %v after %d requests, want *UnknownOutcomeError after 3", err, f.count())
				}
			})
		})
	}
}

func withType(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		h(w, r)
	}
}

func TestABodyThatIsNoPageIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	page := lastPage(2)
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		want   feed.Fault
	}{
		"HTML":                        {typed("text/html; charset=utf-8", "<html>"), feed.FaultContentType},
		"HTML that claims to be JSON": {jsonBody("<html>"), feed.FaultNotJSON},
		"no content type":             {typed("", page), feed.FaultContentType},
		"broken content type":         {typed("application/json; charset", page), feed.FaultContentType},
		"another charset":             {typed("application/json; charset=iso-8859-1", page), feed.FaultContentType},
		"lines of JSON":               {typed("application/x-ndjson", page), feed.FaultContentType},
		"an encoding not asked for":   {encoded("br", page), feed.FaultEncoding},
		"gzip labelled twice":         {encoded("gzip, gzip", zipped(t, zipped(t, page))), feed.FaultEncoding},
		"gzip twice labelled once":    {encoded("gzip", zipped(t, zipped(t, page))), feed.FaultInvalidUTF8},
		"labelled gzip and is not":    {encoded("gzip", page), feed.FaultEncoding},
		"gzip and not labelled":       {jsonBody(zipped(t, page)), feed.FaultInvalidUTF8},
		"gzip followed by garbage":    {encoded("gzip", zipped(t, page)+"0123456789abcdef"), feed.FaultEncoding},
		"too large":                   {jsonBody(strings.Repeat(" ", 1<<20+1) + page), feed.FaultTooLarge},
		"too large after gunzip":      {encoded("gzip", zipped(t, strings.Repeat(" ", 2<<20)+page)), feed.FaultTooLarge},
		"two values":                  {jsonBody(page + page), feed.FaultNotJSON},
		"trailing garbage":            {jsonBody(page + "]"), feed.FaultNotJSON},
		"a NUL behind it":             {jsonBody(page + "\x00"), feed.FaultNotJSON},
		"a byte order mark":           {jsonBody("\ufeff" + page), feed.FaultNotJSON},
		"5,000 rows":                  {jsonBody(lastPage(5000)), feed.FaultTooManyRows},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				answer := func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-Credits-Deducted", "2500")
					w.Header().Set("X-Credits-Balance", "17")
					tc.answer(w, r)
				}
				f := newFixture(t, answer, func(c *feed.Config) { c.MaxBody = 1 << 20; c.MaxDecoded = 2 << 20 })
				_, err := f.client.Page(t.Context(), feed.Query{})
				var refused *feed.PageError
				if !errors.As(err, &refused) || refused.Reason != tc.want {
					t.Fatalf("error is %v, want a page refused for %s", err, tc.want)
				}
				if f.count() != 1 || feed.UnknownTries(err) != 0 {
					t.Errorf("%d requests, UnknownTries %d, want 1 and 0", f.count(), feed.UnknownTries(err))
				}
				if refused.Credits != 2500 || refused.Balance != 17 {
					t.Errorf("credits %d, balance %d, want what the feed says: 2500, 17", refused.Credits, refused.Balance)
				}
				if tc.want == feed.FaultTooManyRows && refused.Rows != 5000 {
					t.Errorf("Rows = %d, want all 5,000 counted", refused.Rows)
				}
			})
		})
	}
}

func TestABodyMayArriveInEveryFormThatIsAsked(t *testing.T) {
	t.Parallel()
	page := lastPage(50)
	half := len(page) / 2
	chunked := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, page[:half], len(page)-half, page[half:])
	for name, answer := range map[string]http.HandlerFunc{
		"gzip":                       encoded("gzip", zipped(t, page)),
		"GZIP":                       encoded("GZIP", zipped(t, page)),
		"gzip in two members":        encoded("gzip", zipped(t, page[:half])+zipped(t, page[half:])),
		"identity":                   encoded("identity", page),
		"chunks":                     wire(head("Transfer-Encoding: chunked") + chunked),
		"until the connection ends":  wire(head("Connection: close") + page),
		"HTTP/1.0":                   wire("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + page),
		"a problem-like JSON type":   typed("application/vnd.jobo+json", page),
		"charset in capital letters": typed(`Application/JSON; charset="UTF-8"`, page),
		"white space around":         jsonBody(" \r\n\t" + page + "\n\n"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t, answer)
				got, err := f.client.Page(t.Context(), feed.Query{})
				if err != nil || len(got.Rows) != 50 || got.UnknownTries != 0 {
					t.Errorf("%d rows, UnknownTries %d, %v; want 50, 0 and no error", len(got.Rows), got.UnknownTries, err)
				}
			})
		})
	}
}

func TestCreditsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int64{
		"0": 0, "2500": 2500, " 2500 ": 2500, "9223372036854775807": 9223372036854775807,
		"": -1, "-1": -1, "NaN": -1, "1e3": -1, "2500.0": -1, "2,500": -1, "0x10": -1, "1_000": -1, "9223372036854775808": -1, "+5": -1,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := newFixture(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Credits-Deducted", value)
				w.Header().Set("X-Credits-Balance", value)
				good(1)(w, r)
			})
			page, err := f.client.Page(t.Context(), feed.Query{})
			if err != nil || page.Credits != want || page.Balance != want {
				t.Errorf("%q is read as %d and %d, %v; want %d", value, page.Credits, page.Balance, err, want)
			}
		})
	}
}
