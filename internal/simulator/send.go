package simulator

import (
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
)

// gzipFrom is the size below which compressing costs more than it saves.
const gzipFrom = 1024

// send writes an answer, on the wire as its fault wants it.
func (s *Simulator) send(w http.ResponseWriter, r *http.Request, a answer) {
	defer s.opts.Trace(Answer{
		Method: r.Method, Path: r.URL.Path, Status: a.counted(), Rows: a.rows, Credits: a.credits, Fault: a.fault.kind(),
	})
	if a.fault.is(KindHang) {
		s.stall(r, a.fault.Delay)
	}
	if a.fault.is(KindReset, KindHang) {
		resetConnection(w)
		return
	}
	header := w.Header()
	for name, values := range a.header {
		header[name] = values
	}
	if header.Get("Date") == "" {
		header.Set("Date", httpDate(s.now()))
	}
	header.Set("Vary", "Accept-Encoding")
	if s.compresses(r, a) {
		a.body = s.gzip(a.body)
		header.Set("Content-Encoding", "gzip")
	}
	if a.fault != nil {
		s.sendFaulty(w, r, a)
		return
	}
	if a.status != http.StatusNotModified && a.status != http.StatusNoContent {
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if len(a.body) > 0 && r.Method != http.MethodHead {
		// A client that is gone has been billed: there is nothing left to do.
		_, _ = w.Write(a.body)
	}
}

// compresses reports whether an answer goes out compressed. A fault's effect on
// the bytes is meant to be seen, so those are compressed only when it says so.
func (s *Simulator) compresses(r *http.Request, a answer) bool {
	if s.opts.NoGzip || len(a.body) < gzipFrom || a.header.Get("Content-Encoding") != "" || !acceptsGzip(r) {
		return false
	}
	return a.fault == nil || a.fault.Gzip
}

// acceptsGzip reads Accept-Encoding; q=0 is a refusal.
func acceptsGzip(r *http.Request) bool {
	for _, offer := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") && strings.TrimSpace(coding) != "*" {
			continue
		}
		_, q, given := strings.Cut(weight, "=")
		value, err := strconv.ParseFloat(strings.TrimSpace(q), 64)
		return !given || err != nil || value > 0
	}
	return false
}

// gzip compresses with a pooled writer: a new one allocates most of a megabyte.
func (s *Simulator) gzip(plain []byte) []byte {
	out := &appender{dst: make([]byte, 0, len(plain)/4)}
	z, ok := s.zips.Get().(*gzip.Writer)
	if !ok {
		// The level is a constant in range: NewWriterLevel cannot refuse it.
		z, _ = gzip.NewWriterLevel(out, gzip.BestSpeed)
	} else {
		z.Reset(out)
	}
	_, _ = z.Write(plain) // an appender never fails
	_ = z.Close()
	s.zips.Put(z)
	return out.dst
}

// appender is an io.Writer onto a slice.
type appender struct{ dst []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.dst = append(a.dst, p...)
	return len(p), nil
}
