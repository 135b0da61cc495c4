package feed

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// path is the endpoint below the base URL.
const path = "/api/career-sites/feed"

// batchSize is how many rows the query asks for.
func (q Query) batchSize() int {
	if q.BatchSize == 0 {
		return MaxBatchSize
	}
	return q.BatchSize
}

// maxRows is how many rows the answer may have: a cursor carries the batch size
// that its scan was begun with, so the feed may still answer with that many.
func (q Query) maxRows() int { return max(q.batchSize(), q.ScanBatchSize) }

// body encodes q as the feed wants it. A continuation sends the filters of its
// scan again beside the cursor: the feed ignores them where they are the same,
// and refuses the cursor where they are not, which is better than a scan that
// silently goes on with others.
func (q Query) body() ([]byte, error) {
	for _, n := range []int{q.BatchSize, q.ScanBatchSize} {
		if n < 0 || n > MaxBatchSize {
			return nil, fmt.Errorf("batch size %d: want 1 to %d", n, MaxBatchSize)
		}
	}
	if err := checkCursor(string(q.Cursor)); err != nil {
		return nil, fmt.Errorf("cursor %v: %w", q.Cursor, err)
	}
	f := q.Filters
	f.UpdatedAfter = nil
	if !q.UpdatedAfter.IsZero() {
		f.UpdatedAfter = &q.UpdatedAfter
	}
	for _, at := range []**time.Time{&f.UpdatedAfter, &f.DiscoveredAfter, &f.DiscoveredBefore} {
		if *at != nil {
			t := wireTime(**at)
			*at = &t
		}
	}
	b, err := json.Marshal(struct {
		Filters
		Cursor    Cursor `json:"cursor,omitempty"`
		BatchSize int    `json:"batch_size"`
	}{f, q.Cursor, q.batchSize()})
	if err != nil {
		return nil, fmt.Errorf("encode query: %w", err)
	}
	return b, nil
}

// wireTime is t in UTC and whole microseconds: databases behind such APIs keep no
// more, and some parsers refuse more than seven digits. It rounds down, so that
// updated_after never excludes a row, and so that a window that ends at t and
// one that begins at t still meet.
func wireTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// acceptedEncoding is what the feed may encode bodies with. On this machine's own
// loopback compression saves nothing, and costs both sides a quarter of the
// processor time that a page takes. A body that comes compressed all the same is
// read.
func acceptedEncoding(host string) string {
	if loopback(host) {
		return "identity"
	}
	return "gzip"
}

// request builds one try. The API key is not on it: the transport adds it.
func (c *Client) request(ctx context.Context, body []byte) (*http.Request, error) {
	// The body is a bytes.Reader, so the request has a GetBody: the transport may
	// then send it on a new connection if a kept one turns out to be dead before
	// a byte of it was written. That is the only hidden repetition, and one that
	// the feed can't have seen.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, application/problem+json")
	// Set by hand, so that the transport leaves the decoding to us: it would
	// neither limit the decoded size nor tell a wrong label from a cut-off body.
	req.Header.Set("Accept-Encoding", c.encoding)
	req.Header.Set("User-Agent", c.userAgent)
	return req, nil
}
