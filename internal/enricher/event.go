package enricher

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/schemas"
)

// origin is the record that an event began with, whatever retries came between.
type origin struct {
	topic     string
	partition int32
	offset    int64
}

// event is one reason to fetch a company: a career site that was chosen, a
// request, or one of them that comes back from a retry topic.
type event struct {
	id string
	// version is the updated_at of the career site in a form that compares as
	// text; empty for a request, and where the site says none.
	version string
	site    bool
	// asked is when it was asked for, zero for a career site; force that what is
	// known already is no answer.
	asked time.Time
	force bool
	// bad says why the record is none that can be served; nil where it can.
	bad *refusal
	// unwanted says that the selection does not choose this career site.
	unwanted bool
	// details is the URL that the site or the request names, if it does.
	details string
	value   []byte // of the original record
	from    origin

	// place and offset are where this event stands now: what is to be committed.
	place  Place
	offset int64

	// attempts counts the times that the company was put off because it did not
	// answer, tries the requests for it, the first and the last of which was then.
	attempts, tries int
	first, last     time.Time
}

// refusal is why a record can't be served.
type refusal struct {
	reason schemas.DeadLetterReason
	err    error
}

// knownAs is the name under which what came of the event is remembered: the
// company, or for a record that names none the record itself.
func (e event) knownAs() string {
	if e.bad != nil {
		return e.from.name()
	}
	return e.id
}

// versionLayout is RFC 3339 with a fixed width, so that texts compare as times.
const versionLayout = "2006-01-02T15:04:05.000000000Z"

// versionOf is a time as it is compared; empty where it can't be read. One without
// a zone is UTC.
func versionOf(updatedAt string) string {
	at, err := time.Parse(time.RFC3339Nano, updatedAt)
	if err != nil {
		at, err = time.Parse("2006-01-02T15:04:05", updatedAt) // with a fraction or without
	}
	if err != nil {
		return ""
	}
	if version := at.UTC().Format(versionLayout); len(version) == len(versionLayout) {
		return version
	}
	return "" // a year of five digits
}

// siteRow is what the loop needs of a career site.
type siteRow struct {
	ID         string  `json:"id"`
	UpdatedAt  string  `json:"updated_at"`
	DetailsURL *string `json:"details_url"`
}

// siteEvent reads a record of the career-sites topic.
func siteEvent(r *kgo.Record) (event, error) {
	var row siteRow
	if err := json.Unmarshal(r.Value, &row); err != nil {
		return event{}, fmt.Errorf("the value is no career site: %w", err)
	}
	if err := schemas.CheckID(row.ID); err != nil {
		return event{}, err
	}
	if row.ID != string(r.Key) {
		return event{}, fmt.Errorf("the key names company %.80q and the value %.80q", r.Key, row.ID)
	}
	e := event{id: row.ID, version: versionOf(row.UpdatedAt), site: true, value: r.Value, from: originOf(r)}
	if row.DetailsURL != nil {
		e.details = *row.DetailsURL
	}
	for _, h := range r.Headers {
		if e.version == "" && h.Key == schemas.HeaderTime {
			e.version = versionOf(string(h.Value)) // the producer reads more ways to write it
		}
	}
	return e.at(r), nil
}

// requestEvent reads a record of the requests topic.
func requestEvent(r *kgo.Record) (event, error) {
	request, err := schemas.DecodeRequest(r.Key, r.Value)
	if err != nil {
		return event{}, err
	}
	e := event{id: request.ID, asked: request.RequestedAt, force: request.Force, details: request.DetailsURL, value: r.Value, from: originOf(r)}
	if e.asked.IsZero() {
		e.asked = r.Timestamp
	}
	e.asked = e.asked.Truncate(time.Millisecond) // as what is known is
	return e.at(r), nil
}

func (e event) at(r *kgo.Record) event {
	e.place, e.offset = Place{r.Topic, r.Partition}, r.Offset
	return e
}

func originOf(r *kgo.Record) origin { return origin{r.Topic, r.Partition, r.Offset} }

// HeaderDue is the header of a record on a retry topic that says when it is due, in
// unix milliseconds.
const HeaderDue = "retry-due"

// The other headers of these records, beside those that a dead letter has too.
const (
	headerVersion = "retry-version"  // event.version; only there for a career site
	headerAsked   = "retry-asked"    // unix milliseconds; only there for a request
	headerForce   = "retry-force"    // "true", or not there
	headerDetails = "retry-details"  // event.details
	headerPutOff  = "retry-attempts" // event.attempts
)

// retryEvent reads a record of a retry topic, and when it is due.
func retryEvent(r *kgo.Record) (e event, due time.Time, err error) {
	e = event{id: string(r.Key), value: r.Value, from: originOf(r)}
	if err := schemas.CheckID(e.id); err != nil {
		return e, due, err
	}
	for _, h := range r.Headers {
		text := string(h.Value)
		number, _ := strconv.ParseInt(text, 10, 64)
		switch h.Key {
		case HeaderDue:
			due = time.UnixMilli(number)
		case headerVersion:
			e.site, e.version = true, text
		case headerAsked:
			e.asked = time.UnixMilli(number)
		case headerForce:
			e.force = text == "true"
		case headerDetails:
			e.details = text
		case schemas.HeaderOriginTopic:
			e.from.topic = text
		case schemas.HeaderOriginPartition:
			e.from.partition = int32(number) //nolint:gosec // what retryRecord wrote
		case schemas.HeaderOriginOffset:
			e.from.offset = number
		case headerPutOff:
			e.attempts = int(number)
		case schemas.HeaderAttempts:
			e.tries = int(number)
		case schemas.HeaderFirstAttempt:
			e.first, _ = time.Parse(time.RFC3339Nano, text)
		case schemas.HeaderLastAttempt:
			e.last, _ = time.Parse(time.RFC3339Nano, text)
		}
	}
	if !e.site && e.asked.IsZero() {
		return e, due, fmt.Errorf("the record of %s has neither %s nor %s", r.Topic, headerVersion, headerAsked)
	}
	return e.at(r), due, nil
}

// answered reports whether what is known of the company answers the event.
//
// A career site is answered by whatever came of its version, or of a later one. A
// request is answered by what was fetched since it was made, so that reading it
// again changes nothing; without force also by the profile of the newest version
// that the career-sites topic has shown, and by the company's not being there.
func (e event) answered(k checkpoint.Known, found bool) bool {
	if !found {
		return false
	}
	if e.site && k.Version < e.version {
		return false
	}
	if e.asked.IsZero() {
		return true
	}
	switch {
	case !k.At.Before(e.asked):
		return true
	case e.force:
		return false
	case k.Outcome == checkpoint.Profile:
		return k.Version >= k.Newest
	default:
		return k.Outcome == checkpoint.Missing
	}
}

// merge is one event for both: the newest version, and what either asks for. The
// later of them, in the order in which they came, says where the profile is.
func (e event) merge(later event) event {
	out := later
	if e.site && (!later.site || e.version > later.version) {
		out = e
	}
	out.site = e.site || later.site
	out.attempts = min(e.attempts, later.attempts) // a new reason is a new chance
	out.tries = max(e.tries, later.tries)
	if out.first = later.first; out.first.IsZero() || !e.first.IsZero() && e.first.Before(out.first) {
		out.first = e.first
	}
	if out.last = later.last; e.last.After(out.last) {
		out.last = e.last
	}
	out.version = max(e.version, later.version)
	out.force = e.force || later.force
	if out.asked = later.asked; e.asked.After(later.asked) {
		out.asked = e.asked
	}
	for _, details := range []string{later.details, e.details} {
		if out.details == "" {
			out.details = details
		}
	}
	return out
}
