package simulator_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/careerstream/careerstream/internal/simulator"
)

// outcome is what a client sees of the second page of a feed of 60 rows, asked
// for with a batch of 20.
type outcome struct {
	asked  string // the cursor
	status int    // 0: no answer
	header http.Header
	body   []byte
	err    error
	page   // what of the body could be decoded
}

func (o *outcome) first() []byte { return o.Rows[0] }
func (o *outcome) last() []byte  { return o.Rows[len(o.Rows)-1] }

// inflated is the body without its compression, and what was wrong with it.
func (o *outcome) inflated() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(o.body))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// holds says that a body contains the text: no decoder need accept such a body.
func holds(text string) func(*outcome) bool {
	return func(o *outcome) bool { return o.status == 200 && o.err == nil && bytes.Contains(o.body, []byte(text)) }
}

var faultCases = map[string]struct {
	fault  simulator.Fault
	billed int // rows
	seen   func(*outcome) bool
}{
	"status": {
		simulator.Fault{Kind: simulator.KindStatus, Status: 503, RetryAfter: 1500 * time.Millisecond, Header: map[string]string{"X-Proxy": "a"}},
		0,
		func(o *outcome) bool {
			return o.status == 503 && o.header.Get("Retry-After") == "2" && o.header.Get("X-Proxy") == "a" && o.header.Get("Content-Type") == "application/problem+json"
		},
	},
	"status with a date and a body": {
		simulator.Fault{Kind: simulator.KindStatus, Status: 429, RetryAfter: 1500 * time.Millisecond, RetryAfterDate: true, Body: "busy"},
		0,
		func(o *outcome) bool {
			return o.status == 429 && o.header.Get("Retry-After") == "Sun, 01 Mar 2026 12:00:02 GMT" && string(o.body) == "busy"
		},
	},
	"reset":        {simulator.Fault{Kind: simulator.KindReset}, 0, func(o *outcome) bool { return o.status == 0 && o.err != nil }},
	"reset billed": {simulator.Fault{Kind: simulator.KindReset, Billed: true}, 20, func(o *outcome) bool { return o.status == 0 && o.err != nil }},
	"html": {
		simulator.Fault{Kind: simulator.KindHTML},
		0,
		func(o *outcome) bool {
			return o.status == 200 && o.header.Get("Content-Type") == "text/html; charset=utf-8" && bytes.HasPrefix(o.body, []byte("<!DOCTYPE html>"))
		},
	},
	"stall": {simulator.Fault{Kind: simulator.KindStall, Bytes: 10, Delay: time.Nanosecond}, 20, endsEarly(10)},
	"cut":   {simulator.Fault{Kind: simulator.KindCut, Bytes: 100}, 20, endsEarly(100)},
	"cut chunked": {
		simulator.Fault{Kind: simulator.KindCut, Bytes: 100, Framing: simulator.FramingChunked}, 20, endsEarly(100),
	},
	"cut by close": {
		simulator.Fault{Kind: simulator.KindCut, Bytes: 100, Framing: simulator.FramingClose},
		20,
		func(o *outcome) bool { return o.err == nil && len(o.body) == 100 && !json.Valid(o.body) },
	},
	"trailing": {simulator.Fault{Kind: simulator.KindTrailing, Body: "<!-- -->"}, 20, holds(`"has_more":true}<!-- -->`)},
	"bom":      {simulator.Fault{Kind: simulator.KindBOM}, 20, holds("\xef\xbb\xbf{\"career_sites\"")},
	"gzip crc": {
		simulator.Fault{Kind: simulator.KindGzipCRC},
		20,
		func(o *outcome) bool {
			text, err := o.inflated()
			return errors.Is(err, gzip.ErrChecksum) && json.Valid(text)
		},
	},
	"gzip bomb": {
		simulator.Fault{Kind: simulator.KindGzipBomb, Bytes: 1 << 20},
		20,
		func(o *outcome) bool {
			text, err := o.inflated()
			return err == nil && len(o.body) < 1<<15 && len(text) > 1<<20 && json.Valid(text)
		},
	},
	"gzip": {
		simulator.Fault{Kind: simulator.KindDuplicateRows, Gzip: true},
		20,
		func(o *outcome) bool {
			text, err := o.inflated()
			return err == nil && json.Valid(text)
		},
	},
	"content type":    {simulator.Fault{Kind: simulator.KindContentType, Text: "text/plain"}, 20, says("Content-Type", "text/plain")},
	"no content type": {simulator.Fault{Kind: simulator.KindContentType}, 20, says("Content-Type")},
	"balance header":  {simulator.Fault{Kind: simulator.KindBalanceHeader, Text: "NaN"}, 20, says("X-Credits-Balance", "NaN")},
	"no balance":      {simulator.Fault{Kind: simulator.KindBalanceHeader}, 20, says("X-Credits-Balance")},
	"has more header": {
		simulator.Fault{Kind: simulator.KindHasMoreHeader},
		20,
		func(o *outcome) bool { return o.HasMore && o.header.Get("X-Has-More") == "false" },
	},
	"date skew":   {simulator.Fault{Kind: simulator.KindDateSkew, Skew: -time.Hour}, 20, says("Date", "Sun, 01 Mar 2026 11:00:00 GMT")},
	"null cursor": {simulator.Fault{Kind: simulator.KindNullCursor}, 20, func(o *outcome) bool { return o.HasMore && o.Next == nil && len(o.Rows) == 20 }},
	"same cursor": {simulator.Fault{Kind: simulator.KindSameCursor}, 20, func(o *outcome) bool { return o.HasMore && *o.Next == o.asked }},
	"old cursor": {
		simulator.Fault{Kind: simulator.KindOldCursor}, 20, // the page before was asked for without one
		func(o *outcome) bool { return o.HasMore && *o.Next != o.asked && len(o.Rows) == 20 },
	},
	"false with cursor": {simulator.Fault{Kind: simulator.KindFalseWithCursor}, 20, func(o *outcome) bool { return !o.HasMore && o.Next != nil }},
	"empty page": {
		simulator.Fault{Kind: simulator.KindEmptyPage},
		0,
		func(o *outcome) bool { return o.HasMore && len(o.Rows) == 0 && *o.Next != o.asked },
	},
	"void cursor": {simulator.Fault{Kind: simulator.KindVoidCursor}, 0, func(o *outcome) bool { return o.status == 400 }},
	"void cursor with restart": {
		simulator.Fault{Kind: simulator.KindVoidCursor, Status: 409},
		0,
		func(o *outcome) bool { return o.status == 409 && bytes.Contains(o.body, []byte("replacement_request")) },
	},
	"dry wallet": {
		simulator.Fault{Kind: simulator.KindDryWallet, Credits: 999},
		0,
		func(o *outcome) bool { return o.status == 402 && o.header.Get("X-Credits-Balance") == "999" },
	},
	"a wallet that still covers the page": {
		simulator.Fault{Kind: simulator.KindDryWallet, Credits: 1000},
		20,
		func(o *outcome) bool { return o.status == 200 && o.header.Get("X-Credits-Balance") == "0" },
	},
	"more rows": {simulator.Fault{Kind: simulator.KindMoreRows, Rows: 3}, 23, func(o *outcome) bool { return len(o.Rows) == 23 }},
	"duplicate row": {
		simulator.Fault{Kind: simulator.KindDuplicateRows},
		20,
		func(o *outcome) bool { return len(o.Rows) == 20 && bytes.Equal(o.first(), o.last()) },
	},
	"older duplicate":   {simulator.Fault{Kind: simulator.KindDuplicateRows, Version: "older"}, 20, duplicate(-1)},
	"newer duplicate":   {simulator.Fault{Kind: simulator.KindDuplicateRows, Version: "newer"}, 20, duplicate(1)},
	"null row":          {simulator.Fault{Kind: simulator.KindNullRow}, 20, holds(`},null,{`)},
	"row without id":    {simulator.Fault{Kind: simulator.KindRowWithoutID}, 20, holds(`,{"name":"Made Up`)},
	"empty id":          {simulator.Fault{Kind: simulator.KindEmptyID, Rows: 2}, 20, holds(`{"id":"","name":"Made Up 1"`)},
	"long id":           {simulator.Fault{Kind: simulator.KindLongID}, 20, holds(simulator.ForeignIDPrefix + strings.Repeat("x", 10<<10-9) + `"`)},
	"number id":         {simulator.Fault{Kind: simulator.KindNumberID}, 20, holds(`{"id":1000000,`)},
	"oversized":         {simulator.Fault{Kind: simulator.KindOversizedRow}, 20, func(o *outcome) bool { return len(o.body) > 2<<20 && len(o.Rows) == 20 }},
	"deep nesting":      {simulator.Fault{Kind: simulator.KindDeepNesting}, 20, holds(strings.Repeat("[", 10_001))},
	"duplicate members": {simulator.Fault{Kind: simulator.KindDuplicateMembers}, 20, holds(`"name":"Another Name"}`)},
	"invalid utf8":      {simulator.Fault{Kind: simulator.KindInvalidUTF8}, 20, holds("ken \xff\xfe")},
}

// endsEarly says that a body broke off behind that many bytes.
func endsEarly(bytes int) func(*outcome) bool {
	return func(o *outcome) bool {
		return o.status == 200 && errors.Is(o.err, io.ErrUnexpectedEOF) && len(o.body) == bytes
	}
}

// says compares all values of a header; none means that it is missing.
func says(name string, values ...string) func(*outcome) bool {
	return func(o *outcome) bool {
		return o.status == 200 && len(o.Rows) == 20 && strings.Join(o.header.Values(name), "|") == strings.Join(values, "|")
	}
}

// duplicate says that the last row is another version of the first.
func duplicate(order int) func(*outcome) bool {
	return func(o *outcome) bool {
		var a, b site
		return json.Unmarshal(o.first(), &a) == nil && json.Unmarshal(o.last(), &b) == nil &&
			a.ID == b.ID && b.UpdatedAt.Compare(a.UpdatedAt) == order
	}
}

func TestFaultIsSeenOnTheWireAndLosesNoRow(t *testing.T) {
	t.Parallel()
	for name, tc := range faultCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := unlimited(60)
			o.Clock = newClock().Now
			srv, client := start(t, o)
			cursor := ask(t, srv, `{"batch_size":20}`).Next
			tc.fault.When.Page = 2
			arm(t, srv, tc.fault)
			got := outcome{asked: *cursor}
			var resp *head
			resp, got.body, got.err = post(t, client, srv.URL(), with("{}", cursor), "Accept-Encoding", "gzip")
			if resp != nil {
				got.status, got.header = resp.StatusCode, resp.Header
			}
			_ = json.Unmarshal(got.body, &got.page) // some are not meant to be read
			if !tc.seen(&got) {
				t.Errorf("got status %d, error %v, header %v, %d rows, body %.300q", got.status, got.err, got.header, len(got.Rows), got.body)
			}
			if l := srv.Ledger(); l.Rows != 20+tc.billed {
				t.Errorf("rows billed: got %d, want %d", l.Rows, 20+tc.billed)
			}
			if left := srv.Faults(); len(left) != 0 {
				t.Errorf("still armed: %+v", left)
			}
			goOn(t, srv, got.body, cursor)
		})
	}
}

// goOn reads the rest of a scan and checks that a fault alone has lost no row.
func goOn(t *testing.T, srv *simulator.Server, body []byte, asked *string) {
	t.Helper()
	srv.SetBalance(simulator.DefaultBalance) // somebody fills the wallet
	next := asked
	if at := bytes.LastIndex(body, []byte(`"next_cursor":"`)); at >= 0 {
		var end struct {
			Next *string `json:"next_cursor"`
		}
		if json.Unmarshal(append([]byte("{"), body[at:]...), &end) == nil {
			next = end.Next
		}
	}
	for next != nil {
		p := ask(t, srv, with("{}", next))
		if p.Status != http.StatusOK {
			// The cursor is void: the scan begins anew.
			p = ask(t, srv, "{}")
		}
		next = p.Next
	}
	if l := srv.Ledger(); l.Versions() != 60 {
		t.Errorf("rows met in the end: got %d, want 60", l.Versions())
	}
}

func TestFaultsThatWaitTakeExactlyTheirTime(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault simulator.Fault
		want  func(body int) time.Duration
	}{
		"latency":        {simulator.Fault{Kind: simulator.KindLatency, Delay: time.Minute}, func(int) time.Duration { return time.Minute }},
		"latency billed": {simulator.Fault{Kind: simulator.KindLatency, Delay: time.Minute, Billed: true}, func(int) time.Duration { return time.Minute }},
		"stall":          {simulator.Fault{Kind: simulator.KindStall, Delay: time.Hour}, func(int) time.Duration { return time.Hour }},
		"drip": {
			simulator.Fault{Kind: simulator.KindDrip, Bytes: 100, Delay: time.Second},
			func(body int) time.Duration { return time.Duration((body+99)/100) * time.Second },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := unlimited(10)
				o.Latency = time.Millisecond
				s := simulator.New(o)
				arm(t, s, tc.fault)
				whole := len(ask(t, simulator.New(unlimited(10)), "{}").Body)
				began := time.Now()
				p := ask(t, s, "{}")
				if got, want := time.Since(began), time.Millisecond+tc.want(whole); got != want {
					t.Errorf("took %v, want %v", got, want)
				}
				if tc.fault.Kind != simulator.KindStall && len(p.Body) != whole {
					t.Errorf("body: got %d bytes, want %d", len(p.Body), whole)
				}
			})
		})
	}
}

func TestFaultFiresWhenItIsMeantTo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		when  simulator.When
		count int
		want  string // one letter a request: x is spoilt
	}{
		"next":         {simulator.When{}, 0, "x......."},
		"twice":        {simulator.When{}, 2, "xx......"},
		"always":       {simulator.When{}, -1, "xxxxxxxx"},
		"skip":         {simulator.When{Skip: 3}, 1, "...x...."},
		"every third":  {simulator.When{Every: 3}, -1, "..x..x.."},
		"both":         {simulator.When{Skip: 1, Every: 2}, 2, "..x.x..."},
		"third page":   {simulator.When{Page: 3}, 1, "..x....."},
		"other route":  {simulator.When{Route: simulator.RouteCompanies}, -1, "........"},
		"other cursor": {simulator.When{Cursor: "x"}, -1, "........"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := simulator.New(unlimited(1))
			arm(t, s, simulator.Fault{Kind: simulator.KindStatus, When: tc.when, Count: tc.count})
			got := ""
			for range tc.want {
				got += map[bool]string{true: ".", false: "x"}[ask(t, s, "{}").Status == http.StatusOK]
			}
			if got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestFaultWithAProbabilityIsDrawnFromTheSeed(t *testing.T) {
	t.Parallel()
	story := func() string {
		s := simulator.New(unlimited(1))
		arm(t, s, simulator.Fault{Kind: simulator.KindStatus, Count: -1, When: simulator.When{Probability: 0.25}})
		var out strings.Builder
		for range 400 {
			out.WriteString(map[bool]string{true: ".", false: "x"}[ask(t, s, "{}").Status == http.StatusOK])
		}
		return out.String()
	}
	first := story()
	if n := strings.Count(first, "x"); n < 60 || n > 140 {
		t.Errorf("fired %d times of 400, want about 100", n)
	}
	if first != story() {
		t.Error("two runs of one seed differ")
	}
}

func TestFaultThatCannotBeMeantIsRefused(t *testing.T) {
	t.Parallel()
	s := simulator.New(unlimited(1))
	for want, f := range map[string]simulator.Fault{
		`fault kind "" is unknown`:             {},
		`status 99 is not in 200..599`:         {Kind: simulator.KindStatus, Status: 99},
		`status 404 is neither 400 nor 409`:    {Kind: simulator.KindVoidCursor, Status: 404},
		`probability 1.5 is not in 0..1`:       {Kind: simulator.KindReset, When: simulator.When{Probability: 1.5}},
		`credits must not be negative`:         {Kind: simulator.KindDryWallet, Credits: -1},
		`must not be negative`:                 {Kind: simulator.KindCut, Bytes: -1},
		`route "jobs" is unknown`:              {Kind: simulator.KindReset, When: simulator.When{Route: "jobs"}},
		`only the feed can do that`:            {Kind: simulator.KindNullRow, When: simulator.When{Route: simulator.RouteCompanies}},
		`framing "none" is unknown`:            {Kind: simulator.KindCut, Framing: "none"},
		`version "best" is unknown`:            {Kind: simulator.KindDuplicateRows, Version: "best"},
		`skip, every and page must not be neg`: {Kind: simulator.KindReset, When: simulator.When{Skip: -1}},
	} {
		if err := s.AddFault(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want %q", f, err, want)
		}
	}
	if n := len(s.Faults()); n != 0 {
		t.Errorf("queue: got %d faults, want none", n)
	}
}
