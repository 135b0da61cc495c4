package company

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// query is one request.
type query struct {
	id   string
	url  *url.URL
	etag string // empty: none is sent
}

// request builds one try. The API key is not on it: keyed adds it.
func (c *Client) request(ctx context.Context, q query) *http.Request {
	header := http.Header{
		"Accept":          {"application/json, application/problem+json"},
		"Accept-Encoding": {acceptedEncoding(q.url.Hostname())},
		"User-Agent":      {c.userAgent},
	}
	if q.etag != "" {
		header.Set("If-None-Match", q.etag)
	}
	req := &http.Request{Method: http.MethodGet, URL: q.url, Host: q.url.Host, Header: header, Body: unrepeatable{}}
	return req.WithContext(ctx)
}

// unrepeatable is the empty body of a request. The transport sends a GET that has
// no body a second time by itself where a kept connection ends before the answer;
// with a body that it can't get again it does not, and the try fails instead. On
// the wire there is no difference: it looks whether there is a first byte.
type unrepeatable struct{}

func (unrepeatable) Read([]byte) (int, error) { return 0, io.EOF }
func (unrepeatable) Close() error             { return nil }

// acceptedEncoding is what a server may encode bodies with. On this machine's own
// loopback compression saves nothing and costs both sides processor time. A body
// that comes compressed all the same is read.
func acceptedEncoding(host string) string {
	if loopback(host) {
		return "identity"
	}
	return "gzip"
}

// maxETag is the longest ETag that is stored and sent.
const maxETag = 1 << 10

// sendableETag returns etag, or nothing where it can't be sent as it is: it has
// other characters than visible ASCII ones and spaces, or it is an asterisk, to
// which every server with any profile at all answers 304.
func sendableETag(etag string) string {
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if len(etag) > maxETag || strings.TrimSpace(etag) != etag || etag == "*" || strings.ContainsFunc(etag, odd) {
		return ""
	}
	return etag
}
