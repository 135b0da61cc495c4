package producer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/internal/feed"
	"github.com/careerstream/careerstream/schemas"
)

// Topics says where records go and what fits there.
type Topics struct {
	// Sites and DeadLetters are the names of the topics.
	Sites, DeadLetters string
	// SitesID tells the career-sites topic from another of its name; empty means
	// that it can't be told.
	SitesID string
	// MaxRow and MaxDeadLetter are the sizes in bytes of the largest value that
	// each of them takes.
	MaxRow, MaxDeadLetter int
	// Format makes the values of the career sites; nil means that they are the rows
	// as the feed sent them.
	Format Format
	// Source is the URL of the feed, for the header ce_source.
	Source string
}

// vet makes the values of the rows that are good, and marks those that have none or
// one that is larger than the topic takes.
func (t Topics) vet(rows []feed.Row) []feed.Row {
	for i := range rows {
		row := &rows[i]
		if row.Reason != "" {
			continue
		}
		if t.Format != nil {
			value, err := t.Format.Encode(row.Raw)
			if err != nil {
				row.Reason, row.Message = schemas.ReasonNotEncodable, "the row can't be encoded: "+err.Error()
				continue
			}
			row.Value = value
		}
		if size := len(row.Published()); size > t.MaxRow {
			row.Reason = schemas.ReasonTooLarge
			row.Message = fmt.Sprintf("the row has %d bytes, topic %s takes %d", size, t.Sites, t.MaxRow)
		}
	}
	return rows
}

// records returns the records of a page, in the page's order: one for each row.
// They are made anew for each attempt, since sending a record changes it.
func (t Topics) records(rows []feed.Row, p schemas.Progress) []*kgo.Record {
	s := t.sheet(len(rows), p)
	records, sites := make([]*kgo.Record, len(rows)), make([]kgo.Record, len(rows))
	for i, row := range rows {
		if row.Reason != "" {
			records[i] = t.deadLetter(row, i, p, s.source, s.origin)
			continue
		}
		sites[i] = s.site(row, i)
		records[i] = &sites[i]
	}
	return records
}

// sheet is what the records of a page are written on. What they share is made
// once, and what each has of its own lies side by side in two pieces of memory
// instead of nine a record: this runs for every row.
type sheet struct {
	topic   string
	op      string
	source  []byte
	kind    []kgo.RecordHeader // what a site's record is; the same for all
	run     []kgo.RecordHeader // what its value is and where it comes from; the same for all
	origin  []kgo.RecordHeader // the part of run that a dead letter has too
	headers []kgo.RecordHeader
	text    []byte
}

// siteHeaders is how many headers a site has, textBytes about how long an id and
// the time after it are.
const siteHeaders, textBytes = 11, 72

func (t Topics) sheet(rows int, p schemas.Progress) *sheet {
	source := []byte(t.Source + "#" + p.Feed)
	run := []kgo.RecordHeader{
		{Key: schemas.HeaderFeed, Value: []byte(p.Feed)},
		{Key: schemas.HeaderRunID, Value: []byte(p.RunID)},
		{Key: schemas.HeaderPage, Value: strconv.AppendInt(nil, p.Pages, 10)},
	}
	return &sheet{
		topic: t.Sites, op: p.Op, source: source,
		kind: envelope(schemas.TypeCareerSite, source),
		run:  append(t.content(), run...), origin: run,
		headers: make([]kgo.RecordHeader, 0, siteHeaders*rows),
		text:    make([]byte, 0, textBytes*rows),
	}
}

// content says what the values of the career sites are.
func (t Topics) content() []kgo.RecordHeader {
	if t.Format == nil {
		return []kgo.RecordHeader{{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentTypeJSON)}}
	}
	return []kgo.RecordHeader{
		{Key: schemas.HeaderContentType, Value: []byte(t.Format.ContentType())},
		{Key: schemas.HeaderDataSchema, Value: []byte(t.Format.DataSchema())},
	}
}

// site is the record of a row that is as it should be.
func (s *sheet) site(row feed.Row, i int) kgo.Record {
	// ce_id is the id, an at sign and the version: the key and ce_time are parts of it.
	begin, first := len(s.text), len(s.headers)
	s.text = append(append(s.text, row.ID...), '@')
	behind := len(s.text)
	s.headers = append(s.headers, s.kind...)
	if row.UpdatedAt.IsZero() {
		s.text = strconv.AppendInt(append(append(s.text, s.op...), '/'), int64(i), 10)
	} else {
		s.text = row.UpdatedAt.AppendFormat(s.text, time.RFC3339Nano)
		s.headers = append(s.headers, kgo.RecordHeader{Key: schemas.HeaderTime, Value: s.text[behind:len(s.text):len(s.text)]})
	}
	version := s.text[begin:len(s.text):len(s.text)]
	id := s.text[begin : behind-1 : behind-1]
	s.headers = append(s.headers,
		kgo.RecordHeader{Key: schemas.HeaderID, Value: version},
		kgo.RecordHeader{Key: schemas.HeaderSubject, Value: id})
	s.headers = append(s.headers, s.run...)
	end := len(s.headers)
	return kgo.Record{Topic: s.topic, Key: id, Value: row.Published(), Headers: s.headers[first:end:end]}
}

// deadLetter is the record of a row that can't be published. It keeps the row
// as it came, unless it is too large for this topic as well.
func (t Topics) deadLetter(row feed.Row, i int, p schemas.Progress, source []byte, run []kgo.RecordHeader) *kgo.Record {
	digest := sha256.Sum256(row.Raw)
	headers := append(envelope(schemas.TypeDeadLetter, source),
		kgo.RecordHeader{Key: schemas.HeaderID, Value: fmt.Appendf(nil, "%s/%d", p.Op, i)},
		kgo.RecordHeader{Key: schemas.HeaderReason, Value: []byte(row.Reason)},
		kgo.RecordHeader{Key: schemas.HeaderMessage, Value: []byte(row.Message)},
		kgo.RecordHeader{Key: schemas.HeaderOriginTopic, Value: []byte(t.Sites)},
		kgo.RecordHeader{Key: schemas.HeaderRow, Value: strconv.AppendInt(nil, int64(i), 10)},
		kgo.RecordHeader{Key: schemas.HeaderSize, Value: strconv.AppendInt(nil, int64(len(row.Raw)), 10)},
		kgo.RecordHeader{Key: schemas.HeaderSHA256, Value: hex.AppendEncode(nil, digest[:])})
	record := &kgo.Record{Topic: t.DeadLetters, Headers: append(headers, run...)}
	if row.ID != "" {
		record.Key = []byte(row.ID)
	}
	if row.Reason != schemas.ReasonTooLarge && len(row.Raw) <= t.MaxDeadLetter {
		record.Value = row.Raw
	}
	return record
}

func envelope(kind string, source []byte) []kgo.RecordHeader {
	return []kgo.RecordHeader{
		{Key: schemas.HeaderSpecVersion, Value: []byte(schemas.SpecVersion)},
		{Key: schemas.HeaderType, Value: []byte(kind)},
		{Key: schemas.HeaderSource, Value: source},
	}
}
