package enricher

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// in runs a test in virtual time, with one replica at work in a world.
func in(t *testing.T, o Options, test func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, o)
		r := w.start()
		test(w)
		w.stop(r)
	})
}

// count is how many records a topic has.
func (w *world) count(topic string) int {
	n := 0
	for _, records := range w.published(topic) {
		n += len(records)
	}
	return n
}

// expect checks how often the source was asked, and how many records there are.
func (w *world) expect(when string, gets, companies, letters int) {
	w.t.Helper()
	if got := w.total(); got != gets {
		w.t.Errorf("%s: the source was asked %d times, want %d", when, got, gets)
	}
	if got := w.count("companies"); got != companies {
		w.t.Errorf("%s: got %d profiles, want %d", when, got, companies)
	}
	if got := w.count("letters"); got != letters {
		w.t.Errorf("%s: got %d dead letters, want %d", when, got, letters)
	}
}

// replay reads all topics from the start again.
func (w *world) replay() {
	w.mu.Lock()
	clear(w.committed)
	w.mu.Unlock()
	r := w.start()
	w.quiet()
	w.stop(r)
}

func TestACompanyThatDoesNotAnswerMovesFromTopicToTopic(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		began := time.Now()
		w.broken["bad"] = true
		w.update("bad")
		for i := range 5 {
			w.update("good-" + strconv.Itoa(i))
		}
		w.quiet()
		took := time.Since(began)
		if least, most := time.Minute+10*time.Minute+time.Hour, 72*time.Minute; took < least || took > most {
			t.Errorf("it took %s until it was given up, want the three delays", took)
		}
		for i, name := range w.o.Topics.Retries {
			if got, want := w.count(name), min(i, 1); got != want {
				t.Errorf("got %d records on %s, want %d", got, name, want)
			}
		}
		letter := w.published("letters")["bad"][0]
		if reason := headerOf(letter, schemas.HeaderReason); reason != string(schemas.ReasonExhausted) {
			t.Errorf("got the reason %s, want %s", reason, schemas.ReasonExhausted)
		}
		if tries := headerOf(letter, schemas.HeaderAttempts); tries != strconv.Itoa(w.gets["bad"]) {
			t.Errorf("the dead letter says %s tries, want %d", tries, w.gets["bad"])
		}
		if status := headerOf(letter, schemas.HeaderStatus); status != "503" {
			t.Errorf("got the status %q, want 503", status)
		}
		first, _ := time.Parse(time.RFC3339Nano, headerOf(letter, schemas.HeaderFirstAttempt))
		last, _ := time.Parse(time.RFC3339Nano, headerOf(letter, schemas.HeaderLastAttempt))
		if last.Sub(first) < time.Hour {
			t.Errorf("got the first try at %s and the last at %s, want more than an hour between", first, last)
		}
		if headerOf(letter, schemas.HeaderOriginTopic) != sitesName || string(letter.Value) != string(w.published(sitesName)["bad"][0].Value) {
			t.Error("the dead letter is not about the career site as it was read")
		}
		w.expect("in the end", 5+w.gets["bad"], 5, 1)
	})
}

func TestACompanyThatComesBackIsPublishedFromARetry(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.broken["bad"] = true
		w.update("bad")
		time.Sleep(30 * time.Second) // virtual: it is put off
		w.mu.Lock()
		delete(w.broken, "bad")
		w.mu.Unlock()
		w.update("other")
		w.quiet()
		w.judge()
		w.expect("in the end", w.gets["bad"]+1, 2, 0)
	})
}

func TestACompanyThatIsMissingIsADeadLetterOnceAWhile(t *testing.T) {
	t.Parallel()
	in(t, Options{NotFoundTTL: time.Minute}, func(w *world) {
		w.missing["gone"] = true
		w.update("gone")
		w.quiet()
		w.request(schemas.CompanyRequest{ID: "gone"})
		w.quiet()
		w.expect("after a request", 1, 0, 1)
		w.again("gone")
		w.quiet()
		w.expect("after its version came again", 1, 0, 1)
		time.Sleep(2 * time.Minute) // virtual
		w.request(schemas.CompanyRequest{ID: "gone"})
		w.quiet()
		w.expect("when that is over", 2, 0, 2)
	})
}

func TestRequests(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.update("un-chosen")
		w.quiet()
		w.expect("a site that is not chosen", 0, 0, 0)
		w.request(schemas.CompanyRequest{ID: "un-chosen"})
		w.quiet()
		w.expect("asked for", 1, 1, 0)
		w.request(schemas.CompanyRequest{ID: "un-chosen"})
		w.quiet()
		w.expect("asked for again", 1, 1, 0)
		w.update("un-chosen")
		w.quiet()
		w.expect("a new version that is not chosen", 1, 1, 0)
		time.Sleep(time.Second) // virtual: what is known has no microseconds
		w.request(schemas.CompanyRequest{ID: "un-chosen"})
		w.quiet()
		w.expect("asked for in the new version", 2, 2, 0)
		time.Sleep(time.Second)
		w.request(schemas.CompanyRequest{ID: "un-chosen", Force: true})
		w.quiet()
		w.expect("asked for with force, and not modified", 3, 2, 0)
		w.request(schemas.CompanyRequest{ID: "x", DetailsURL: "http://elsewhere"})
		w.quiet()
		w.expect("a URL that is refused", 3, 2, 1)
	})
}

func TestMalformedRecordsAreDeadLetters(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		w.mu.Lock()
		w.raw("requests", "a", `{"id":"b"}`)
		w.raw("requests", "", `{}`)
		w.raw("requests", "c", `not json`)
		w.raw(sitesName, "d", `[]`)
		w.raw(sitesName, "e", `{"id":"f"}`)
		w.mu.Unlock()
		w.update("good")
		w.quiet()
		w.expect("after all of them", 1, 1, 5)
		for _, records := range w.published("letters") {
			reason := schemas.DeadLetterReason(headerOf(records[0], schemas.HeaderReason))
			want := schemas.ReasonBadRequest
			if headerOf(records[0], schemas.HeaderOriginTopic) == sitesName {
				want = schemas.ReasonBadSite
			}
			if reason != want {
				t.Errorf("%s: got the reason %s, want %s", records[0].Value, reason, want)
			}
		}
	})
}

// Whatever a topic does not take is a dead letter, if only of its headers.
func TestWhatIsTooLargeIsADeadLetter(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 1<<20+1)
	for name, c := range map[string]struct {
		write  func(w *world)
		reason schemas.DeadLetterReason
		gets   int
	}{
		"a profile":                {func(w *world) { w.padding = long; w.update("a") }, schemas.ReasonTooLarge, 1},
		"a URL":                    {func(w *world) { w.request(schemas.CompanyRequest{ID: "a", DetailsURL: "https://" + long}) }, schemas.ReasonURLTooLong, 0},
		"a record that is none":    {func(w *world) { w.mu.Lock(); w.raw("requests", "a", long); w.mu.Unlock() }, schemas.ReasonBadRequest, 0},
		"a request of a bad place": {func(w *world) { w.request(schemas.CompanyRequest{ID: "a", DetailsURL: "http://x", Reason: long}) }, schemas.ReasonURLScheme, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, Options{}, func(w *world) {
				c.write(w)
				w.quiet()
				w.expect("in the end", c.gets, 0, 1)
				for _, letters := range w.published("letters") {
					if got := headerOf(letters[0], schemas.HeaderReason); got != string(c.reason) {
						t.Errorf("got the reason %s, want %s", got, c.reason)
					}
				}
			})
		})
	}
}

// Whatever was answered is answered: to read it all again, with Redis or after its
// loss, asks for nothing and publishes nothing.
func TestAReplayChangesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{})
		r := w.start()
		w.missing["gone"] = true
		for i := range 40 {
			w.update(fmt.Sprintf("a-%d", i))
			w.update(fmt.Sprintf("un-%d", i))
		}
		w.update("gone")
		w.quiet()
		w.update("a-1")
		w.request(schemas.CompanyRequest{ID: "un-1"})
		w.request(schemas.CompanyRequest{ID: "a-2", Force: true})
		w.request(schemas.CompanyRequest{ID: "gone", Force: true})
		w.mu.Lock()
		w.raw("requests", "c", `not json`)
		w.mu.Unlock()
		w.quiet()
		w.update("un-1")
		w.quiet()
		w.stop(r)
		gets, companies, letters := w.total(), w.count("companies"), w.count("letters")
		w.replay()
		w.expect("after a replay", gets, companies, letters)
		w.memory.Wipe()
		w.replay()
		// That a profile was not modified stands nowhere but in Redis: a request with
		// force that came to this is made once more.
		w.expect("after a replay with a Redis that is empty", gets+1, companies, letters)
		w.judge()
	})
}

func TestWithoutRedisItGoesOn(t *testing.T) {
	t.Parallel()
	in(t, Options{}, func(w *world) {
		for i := range 20 {
			w.update(fmt.Sprintf("a-%d", i))
		}
		w.quiet()
		w.memory.SetError(errors.New("away"))
		for i := range 20 {
			w.update(fmt.Sprintf("a-%d", i))
		}
		w.quiet()
		w.again("a-3") // a version that this process has fetched
		w.quiet()
		w.expect("while it is away", 40, 40, 0)
		w.memory.SetError(nil)
		time.Sleep(10 * time.Second) // virtual: it catches up
		for id := range w.versions {
			known, err := w.memory.Recall(t.Context(), []string{id})
			if err != nil || known[id].Version != versionOf(worldVersion(2)) {
				t.Errorf("%s is known as %+v, %v; want its second version", id, known[id], err)
			}
		}
		w.judge()
	})
}

// hanger is a fetcher that heeds nothing.
type hanger struct {
	*world
	free chan struct{}
}

// Get implements Fetcher.
func (h hanger) Get(context.Context, string, string, string) (company.Answer, error) {
	<-h.free
	return company.Answer{}, errors.New("at last")
}

func TestTheWatchdogEndsWhatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Options{Stall: time.Minute})
		h := hanger{w, make(chan struct{})}
		r := w.idle()
		r.loop.fetcher = h
		r.run()
		time.Sleep(10 * time.Minute) // virtual: without work nothing has to move
		if err := r.loop.Alive(); err != nil {
			t.Errorf("got %v without work, want it alive", err)
		}
		w.update("a")
		began := time.Now()
		var stalled *StalledError
		if err := <-r.ended; !errors.As(err, &stalled) {
			t.Errorf("got %v, want a stall", err)
		}
		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("it took %s, want a little more than a minute", took)
		}
		close(h.free)
		r.cancel()
		time.Sleep(time.Minute) // virtual: what was given up ends
	})
}
