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
	// Source is the URL of the feed, for the header ce_source.
	Source string
}

// vet marks the rows that are good but larger than the topic takes.
func (t Topics) vet(rows []feed.Row) []feed.Row {
	for i, row := range rows {
		if row.Reason == "" && len(row.Raw) > t.MaxRow {
			rows[i].Reason = schemas.ReasonTooLarge
			rows[i].Message = fmt.Sprintf("the row has %d bytes, topic %s takes %d", len(row.Raw), t.Sites, t.MaxRow)
		}
	}
	return rows
}

// records returns the records of a page, in the page's order: one for each row.
// They are made anew for each attempt, since sending a record changes it.
func (t Topics) records(rows []feed.Row, p schemas.Progress) []*kgo.Record {
	run := []kgo.RecordHeader{
		{Key: schemas.HeaderFeed, Value: []byte(p.Feed)},
		{Key: schemas.HeaderRunID, Value: []byte(p.RunID)},
		{Key: schemas.HeaderPage, Value: strconv.AppendInt(nil, p.Pages, 10)},
	}
	source := []byte(t.Source + "#" + p.Feed)
	records := make([]*kgo.Record, 0, len(rows))
	for i, row := range rows {
		if row.Reason != "" {
			records = append(records, t.deadLetter(row, i, p, source, run))
			continue
		}
		records = append(records, t.site(row, i, p, source, run))
	}
	return records
}

// site is the record of a row that is as it should be: its own bytes.
func (t Topics) site(row feed.Row, i int, p schemas.Progress, source []byte, run []kgo.RecordHeader) *kgo.Record {
	version := fmt.Sprintf("%s/%d", p.Op, i)
	headers := envelope(schemas.TypeCareerSite, source)
	if !row.UpdatedAt.IsZero() {
		version = row.UpdatedAt.Format(time.RFC3339Nano)
		headers = append(headers, kgo.RecordHeader{Key: schemas.HeaderTime, Value: []byte(version)})
	}
	headers = append(headers,
		kgo.RecordHeader{Key: schemas.HeaderID, Value: []byte(row.ID + "@" + version)},
		kgo.RecordHeader{Key: schemas.HeaderSubject, Value: []byte(row.ID)},
		kgo.RecordHeader{Key: schemas.HeaderContentType, Value: []byte(schemas.ContentTypeJSON)})
	return &kgo.Record{Topic: t.Sites, Key: []byte(row.ID), Value: row.Raw, Headers: append(headers, run...)}
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
