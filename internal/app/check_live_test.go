package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func TestLive(t *testing.T) {
	t.Parallel()
	var status atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/livez" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.WriteHeader(int(status.Load()))
		_, _ = w.Write([]byte("nothing moves"))
	}))
	listen := strings.TrimPrefix(server.URL, "http://")
	status.Store(http.StatusOK)
	if err := Alive(t.Context(), listen); err != nil {
		t.Errorf("got %v from one that is alive", err)
	}
	status.Store(http.StatusServiceUnavailable)
	if err := Alive(t.Context(), listen); err == nil || !strings.Contains(err.Error(), "nothing moves") {
		t.Errorf("got %v from one that is not, want its words", err)
	}
	server.Close()
	if err := Alive(t.Context(), listen); err == nil || !strings.Contains(err.Error(), "LISTEN") {
		t.Errorf("got %v from nobody, want to be told where to look", err)
	}
	var usage *UsageError
	if err := Alive(t.Context(), ""); !errors.As(err, &usage) {
		t.Errorf("got %v where LISTEN is off, want a mistake", err)
	}
}
