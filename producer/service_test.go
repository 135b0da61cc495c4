//go:build unix

package main_test

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// service is a producer that runs until it is stopped.
type service struct {
	*process
	url string // of what it shows
}

var listening = regexp.MustCompile(`"msg":"listening","addr":"([^"]+)"`)

// run starts a service that syncs every second, and waits until it can be asked.
func (b *bed) run(changes ...string) *service {
	b.t.Helper()
	s := &service{process: launch(b.t, b.settings(append([]string{
		"LISTEN=127.0.0.1:0", "SYNC_INTERVAL=1s", "WALLET_PROBE_INTERVAL=1s", "BATCH_SIZE=25",
	}, changes...)...), "run")}
	until(b.t, "the address", func() bool { return listening.MatchString(s.stderr.String()) }, s.process)
	addr := listening.FindStringSubmatch(s.stderr.String())
	if addr == nil {
		b.t.Fatalf("the service ended with %d before it listened:\n%s", s.wait(), s.stderr.String())
	}
	s.url = "http://" + addr[1]
	return s
}

// get returns what the service shows, 0 once it does not.
func (s *service) get(path string) (status int, body string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	noKey(s.t, path, text)
	return response.StatusCode, string(text)
}

// doing is what the service says that it does.
type doing struct {
	Doing, Reason, Wants string
	Since, Next          time.Time
}

// status asks the service what it does.
func (s *service) status() doing {
	s.t.Helper()
	code, body := s.get("/status")
	var answer struct{ Service doing }
	if err := json.Unmarshal([]byte(body), &answer); code == http.StatusOK && err != nil {
		s.t.Fatalf("status is %s: %v", body, err)
	}
	return answer.Service
}

// reaches waits until the service does something, and returns how it says so.
func (s *service) reaches(what string) (d doing) {
	s.t.Helper()
	if !until(s.t, "the service to be "+what, func() bool {
		// Asked first, because it asks no server itself.
		if _, body := s.get("/readyz?verbose"); !strings.Contains(body, `"detail": "`+what) {
			return false
		}
		d = s.status()
		return d.Doing == what
	}, s.process) {
		s.t.Fatalf("the service ended with %d before it was %s:\n%s", s.wait(), what, s.stderr.String())
	}
	return d
}

// shows checks the answer of a path.
func (s *service) shows(path string, words ...string) {
	s.t.Helper()
	code, body := s.get(path)
	if code != http.StatusOK {
		s.t.Errorf("%s answers %d, want 200: %s", path, code, body)
	}
	for _, word := range words {
		if !strings.Contains(body, word) {
			s.t.Errorf("%s lacks %q:\n%s", path, word, body)
		}
	}
}

// comesToShow waits until a path answers 200 with all the words, for a service
// that is in between two things it does.
func (s *service) comesToShow(path string, words ...string) {
	s.t.Helper()
	shown := until(s.t, path+" to show "+strings.Join(words, ", "), func() bool {
		code, body := s.get(path)
		lacks := func(word string) bool { return !strings.Contains(body, word) }
		return code == http.StatusOK && !slices.ContainsFunc(words, lacks)
	}, s.process)
	if !shown {
		s.t.Fatalf("the service ended with %d before %s showed %q:\n%s", s.wait(), path, words, s.stderr.String())
	}
}

// stop ends the service as an operator does.
func (s *service) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	s.expect(0)
}
