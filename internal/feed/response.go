package feed

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// answer reads resp, whose status is 2xx, as the page that q asked for. It fails
// with a *PageError, or an *unknownError where the body did not arrive whole.
func (c *Client) answer(q Query, resp *http.Response) (Page, error) {
	bill := readBill(resp.Header)
	page, rows, refused := c.judgeAnswer(q, resp)
	if refused != nil {
		refused.Detail = c.clean(refused.Detail)
		refused.Rows, refused.Credits, refused.Balance = rows, bill.credits, bill.balance
		if refused.Reason == FaultCutOff {
			return Page{}, &unknownError{refused}
		}
		return Page{}, refused
	}
	page.Credits, page.Balance = bill.credits, bill.balance
	page.ServedAt = servedAt(resp.Header)
	return page, nil
}

// judgeAnswer is the order of judgement in the package's documentation.
func (c *Client) judgeAnswer(q Query, resp *http.Response) (page Page, rows int, refused *PageError) {
	if resp.StatusCode != http.StatusOK {
		return Page{}, 0, fault(FaultStatus, "status %s is not 200", resp.Status)
	}
	if refused = checkContentType(resp.Header); refused != nil {
		return Page{}, 0, refused
	}
	body, refused := c.readBody(resp)
	if refused != nil {
		return Page{}, 0, refused
	}
	env, refused := decodePage(body, q.maxRows())
	if refused != nil {
		return Page{}, env.count, refused
	}
	page, refused = judge(q, env, resp.Header.Get("X-Has-More"))
	return page, env.count, refused
}

// checkContentType lets JSON in UTF-8 through. An HTML page with status 200 is
// what a proxy or a maintenance page answers.
func checkContentType(h http.Header) *PageError {
	value := h.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(value)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return fault(FaultContentType, "content type %q is not JSON", value)
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return fault(FaultContentType, "charset %q is not UTF-8", charset)
	}
	return nil
}

// readBody reads the whole body, decoded and within both limits. It has to be in
// memory before anything of it counts: a body without a length that is cut off
// looks complete to the transport, and only its missing end shows it.
func (c *Client) readBody(resp *http.Response) ([]byte, *PageError) {
	gzipped, refused := isGzip(resp.Header)
	if refused != nil {
		return nil, refused
	}
	if gzipped {
		return c.readZipped(resp)
	}
	var body bytes.Buffer
	if err := readAtMost(&body, resp.Body, c.maxBody, resp.ContentLength); err != nil {
		return nil, c.incomplete(body.Len(), err)
	}
	return body.Bytes(), nil
}

func (c *Client) readZipped(resp *http.Response) ([]byte, *PageError) {
	u := c.unzippers.take()
	defer c.unzippers.put(u)
	if err := readAtMost(&u.wire, resp.Body, c.maxBody, resp.ContentLength); err != nil {
		return nil, c.incomplete(u.wire.Len(), err)
	}
	return u.gunzip(u.wire.Bytes(), c.maxDecoded)
}

// incomplete says what it means that a body could not be read to its end.
func (c *Client) incomplete(read int, err error) *PageError {
	if errors.Is(err, errTooLarge) {
		return fault(FaultTooLarge, "the body is larger than %d bytes", c.maxBody)
	}
	return fault(FaultCutOff, "the body ended after %d bytes: %v", read, err)
}

// isGzip reads Content-Encoding: nothing, identity, or gzip once. Anything else
// was not asked for.
func isGzip(h http.Header) (bool, *PageError) {
	switch value := strings.ToLower(strings.Join(h.Values("Content-Encoding"), ",")); value {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	default:
		return false, fault(FaultEncoding, "content encoding %q was not asked for", value)
	}
}

var errTooLarge = errors.New("too large")

// readAtMost reads r to its end into buf, or fails with errTooLarge after limit
// bytes. hint is about how much there may be.
func readAtMost(buf *bytes.Buffer, r io.Reader, limit, hint int64) error {
	buf.Grow(int(min(max(hint, 0), 1<<20)) + bytes.MinRead) // a claim is not worth more memory than that
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return err
}

// bill is what an answer says about credits.
type bill struct{ credits, balance int64 }

func readBill(h http.Header) bill {
	return bill{
		credits: readCredits(h.Get("X-Credits-Deducted")),
		balance: readCredits(h.Get("X-Credits-Balance")),
	}
}

// readCredits reads a whole number of credits, not negative. Anything else is
// Unknown: a number that is half understood must not enter a budget.
func readCredits(value string) int64 {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 63)
	if err != nil {
		return Unknown
	}
	return int64(n) // it has 63 bits
}

// servedAt is the Date header in UTC, zero where there is none.
func servedAt(h http.Header) time.Time {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// errorBody reads what it can get of the body of an error: its status has said
// what matters, and the feed's errors are small.
func (c *Client) errorBody(resp *http.Response) []byte {
	gzipped, refused := isGzip(resp.Header)
	if refused != nil {
		return nil
	}
	var raw bytes.Buffer
	err := readAtMost(&raw, resp.Body, maxErrorBody, resp.ContentLength)
	if err != nil || !gzipped {
		return raw.Bytes()
	}
	body, _ := new(unzipper).gunzip(raw.Bytes(), maxErrorBody)
	return body
}

const maxErrorBody = 64 << 10
