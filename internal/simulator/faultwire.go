package simulator

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"
)

// replaced is what the client gets instead of an answer. a is the page that was
// billed and is lost, or nothing.
func (s *Simulator) replaced(f *Fault, who caller, a answer) answer {
	out := answer{status: http.StatusOK, header: http.Header{}, rows: a.rows, credits: a.credits, fault: f}
	switch f.Kind {
	case KindHTML:
		out.header.Set("Content-Type", "text/html; charset=utf-8")
		out.body = []byte("<!DOCTYPE html><html><head><title>One moment</title></head><body><h1>We will be right back</h1></body></html>\n")
		return out
	case KindReset, KindHang:
		return out
	default:
	}
	out.status = f.Status
	if f.Body != "" {
		out.header.Set("Content-Type", "application/json")
		out.body = []byte(f.Body)
	} else {
		out = s.refuse(faultProblem(f))
		out.rows, out.credits, out.fault = a.rows, a.credits, f
	}
	if f.RetryAfter > 0 {
		value := strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds())))
		if f.RetryAfterDate {
			value = httpDate(ceilSecond(s.now().Add(f.RetryAfter)))
		}
		out.header.Set("Retry-After", value)
	}
	for name, value := range f.Header {
		out.header.Set(name, value)
	}
	return s.standingOn(who, out)
}

func faultProblem(f *Fault) problem {
	return problem{
		status: f.Status, code: "simulated_fault", title: http.StatusText(f.Status),
		detail: fmt.Sprintf("the simulator was told to answer %d", f.Status),
	}
}

// spoil applies the faults of headers and bytes to an answer.
func (s *Simulator) spoil(a answer, f *Fault) answer {
	if f == nil {
		return a
	}
	a.fault = f
	switch f.Kind {
	case KindTrailing:
		a.body = append(a.body, cmp.Or(f.Body, "\n{\"career_sites\":[],\"next_cursor\":null,\"has_more\":false}")...)
	case KindBOM:
		a.body = append([]byte("\xef\xbb\xbf"), a.body...)
	case KindGzipCRC:
		a.body = s.gzip(a.body)
		a.body[len(a.body)-8] ^= 0xff // the trailer is CRC-32, then the length
		a.header.Set("Content-Encoding", "gzip")
	case KindGzipBomb:
		a.body = bomb(a.body, f.Bytes)
		a.header.Set("Content-Encoding", "gzip")
	case KindContentType:
		// A nil value, not a missing one: net/http would guess the type.
		a.header["Content-Type"] = nil
		if f.Text != "" {
			a.header.Set("Content-Type", f.Text)
		}
	case KindBalanceHeader:
		a.header.Del("X-Credits-Balance")
		if f.Text != "" {
			a.header.Set("X-Credits-Balance", f.Text)
		}
	case KindDateSkew:
		a.header.Set("Date", httpDate(s.now().Add(f.Skew)))
	default:
	}
	return a
}

// bomb compresses a body that begins with size bytes of white space: valid JSON
// for whoever inflates all of it.
func bomb(plain []byte, size int) []byte {
	out := &appender{}
	z := gzip.NewWriter(out)
	blank := make([]byte, 1<<16)
	for i := range blank {
		blank[i] = ' '
	}
	for size > 0 {
		n := min(size, len(blank))
		_, _ = z.Write(blank[:n]) // an appender never fails
		size -= n
	}
	_, _ = z.Write(plain)
	_ = z.Close()
	return out.dst
}

// sendFaulty writes an answer whose fault may reach as far as the framing.
func (s *Simulator) sendFaulty(w http.ResponseWriter, r *http.Request, a answer) {
	f := a.fault
	if f.Kind == KindCut && f.Framing != FramingLength {
		cutUnframed(w, a, f)
		return
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	if a.status == http.StatusNotModified || a.status == http.StatusNoContent {
		w.Header().Del("Content-Length")
		a.body = nil
	}
	w.WriteHeader(a.status)
	switch f.Kind {
	case KindCut:
		// net/http closes a connection whose declared length was not met.
		_, _ = w.Write(a.body[:f.cutAt(a.body)])
	case KindStall:
		_, _ = w.Write(a.body[:min(f.Bytes, len(a.body))])
		flush(w)
		s.stall(r, f.Delay)
	case KindDrip:
		s.drip(w, r, a.body, f)
	default:
		_, _ = w.Write(a.body)
	}
}

// cutAt is where a body ends too early: at least one byte of it is missing.
func (f *Fault) cutAt(body []byte) int {
	if f.Bytes == 0 {
		return len(body) / 2
	}
	return max(min(f.Bytes, len(body)-1), 0)
}

// stall sends nothing more until the client leaves or, if it is above 0, for d.
func (s *Simulator) stall(r *http.Request, d time.Duration) {
	if d == 0 {
		<-r.Context().Done()
		return
	}
	_ = s.pause(r.Context(), d) // the body ends here either way
}

func (s *Simulator) drip(w http.ResponseWriter, r *http.Request, body []byte, f *Fault) {
	for len(body) > 0 {
		n := min(f.Bytes, len(body))
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		flush(w)
		body = body[n:]
		if s.pause(r.Context(), f.Delay) != nil {
			return
		}
	}
}

func flush(w http.ResponseWriter) {
	// A writer that cannot flush is a recorder: nobody waits for these bytes.
	_ = http.NewResponseController(w).Flush()
}

// cutUnframed takes the connection over, since net/http would end the last chunk
// properly and add a length.
func cutUnframed(w http.ResponseWriter, a answer, f *Fault) {
	conn, buf := hijack(w)
	if conn == nil {
		return
	}
	defer conn.Close()
	part := a.body[:f.cutAt(a.body)]
	header := w.Header().Clone()
	header.Set("Connection", "close")
	fmt.Fprintf(buf, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	if f.Framing == FramingChunked {
		header.Set("Transfer-Encoding", "chunked")
	}
	_ = header.Write(buf)
	fmt.Fprint(buf, "\r\n")
	if f.Framing == FramingChunked {
		fmt.Fprintf(buf, "%x\r\n%s\r\n", len(part), part)
	} else {
		_, _ = buf.Write(part)
	}
	_ = buf.Flush() // whatever did not arrive is cut off a little earlier
}

// resetConnection ends a connection without a word; on TCP the client sees RST.
func resetConnection(w http.ResponseWriter) {
	conn, _ := hijack(w)
	if conn == nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// hijack returns nil when there is no connection to take over.
func hijack(w http.ResponseWriter) (net.Conn, *bufio.Writer) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil
	}
	return conn, rw.Writer
}
