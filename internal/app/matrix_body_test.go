package app_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/careerstream/careerstream/internal/app"
	"github.com/careerstream/careerstream/internal/feed"
	adapter "github.com/careerstream/careerstream/internal/kafka"
	"github.com/careerstream/careerstream/internal/secret"
	"github.com/careerstream/careerstream/internal/simulator"
	"github.com/careerstream/careerstream/schemas"
)

// bodyCase is what is wrong with the body of one page, and what comes of it.
type bodyCase struct {
	fault simulator.Fault // of the second page, by the feed itself
	act   act             // or by the hand in front of it
	code  int
	words []string
	again int // pages bought again in the end
	rows  int // of a feed with full pages; 0: the usual feed
}

// refused is a page that is not published at all: the program stops, says which
// fault it found and what that cost, and the next run buys the page again.
func refused(reason string) bodyCase {
	return bodyCase{
		code: app.ExitFailed, again: 1,
		words: []string{"page refused (" + reason + ")", "page 2 of run", "nothing of it is published", "tell the vendor"},
	}
}

func (c bodyCase) by(kind simulator.Kind) bodyCase { c.fault.Kind = kind; return c }
func (c bodyCase) with(do act) bodyCase            { c.act = do; return c }

// tried is a page of which nobody knows whether it arrived: it is asked for again
// at once, and billed again.
func tried(f simulator.Fault) bodyCase { f.Billed = true; return bodyCase{fault: f, again: 1} }

// taken is a page that is as good as any other.
func taken(f simulator.Fault) bodyCase { return bodyCase{fault: f} }

// member puts a member in front of the others of a page's first row.
func member(text string) act {
	return rewriteBody(func(body []byte) []byte {
		return bytes.Replace(body, []byte(`"career_sites":[{`), []byte(`"career_sites":[{`+text+`,`), 1)
	})
}

// replace changes the first place that has a text.
func replace(old, text string) act {
	return rewriteBody(func(body []byte) []byte { return bytes.Replace(body, []byte(old), []byte(text), 1) })
}

func zipped(plain []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(plain) // a buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

// bomb is a body of a few KB that becomes more than a page may have: many small
// streams in a row are one.
func bomb([]byte) []byte {
	const size = 1 << 20
	return bytes.Repeat(zipped(bytes.Repeat([]byte(" "), size)), feed.DefaultMaxDecoded/size+1)
}

// encoded sends a body under an encoding, whatever it is really in.
func encoded(label string, change func([]byte) []byte) act {
	return rewrite(func(h http.Header, body []byte) []byte {
		h.Set("Content-Encoding", label)
		return change(body)
	})
}

func asIs(body []byte) []byte { return body }

// bodyTable is about what a page comes in.
func bodyTable() map[string]bodyCase {
	return map[string]bodyCase{
		"cut, with a length":           tried(simulator.Fault{Kind: simulator.KindCut}),
		"cut, and nothing shows it":    tried(simulator.Fault{Kind: simulator.KindCut, Framing: simulator.FramingClose}),
		"cut before its last brace":    {act: rewriteBody(func(b []byte) []byte { return b[:len(b)-1] }), again: 1},
		"cut, chunked":                 tried(simulator.Fault{Kind: simulator.KindCut, Framing: simulator.FramingChunked}),
		"cut twice":                    {fault: simulator.Fault{Kind: simulator.KindCut, Count: 2}, again: 2},
		"cut three times":              {fault: simulator.Fault{Kind: simulator.KindCut, Count: 3}, code: app.ExitFailed, words: []string{"no complete answer in 3 tries", "may have been billed"}, again: 3},
		"empty":                        {act: rewriteBody(func([]byte) []byte { return nil }), again: 1},
		"reset after the bill":         tried(simulator.Fault{Kind: simulator.KindReset}),
		"dripping":                     taken(simulator.Fault{Kind: simulator.KindDrip, Bytes: 64, Delay: time.Millisecond}),
		"a stall, and then the end":    tried(simulator.Fault{Kind: simulator.KindStall, Bytes: 100, Delay: 200 * time.Millisecond}),
		"bad checksum":                 tried(simulator.Fault{Kind: simulator.KindGzipCRC}),
		"another content type":         refused("content_type").with(setHeader("Content-Type", "text/plain")),
		"no content type":              refused("content_type").by(simulator.KindContentType),
		"another charset":              refused("content_type").with(setHeader("Content-Type", "application/json; charset=latin1")),
		"a page for people":            {fault: simulator.Fault{Kind: simulator.KindHTML}, code: app.ExitFailed, words: []string{"page refused (content_type)", "text/html"}},
		"gzip bomb":                    refused("too_large").with(encoded("gzip", bomb)),
		"gzip in gzip":                 refused("invalid_utf8").with(encoded("gzip", func(b []byte) []byte { return zipped(zipped(b)) })),
		"two encodings":                refused("encoding").with(encoded("gzip, gzip", func(b []byte) []byte { return zipped(zipped(b)) })),
		"labelled gzip and is not":     refused("encoding").with(encoded("gzip", asIs)),
		"an encoding nobody asked":     refused("encoding").with(encoded("br", asIs)),
		"gzip and something after":     refused("encoding").with(encoded("gzip", func(b []byte) []byte { return append(zipped(b), "something else"...) })),
		"larger than a page can be":    refused("too_large").with(rewriteBody(func(b []byte) []byte { return append(bytes.Repeat([]byte(" "), feed.DefaultMaxBody), b...) })),
		"trailing object":              refused("not_json").by(simulator.KindTrailing),
		"trailing white space":         {act: rewriteBody(func(b []byte) []byte { return append(b, " \r\n\t "...) })},
		"byte order mark":              refused("not_json").by(simulator.KindBOM),
		"an array":                     refused("shape").with(rewriteBody(func([]byte) []byte { return []byte(`[]`) })),
		"null":                         refused("shape").with(rewriteBody(func([]byte) []byte { return []byte(`null`) })),
		"no has_more":                  refused("shape").with(replace(`"has_more"`, `"has_less"`)),
		"career_sites in another case": refused("shape").with(replace(`"career_sites"`, `"Career_Sites"`)),
		"career_sites twice":           refused("duplicate_name").with(replace(`{"career_sites"`, `{"career_sites":[],"career_sites"`)),
		"depth 10,001":                 refused("too_deep").by(simulator.KindDeepNesting),
		"depth 65":                     refused("too_deep").with(member(`"deep":` + strings.Repeat("[", 62) + strings.Repeat("]", 62))),
		"the same member twice":        refused("duplicate_name").by(simulator.KindDuplicateMembers),
		"a raw NUL":                    refused("not_json").with(member("\"odd\":\"a\x00b\"")),
		"invalid UTF-8":                refused("invalid_utf8").by(simulator.KindInvalidUTF8),
		"51 rows where 50 are asked":   {fault: simulator.Fault{Kind: simulator.KindMoreRows}, code: app.ExitFailed, words: []string{"page refused (too_many_rows)", "51 rows"}, again: 1, rows: 120},
		"5,000 rows":                   {act: withRow(strings.Repeat(`{"id":"x"},`, 4949) + `{"id":"x"}`), code: app.ExitFailed, words: []string{"page refused (too_many_rows)", "5000 rows"}, again: 1, rows: 120},
		"most rows unusable":           {fault: simulator.Fault{Kind: simulator.KindNullRow, Rows: 4}, code: app.ExitFailed, words: []string{"page refused (bad_rows)", "4 of 5 rows"}, again: 1},
		"49 rows where 50 are asked":   {rows: 49},
		"no rows and more to come":     taken(simulator.Fault{Kind: simulator.KindEmptyPage}),
	}
}

func TestMatrixBody(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, bodyTable(), func(t *testing.T, c bodyCase) {
		l := newLab(t, cluster, simulator.Options{Rows: c.rows})
		if c.rows > 0 {
			l.env["BATCH_SIZE"] = "50"
		}
		l.breakPageTwo(c)
		l.run(c.code, c.words...)
		if p := l.progress(); c.code != app.ExitDone && p.Pages != 1 {
			t.Errorf("the checkpoint is at page %d, want 1", p.Pages)
		}
		l.finish(allowance{again: c.again})
	})
}

// breakPageTwo arms a case.
func (l *lab) breakPageTwo(c bodyCase) {
	l.t.Helper()
	if c.act != nil {
		l.front.at(2, c.act)
		return
	}
	if c.fault.Kind != "" {
		c.fault.When.Skip = 1
		l.arm(c.fault)
	}
}

// A feed that sends nothing more, and does not end either. The program gives up by
// itself; how long that takes is no setting, so this one begins behind them.
func TestMatrixStall(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, map[string]simulator.Fault{
		"before the header": {Kind: simulator.KindLatency, Delay: time.Hour, Billed: true},
		"in the body":       {Kind: simulator.KindStall, Bytes: 100},
		"a byte at a time":  {Kind: simulator.KindDrip, Bytes: 1, Delay: 50 * time.Millisecond},
	}, func(t *testing.T, f simulator.Fault) {
		l := newLab(t, cluster, simulator.Options{})
		f.When.Skip = 1
		l.arm(f)
		config := app.Producer{
			Feed:     feed.Config{BaseURL: l.env["JOBO_BASE_URL"], Key: secret.New(l.env["JOBO_API_KEY"]), Timeout: time.Second},
			FeedName: l.env["FEED_NAME"], BatchSize: 5, LeaseTTL: 15 * time.Second,
			Kafka:    adapter.Config{Brokers: strings.Split(l.env["KAFKA_BROKERS"], ",")},
			Topics:   app.Topics{CareerSites: l.env["CAREER_SITES_TOPIC"], Progress: l.env["PROGRESS_TOPIC"], DeadLetters: l.env["DEAD_LETTERS_TOPIC"], Create: true, Partitions: 2, Replication: -1},
			RedisURL: secret.New(l.env["REDIS_URL"]),
		}
		result, err := app.Sync(context.WithoutCancel(t.Context()), config, zap.NewNop())
		if err != nil || result.UnknownTries != 1 {
			t.Errorf("got %d tries of unknown outcome and %v, want 1 and no error", result.UnknownTries, err)
		}
		l.finish(allowance{again: 1})
	})
}

// rowCase is one row that is unlike the others, in a page that has room for it.
// It is published as it came, or is a dead letter for a reason.
type rowCase struct {
	row    string
	reason schemas.DeadLetterReason
}

func rowTable() map[string]rowCase {
	made := func(text string) rowCase {
		return rowCase{row: fmt.Sprintf(`{"id":"ffffffff-0000-4000-8000-000000000001","name":"Made Up",%s"updated_at":"2026-01-01T00:00:00Z"}`, text)}
	}
	badID := func(id string) rowCase {
		return rowCase{row: `{` + id + `"name":"Made Up","updated_at":"2026-01-01T00:00:00Z"}`, reason: schemas.ReasonBadID}
	}
	return map[string]rowCase{
		"1e400":                     made(`"number":1e400,`),
		"an integer above 2^53":     made(`"number":9007199254740993,`),
		"an integer above 2^63":     made(`"number":9223372036854775809123,`),
		"minus zero":                made(`"number":-0.0e-0,`),
		"case-folded names":         made(`"Id":"another","ID":"and another","UPDATED_AT":"never",`),
		"an escaped NUL":            made(`"odd":"a\u0000b",`),
		"a lone surrogate":          made(`"odd":"\ud800",`),
		"members nobody knows":      made(`"new":{"a":[1, 2,{"b" : null}]},`),
		"escaped names":             made(`"\u0069ndustries":["media"],`),
		"no updated_at to speak of": {row: `{"id":"ffffffff-0000-4000-8000-000000000001","updated_at":"yesterday"}`},
		"null":                      {row: `null`, reason: schemas.ReasonNotAnObject},
		"a number":                  {row: `12.5`, reason: schemas.ReasonNotAnObject},
		"id missing":                badID(``),
		"id empty":                  badID(`"id":"",`),
		"id null":                   badID(`"id":null,`),
		"id an integer":             badID(`"id":1234567,`),
		"id a float":                badID(`"id":1.5,`),
		"id of 10 KB":               badID(`"id":"ffffffff-` + strings.Repeat("x", 10<<10) + `",`),
		"id with a line end":        badID(`"id":"ffffffff-\nInjected: yes",`),
		"id with a lone surrogate":  badID(`"id":"ffffffff-\udc00",`),
		"larger than the topic takes": {
			row:    `{"id":"ffffffff-0000-4000-8000-000000000001","summary":"` + strings.Repeat("far too long ", 160_000) + `"}`,
			reason: schemas.ReasonTooLarge,
		},
	}
}

func TestMatrixRow(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	each(t, rowTable(), func(t *testing.T, c rowCase) {
		l := newLab(t, cluster, simulator.Options{})
		l.front.at(3, withRow(c.row))
		l.run(app.ExitDone)
		may := allowance{}
		if c.reason == "" {
			may.madeUp = map[string]string{"ffffffff-0000-4000-8000-000000000001": c.row}
		}
		l.finish(may)
		l.judgeLetter(c)
	})
}

// judgeLetter: the row is the one dead letter that there is, with its reason, or
// there is none.
func (l *lab) judgeLetter(c rowCase) {
	l.t.Helper()
	letters := l.read(l.env["DEAD_LETTERS_TOPIC"])
	if c.reason == "" {
		if len(letters) != 0 {
			l.t.Errorf("got %d dead letters, want none", len(letters))
		}
		return
	}
	if len(letters) != 1 {
		l.t.Fatalf("got %d dead letters, want 1", len(letters))
	}
	reason := schemas.DeadLetterReason("")
	for _, h := range letters[0].Headers {
		if h.Key == schemas.HeaderReason {
			reason = schemas.DeadLetterReason(h.Value)
		}
	}
	want := c.row
	if c.reason == schemas.ReasonTooLarge {
		want = "" // it does not fit there either: the letter only points to it
	}
	if reason != c.reason || string(letters[0].Value) != want {
		l.t.Errorf("got a dead letter for %q with %d bytes, want %q with %d", reason, len(letters[0].Value), c.reason, len(want))
	}
}

// The same company twice: on one page, and on two. The newest version is the last.
func TestMatrixDuplicateRows(t *testing.T) {
	t.Parallel()
	cluster := broker(t)
	type twice struct {
		fault    simulator.Fault
		act      func(l *lab) act // on the last page
		replayed int              // what the feed sends twice in one version is its own doing
	}
	again := func(row func(l *lab) string) func(l *lab) act {
		return func(l *lab) act {
			return func(w http.ResponseWriter, r *http.Request, feed http.Handler) { withRow(row(l))(w, r, feed) }
		}
	}
	within := func(version string, replayed int) twice {
		return twice{fault: simulator.Fault{Kind: simulator.KindDuplicateRows, Version: version, When: simulator.When{Skip: 1}}, replayed: replayed}
	}
	each(t, map[string]twice{
		"in a page, the same":    within("same", 1),
		"in a page, a newer":     within("newer", 0),
		"in a page, an older":    within("older", 0),
		"across pages, the same": {act: again((*lab).firstRow), replayed: 1},
		// They changed after the run had begun: the next one gets them once more.
		"across pages, a newer": {act: func(l *lab) act { return first(l.changeFirstPage) }, replayed: 5},
	}, func(t *testing.T, c twice) {
		l := newLab(t, cluster, simulator.Options{})
		if c.act != nil {
			l.front.at(3, c.act(l))
		} else {
			l.arm(c.fault)
		}
		l.run(app.ExitDone)
		if c.act == nil {
			l.struck(c.fault.Kind, 1, false)
		}
		l.finish(allowance{replayed: c.replayed})
	})
}

// changeFirstPage gives the companies that were sold with the first page another
// version.
func (l *lab) changeFirstPage() {
	ledger := l.ledger()
	for _, v := range ledger.Sold(ledger.Bills[0]) {
		if err := l.feed.Update(v.ID); err != nil {
			l.t.Error(err)
		}
	}
}

// firstRow returns the feed's first row, as it is sent.
func (l *lab) firstRow() string { return string(l.feed.Select(simulator.Filters{})[0].Bytes) }
