package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"time"
)

// act is what happens to one request of the feed. It answers by itself, or lets
// the feed answer, and may do something before or after that.
type act func(w http.ResponseWriter, r *http.Request, feed http.Handler)

// front is what the program takes for the feed.
type front struct {
	feed http.Handler

	mu    sync.Mutex
	seen  int
	acts  map[int]act // by the number of the request, the first is 1
	every act         // where there is none for that number
	times []time.Time // of the requests
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.seen++
	f.times = append(f.times, time.Now())
	do := f.acts[f.seen]
	if do == nil {
		do = f.every
	}
	f.mu.Unlock()
	if do == nil {
		f.feed.ServeHTTP(w, r)
		return
	}
	do(w, r, f.feed)
}

// at sets what happens to the n-th request of the program.
func (f *front) at(n int, do act) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acts[n] = do
}

// always sets what happens to all others.
func (f *front) always(do act) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.every = do
}

// reset lets the feed answer all that comes.
func (f *front) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.acts, f.every = map[int]act{}, nil
}

// requests returns how many there were, and when.
func (f *front) requests() (n int, times []time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen, append([]time.Time(nil), f.times...)
}

// first does something before the feed answers.
func first(do func()) act {
	return func(w http.ResponseWriter, r *http.Request, feed http.Handler) {
		do()
		feed.ServeHTTP(w, r)
	}
}

// rewrite changes the header and the body of the feed's answer. The page is
// billed as the feed sold it.
func rewrite(change func(h http.Header, body []byte) []byte) act {
	return func(w http.ResponseWriter, r *http.Request, feed http.Handler) {
		r.Header.Del("Accept-Encoding") // whoever compresses it, compresses what was changed
		answer := httptest.NewRecorder()
		feed.ServeHTTP(answer, r)
		body := change(answer.Header(), answer.Body.Bytes())
		h := w.Header()
		for name, values := range answer.Header() {
			h[name] = values
		}
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(answer.Code)
		_, _ = w.Write(body) // a client that had enough is what some cases are about
	}
}

// rewriteBody is rewrite for the body alone.
func rewriteBody(change func(body []byte) []byte) act {
	return rewrite(func(_ http.Header, body []byte) []byte { return change(body) })
}

// setHeader is rewrite for one header; an empty value leaves it out.
func setHeader(name, value string) act {
	return rewrite(func(h http.Header, body []byte) []byte {
		h[http.CanonicalHeaderKey(name)] = nil // not only gone: net/http would write a Date of its own
		if value != "" {
			h.Set(name, value)
		}
		return body
	})
}

// withRow puts a row in front of a page.
func withRow(row string) act {
	return rewriteBody(func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"career_sites":[`), []byte(`"career_sites":[`+row+`,`), 1)
	})
}

// status answers in the feed's place. Nothing is billed.
func status(code int, header map[string]string, body string) act {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", "application/problem+json")
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// cursorIn returns the cursor that a request carries, and leaves it readable.
func cursorIn(r *http.Request) string {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	var query struct{ Cursor string }
	_ = json.Unmarshal(body, &query) // what can't be read has no cursor
	return query.Cursor
}

// putCursor gives a request another cursor.
func putCursor(r *http.Request, cursor string) {
	body, _ := io.ReadAll(r.Body)
	query := map[string]any{}
	_ = json.Unmarshal(body, &query)
	query["cursor"] = cursor
	body, _ = json.Marshal(query) // it was read as JSON
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}
