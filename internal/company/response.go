package company

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// answer is the order of judgement in the package's documentation.
func (c *Client) answer(cancel func(), q query, resp *http.Response) (Answer, error) {
	etag := sendableETag(resp.Header.Get("ETag"))
	switch status := resp.StatusCode; {
	case status == http.StatusNotModified && q.etag != "":
		if etag == "" {
			etag = q.etag
		}
		return Answer{NotModified: true, ETag: etag}, nil
	case status == http.StatusNotModified:
		return Answer{}, c.refused(q, resp, bad("status 304 answers a request that named no ETag"))
	case status/100 == 3:
		return Answer{}, &RefusedError{
			Reason: schemas.ReasonURLRedirect, URL: c.shown(q.url), Status: status,
			Detail: c.clean(redirectDetail(resp)),
		}
	case status/100 != 2:
		// The status has said what matters: its words are not worth a long wait.
		stop := time.AfterFunc(errorBodyTimeout, cancel)
		defer stop.Stop()
		return Answer{}, c.statusError(q, resp, c.errorBody(resp))
	}
	body, err := c.profile(q, resp)
	var refused *ProfileError
	switch {
	case errors.As(err, &refused):
		return Answer{}, c.refused(q, resp, refused)
	case err != nil:
		return Answer{}, c.failure(q, err)
	}
	return Answer{Profile: body, ETag: etag}, nil
}

// refused completes e.
func (c *Client) refused(q query, resp *http.Response, e *ProfileError) *ProfileError {
	e.URL, e.Detail, e.Status = c.shown(q.url), c.clean(e.Detail), resp.StatusCode
	return e
}

// redirectDetail says where a redirect points to.
func redirectDetail(resp *http.Response) string {
	to := "elsewhere"
	if u, err := url.Parse(resp.Header.Get("Location")); err == nil && u.String() != "" && u.Opaque == "" {
		to = shown(u)
	}
	return fmt.Sprintf("status %d points to %s, and redirects are not followed", resp.StatusCode, to)
}

// profile reads a 2xx answer. Its error is a *ProfileError where all of it arrived.
func (c *Client) profile(q query, resp *http.Response) ([]byte, error) {
	if resp.StatusCode != http.StatusOK {
		return nil, bad("status %s is not 200", resp.Status)
	}
	if refused := checkContentType(resp.Header); refused != nil {
		return nil, refused
	}
	gzipped, refused := isGzip(resp.Header)
	if refused != nil {
		return nil, refused
	}
	body, err := c.body(resp, gzipped)
	if err != nil {
		return nil, err
	}
	err = checkProfile(body, q.id)
	if errors.Is(err, errEndsEarly) && (gzipped || framed(resp)) {
		return nil, bad("%v, and nothing is missing on the way", err)
	}
	return body, err
}

// framed reports whether HTTP itself tells where the body ends (RFC 9112, 6.3). A
// body that ends with its connection looks complete wherever it is cut off; then
// only the missing end of the JSON shows it.
func framed(resp *http.Response) bool {
	return resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0
}

// checkContentType lets JSON in UTF-8 through. An HTML page with status 200 is
// what a proxy or a maintenance page answers.
func checkContentType(h http.Header) *ProfileError {
	value := h.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(value)
	if err != nil || kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return bad("content type %q is not JSON", value)
	}
	if charset := params["charset"]; charset != "" && !strings.EqualFold(charset, "utf-8") {
		return bad("charset %q is not UTF-8", charset)
	}
	return nil
}

// isGzip reads Content-Encoding: nothing, identity, or gzip once. Anything else
// was not asked for.
func isGzip(h http.Header) (bool, *ProfileError) {
	switch value := strings.ToLower(strings.Join(h.Values("Content-Encoding"), ",")); value {
	case "", "identity":
		return false, nil
	case "gzip", "x-gzip":
		return true, nil
	default:
		return false, bad("content encoding %q was not asked for", value)
	}
}

// body reads the whole body, decoded and within both limits.
func (c *Client) body(resp *http.Response, gzipped bool) ([]byte, error) {
	if gzipped {
		u := c.unzippers.take()
		defer c.unzippers.put(u)
		if err := readAtMost(&u.wire, resp.Body, c.maxBody, resp.ContentLength); err != nil {
			return nil, c.incomplete(u.wire.Len(), err)
		}
		return u.gunzip(u.wire.Bytes(), c.maxDecoded)
	}
	var body bytes.Buffer
	limit := min(c.maxBody, c.maxDecoded)
	if err := readAtMost(&body, resp.Body, limit, resp.ContentLength); err != nil {
		return nil, c.incomplete(body.Len(), err)
	}
	return body.Bytes(), nil
}

// incomplete says what it means that a body could not be read to its end.
func (c *Client) incomplete(read int, err error) error {
	if errors.Is(err, errTooLarge) {
		return bad("the body is larger than %d bytes", read-1)
	}
	return fmt.Errorf("the body ended after %d bytes: %w", read, err)
}

const (
	maxErrorBody     = 64 << 10
	errorBodyTimeout = 5 * time.Second
)

// errorBody reads what it can get of the body of an error.
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
