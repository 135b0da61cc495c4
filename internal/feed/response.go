package feed

import (
	"bytes"
	"compress/gzip"
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
	raw, err := readAtMost(resp.Body, c.maxBody, resp.ContentLength)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, fault(FaultTooLarge, "the body is larger than %d bytes", c.maxBody)
	case err != nil:
		return nil, fault(FaultCutOff, "the body ended after %d bytes: %v", len(raw), err)
	case !gzipped:
		return raw, nil
	}
	return gunzip(raw, c.maxDecoded)
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

// gunzip decodes raw. What can only be damage on the way (early end, checksum)
// is told from a body that is no gzip at all.
func gunzip(raw []byte, limit int64) ([]byte, *PageError) {
	zr, err := gzip.NewReader(bytes.NewReader(raw))
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault(FaultCutOff, "the gzip body ends within its header, after %d bytes", len(raw))
	case err != nil:
		return nil, fault(FaultEncoding, "the body is labelled gzip and is not: %v", err)
	}
	body, err := readAtMost(zr, limit, 4*int64(len(raw)))
	switch {
	case errors.Is(err, errTooLarge):
		return nil, fault(FaultTooLarge, "the body is larger than %d bytes after gunzip", limit)
	case errors.Is(err, gzip.ErrHeader):
		return nil, fault(FaultEncoding, "the gzip body is followed by something else")
	case err != nil:
		return nil, fault(FaultCutOff, "the gzip body is damaged or cut off after %d bytes: %v", len(body), err)
	}
	return body, nil
}

var errTooLarge = errors.New("too large")

// readAtMost reads r to its end, or fails with errTooLarge after limit bytes.
// hint is about how much there may be.
func readAtMost(r io.Reader, limit, hint int64) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(int(min(max(hint, 0), 1<<20)) + bytes.MinRead) // a claim is not worth more memory than that
	n, err := buf.ReadFrom(io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return buf.Bytes(), err
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
	raw, err := readAtMost(resp.Body, maxErrorBody, resp.ContentLength)
	if err != nil || !gzipped {
		return raw
	}
	body, _ := gunzip(raw, maxErrorBody)
	return body
}

const maxErrorBody = 64 << 10
