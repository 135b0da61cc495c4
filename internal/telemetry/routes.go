package telemetry

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes is how many scrapes may run at the same time: one that hangs must
// not pile up behind itself.
const maxScrapes = 4

// routes is the API that doc.go lists.
func (o ServerOptions) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", o.live)
	mux.HandleFunc("GET /readyz", o.ready)
	paths := []string{"/livez", "/readyz", "/readyz?verbose"}
	if o.Status != nil {
		mux.HandleFunc("GET /status", o.status)
		paths = append(paths, "/status")
	}
	if o.Registry != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
			// One collector that fails must not hide the others.
			ErrorHandling:       promhttp.ContinueOnError,
			ErrorLog:            o.ErrorLog,
			MaxRequestsInFlight: maxScrapes,
			EnableOpenMetrics:   true,
		}))
		paths = append(paths, "/metrics")
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(w, "%s\n%s\n", o.Program, strings.Join(paths, "\n"))
	})
	return fresh(mux)
}

// fresh keeps answers out of caches: they are true for a moment.
func fresh(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

func (o ServerOptions) live(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if o.Live != nil {
		if err := o.Live(); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprintln(w, err)
			return
		}
	}
	fmt.Fprintln(w, "ok")
}

// readiness is the answer of /readyz.
type readiness struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks,omitempty"`
}

func (o ServerOptions) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	verbose := r.URL.Query().Has("verbose")
	answer := readiness{Ready: true}
	if o.Ready != nil {
		for _, check := range o.Ready(ctx) {
			answer.Ready = answer.Ready && check.OK
			if verbose || !check.OK {
				answer.Checks = append(answer.Checks, check)
			}
		}
	}
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	reply(w, status, answer)
}

func (o ServerOptions) status(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerTimeout)
	defer cancel()
	value, err := o.Status(ctx)
	if err != nil {
		// What the program asks for its status is away, the program is not.
		reply(w, http.StatusServiceUnavailable, failure{err.Error()})
		return
	}
	reply(w, http.StatusOK, value)
}

// failure is the answer where there is no status.
type failure struct {
	Error string `json:"error"`
}

// reply writes one JSON value, and its status only once it is known to be one.
func reply(w http.ResponseWriter, status int, value any) {
	body, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		status = http.StatusInternalServerError
		body, _ = json.Marshal(failure{fmt.Sprintf("the answer is no JSON: %v", err)}) // a string always is
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever left asks again
}
