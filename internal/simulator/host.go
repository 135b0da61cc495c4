package simulator

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
)

// Host is one more address that companies can live on, beside a simulator's own.
// It takes every request and sends nothing, until [Host.Answer] gives it
// something to say: first the host is started, then a simulator whose
// [Options.DetailsURL] names it.
type Host struct {
	*listening
	handler  atomic.Pointer[http.Handler]
	requests atomic.Int64
}

// StartHost listens on addr, such as "127.0.0.1:0". ctx bounds the binding alone.
// The error names the address.
func StartHost(ctx context.Context, addr string) (*Host, error) {
	ln, err := bind(ctx, addr)
	if err != nil {
		return nil, err
	}
	return ServeHost(ln), nil
}

// ServeHost is [StartHost] on a listener, such as one with TLS or one in memory,
// which it closes in the end.
func ServeHost(ln net.Listener) *Host {
	h := &Host{}
	h.listening = listen(ln, http.HandlerFunc(h.serveOne))
	return h
}

// Answer makes the host answer, as a [Simulator] that serves its own profiles on
// this address too; nil makes it hang again. Requests that hang stay as they are.
func (h *Host) Answer(handler http.Handler) {
	if handler == nil {
		h.handler.Store(nil)
		return
	}
	h.handler.Store(&handler)
}

// Requests returns how many requests have come, those that hang included.
func (h *Host) Requests() int { return int(h.requests.Load()) }

func (h *Host) serveOne(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	if handler := h.handler.Load(); handler != nil {
		(*handler).ServeHTTP(w, r)
		return
	}
	Hang(w, r)
}

// Hang is an [http.HandlerFunc] that sends nothing until the client leaves, for a
// server of a test's own, such as one with TLS.
func Hang(w http.ResponseWriter, r *http.Request) {
	// net/http notices that a client has left only once the body is read.
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
	resetConnection(w)
}
