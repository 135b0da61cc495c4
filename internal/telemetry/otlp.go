package telemetry

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/careerstream/careerstream/internal/retry"
)

// The limits of a delivery. The whole of it, tries and waits included, takes no
// longer than the specification's default of 10 s.
const (
	otlpTimeout = 10 * time.Second
	otlpTries   = 5
	// maxReply is how much of an answer is read so that its connection can be used
	// again.
	maxReply = 64 << 10
)

// otlp delivers spans as protobuf over HTTP (OTLP 1.x, section OTLP/HTTP). The
// SDK's own client for that links all of gRPC, and with it almost doubles the
// program's size, for a message type that this one does without.
type otlp struct {
	http     *http.Client
	url      string
	header   http.Header
	compress bool
	timeout  time.Duration
}

var _ otlptrace.Client = (*otlp)(nil)

// Start implements otlptrace.Client.
func (o *otlp) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (o *otlp) Stop(context.Context) error {
	o.http.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client.
func (o *otlp) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	// The same bytes as an ExportTraceServiceRequest: one repeated member, number 1.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encode spans: %w", err)
	}
	if o.compress {
		body = zip(body)
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	return retry.Do(ctx, retry.Policy{Tries: otlpTries}, func(ctx context.Context) error { return o.post(ctx, body) })
}

func (o *otlp) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(body))
	if err != nil {
		return retry.Permanent(err)
	}
	request.Header = o.header.Clone()
	request.Header.Set("Content-Type", "application/x-protobuf")
	if o.compress {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := o.http.Do(request)
	if err != nil {
		return err // names the URL
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxReply)) // the status has said it all
	if response.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("POST %s: status %s", o.url, response.Status)
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		wait, _ := retry.ParseAfter(response.Header.Get("Retry-After"), time.Now())
		return retry.After(err, wait)
	}
	return retry.Permanent(err) // the specification names those four alone
}

func zip(plain []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(plain) // a buffer takes everything
	_ = z.Close()
	return out.Bytes()
}
