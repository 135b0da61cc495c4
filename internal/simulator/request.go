package simulator

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"
)

// maxRequest is far above any list of filters that makes sense.
const maxRequest = 1 << 20

// feedRequest is the body of POST /api/career-sites/feed.
type feedRequest struct {
	Filters
	Cursor    *string `json:"cursor"`
	BatchSize *int    `json:"batch_size"`
}

// cursor returns the cursor that was sent, "" for none.
func (q *feedRequest) cursor() string {
	if q.Cursor == nil {
		return ""
	}
	return *q.Cursor
}

// readFeedRequest decodes the body strictly: names are case-sensitive, unknown
// and repeated ones are refused, as is everything behind the object.
func readFeedRequest(r *http.Request) (*feedRequest, *problem) {
	refused := func(detail string) (*feedRequest, *problem) {
		p := badRequest(detail)
		return &feedRequest{}, &p
	}
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequest+1))
	if err != nil {
		return refused("the request body ended early: " + err.Error())
	}
	if len(raw) > maxRequest {
		return refused(fmt.Sprintf("the request body is larger than %d bytes", maxRequest))
	}
	if err := checkMediaType(r.Header.Get("Content-Type")); err != nil {
		p := problem{status: http.StatusUnsupportedMediaType, code: "unsupported_media_type", title: "Unsupported media type", detail: err.Error()}
		return &feedRequest{}, &p
	}
	if strings.TrimSpace(string(raw)) == "" {
		return refused("the request body is empty; without filters send {}")
	}
	var q *feedRequest
	if err := json.Unmarshal(raw, &q, json.RejectUnknownMembers(true)); err != nil {
		return refused(explain(err))
	}
	if q == nil {
		return refused("the request body is null; without filters send {}")
	}
	if q.BatchSize != nil && (*q.BatchSize < 1 || *q.BatchSize > MaxBatch) {
		return refused(fmt.Sprintf("batch_size is %d, allowed are 1 to %d", *q.BatchSize, MaxBatch))
	}
	return q, nil
}

func checkMediaType(header string) error {
	if header == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(header)
	if err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return nil
	}
	return fmt.Errorf("content type is %q, expected application/json", header)
}

// explain names the member that was wrong, which the error's own text buries
// behind names of Go types.
func explain(err error) string {
	var wrong *json.SemanticError
	if !errors.As(err, &wrong) || wrong.JSONPointer == "" {
		return "the request body is not valid: " + err.Error()
	}
	member := strings.TrimPrefix(string(wrong.JSONPointer), "/")
	if errors.Is(err, json.ErrUnknownName) {
		return "unknown field " + member
	}
	return fmt.Sprintf("field %s has a value of the wrong type: %v", member, err)
}
