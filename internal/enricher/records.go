package enricher

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/company"
	"github.com/careerstream/careerstream/schemas"
)

// headers collects a record's headers; those without a value are left out.
type headers []kgo.RecordHeader

// headersRoom is about how many a record has.
const headersRoom = 16

func (h *headers) add(key, value string) {
	if value != "" {
		*h = append(*h, kgo.RecordHeader{Key: key, Value: []byte(value)})
	}
}

func (h *headers) instant(key string, at time.Time) {
	if !at.IsZero() {
		h.add(key, at.UTC().Format(time.RFC3339Nano))
	}
}

func (h *headers) event(kind, id, source, eventID string, at time.Time) {
	h.add(schemas.HeaderSpecVersion, schemas.SpecVersion)
	h.add(schemas.HeaderID, eventID)
	h.add(schemas.HeaderSource, source)
	h.add(schemas.HeaderType, kind)
	h.instant(schemas.HeaderTime, at)
	h.add(schemas.HeaderSubject, id)
}

// origin names the record that an event began with.
func (h *headers) origin(from origin) {
	h.add(schemas.HeaderOriginTopic, from.topic)
	h.add(schemas.HeaderOriginPartition, strconv.Itoa(int(from.partition)))
	h.add(schemas.HeaderOriginOffset, strconv.FormatInt(from.offset, 10))
}

// attempts says how often and when the company did not answer.
func (h *headers) attempts(e event) {
	if e.tries > 0 {
		h.add(schemas.HeaderAttempts, strconv.Itoa(e.tries))
	}
	h.instant(schemas.HeaderFirstAttempt, e.first)
	h.instant(schemas.HeaderLastAttempt, e.last)
}

// content says what a value is.
func (h *headers) content(format Format) {
	if format == nil {
		h.add(schemas.HeaderContentType, schemas.ContentTypeJSON)
		return
	}
	h.add(schemas.HeaderContentType, format.ContentType())
	h.add(schemas.HeaderDataSchema, format.DataSchema())
}

// companyRecord is the profile as it is published; value is it in the format.
func companyRecord(topic, id, version, url string, a company.Answer, value []byte, format Format) *kgo.Record {
	h := make(headers, 0, headersRoom)
	h.content(format)
	h.event(schemas.TypeCompany, id, url, id+"@"+a.FetchedAt.UTC().Format(time.RFC3339Nano), a.FetchedAt)
	h.add(schemas.HeaderSiteVersion, version)
	h.instant(schemas.HeaderFetchedAt, a.FetchedAt)
	h.add(schemas.HeaderETag, a.ETag)
	return &kgo.Record{Topic: topic, Key: []byte(id), Value: value, Headers: h}
}

// retryRecord is the event, to come back when it is due. A value that the topic
// does not take stays behind: it is only there for a dead letter.
func retryRecord(topic string, most int, e event, due time.Time) *kgo.Record {
	h := make(headers, 0, headersRoom)
	h.add(HeaderDue, strconv.FormatInt(due.UnixMilli(), 10))
	if e.site {
		// Empty where the career site says no time: it has to be there.
		h = append(h, kgo.RecordHeader{Key: headerVersion, Value: []byte(e.version)})
	}
	if !e.asked.IsZero() {
		h.add(headerAsked, strconv.FormatInt(e.asked.UnixMilli(), 10))
	}
	if e.force {
		h.add(headerForce, "true")
	}
	h.add(headerDetails, e.details)
	h.add(headerPutOff, strconv.Itoa(e.attempts))
	h.origin(e.from)
	h.attempts(e)
	return &kgo.Record{Topic: topic, Key: []byte(e.id), Value: fitting(e.value, most), Headers: h}
}

// fitting is a value, or none where a topic takes at most so many bytes.
func fitting(value []byte, most int) []byte {
	if most > 0 && len(value)+headersMost > most {
		return nil
	}
	return value
}

// headersMost is more than the headers and the key of a record have in bytes.
const headersMost = 12 << 10

// verdict is why something is a dead letter.
type verdict struct {
	reason  schemas.DeadLetterReason
	message string
	status  int
	url     string
	at      time.Time
}

// verdictOf puts an error of the company client into words.
func verdictOf(reason schemas.DeadLetterReason, url string, err error, now time.Time) verdict {
	v := verdict{reason: reason, message: err.Error(), url: url, at: now}
	var status *company.StatusError
	var refused *company.RefusedError
	var profile *company.ProfileError
	switch {
	case errors.As(err, &status):
		v.status = status.Status
	case errors.As(err, &refused):
		v.url, v.status = cmp.Or(url, refused.URL), refused.Status
	case errors.As(err, &profile):
		v.status = profile.Status
	}
	return v
}

// textMost is how long a text in a header may get.
const textMost = 2048

// deadLetter is the event's original record, with the reason. A value that the
// topic does not take is left out, and its size and digest say which it was.
func deadLetter(topic string, most int, e event, v verdict) *kgo.Record {
	h := make(headers, 0, headersRoom)
	id := e.from.topic + "/" + strconv.Itoa(int(e.from.partition)) + "@" + strconv.FormatInt(e.from.offset, 10) + "#" + string(v.reason)
	h.content(nil)
	h.event(schemas.TypeDeadLetter, e.id, e.from.topic, id, v.at)
	h.add(schemas.HeaderReason, string(v.reason))
	h.add(schemas.HeaderMessage, clip(v.message))
	h.origin(e.from)
	h.attempts(e)
	h.add(schemas.HeaderSiteVersion, e.version)
	h.add(schemas.HeaderURL, clip(v.url))
	if v.status != 0 {
		h.add(schemas.HeaderStatus, strconv.Itoa(v.status))
	}
	digest := sha256.Sum256(e.value)
	h.add(schemas.HeaderSize, strconv.Itoa(len(e.value)))
	h.add(schemas.HeaderSHA256, hex.EncodeToString(digest[:]))
	return &kgo.Record{Topic: topic, Key: []byte(e.id), Value: fitting(e.value, most), Headers: h}
}

// clip makes a text fit for a header: its end says least.
func clip(text string) string {
	clean := []byte(text)
	for i, c := range clean {
		if c < ' ' || c == 0x7f {
			clean[i] = ' '
		}
	}
	return string(clean[:min(len(clean), textMost)])
}
