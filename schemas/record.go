package schemas

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Header is a header of a record, in the terms of no client library.
type Header struct {
	Key   string
	Value []byte
}

// Record is a record of the topics, read by its headers. Exactly one of Site, Company
// and Letter is there, or none of them with Gone.
type Record struct {
	// Key is the company id.
	Key string
	// EventID, Source and Time are those of the CloudEvent: the same version of a
	// company carries the same EventID however often it comes. Time is the zero time
	// where the record says none.
	EventID, Source string
	Time            time.Time

	Site    *CareerSite
	Company *Company
	Letter  *DeadLetter
	// JSON is the value as a JSON object: the bytes that were published, or what an
	// Avro value says. Members that the types do not name are there. Nil for a dead
	// letter, whose value may be anything.
	JSON json.RawMessage
	// Gone says that the value is null: whoever keeps a table deletes the key. The
	// programs of this project write no such record; operators may.
	Gone bool
}

// DeadLetter is what could not be published or fetched, and why.
type DeadLetter struct {
	Reason DeadLetterReason
	// Message says it in words.
	Message string
	// Value is the original record's value, nil where it did not fit; Size and SHA256
	// (in hexadecimal) are about the original all the same.
	Value  []byte
	Size   int64
	SHA256 string
	// Topic is the one that the record was meant for (the producer's) or came from
	// (the enricher's). Partition and Offset say where it stands there, -1 where it
	// stands nowhere.
	Topic     string
	Partition int32
	Offset    int64
	// Attempts is how often the profile was asked for, First and Last when; Status is
	// the HTTP status of the last answer and URL what was asked for. All of them are
	// zero where nothing was.
	Attempts    int
	First, Last time.Time
	Status      int
	URL         string
}

// ErrUnknownType is what DecodeRecord returns for a record whose ce_type is none of
// this package: one that a later version of the programs writes, or somebody else.
// Pass over it.
var ErrUnknownType = errors.New("unknown type of record")

// DecodeRecord reads a record of the career-sites, companies or dead-letters topic by
// its headers. schema returns the text of a schema by its id in the registry; it is
// asked for each Avro value, so it should remember. It may be nil where values are JSON.
//
// It fails with ErrUnknownType, on a value that is not what its headers say, and with
// the error of schema. Members of another type than the contract says are left zero:
// JSON has them.
func DecodeRecord(key, value []byte, headers []Header, schema func(id int) (string, error)) (Record, error) {
	h := index(headers)
	r := Record{Key: string(key), EventID: h[HeaderID], Source: h[HeaderSource]}
	r.Time, _ = time.Parse(time.RFC3339Nano, h[HeaderTime])
	kind := h[HeaderType]
	switch {
	case !slices.Contains([]string{TypeCareerSite, TypeCompany, TypeDeadLetter}, kind) && (kind != "" || value != nil):
		return r, fmt.Errorf("%w: ce_type is %q", ErrUnknownType, kind)
	case kind == TypeDeadLetter:
		r.Letter = letterOf(value, h)
		return r, nil
	case value == nil:
		r.Gone = true
		return r, nil
	}
	codec := CareerSiteCodec()
	if kind == TypeCompany {
		codec = CompanyCodec()
	}
	var err error
	if r.JSON, err = asJSON(value, h[HeaderContentType], codec, schema); err != nil {
		return r, fmt.Errorf("record of company %.80q: %w", key, err)
	}
	if kind == TypeCompany {
		r.Company, err = whatFits[Company](r.JSON)
	} else {
		r.Site, err = whatFits[CareerSite](r.JSON)
	}
	if err != nil {
		return r, fmt.Errorf("record of company %.80q: %w", key, err)
	}
	return r, nil
}

// whatFits reads a JSON object and leaves out the members that are of another type
// than T has for them.
func whatFits[T any](object []byte) (*T, error) {
	for {
		out := new(T)
		err := json.Unmarshal(object, out)
		var other *json.UnmarshalTypeError
		if !errors.As(err, &other) {
			return out, err
		}
		name, _, _ := strings.Cut(other.Field, ".")
		var members map[string]json.RawMessage
		if err := json.Unmarshal(object, &members); err != nil || members[name] == nil {
			return nil, other // it is no object
		}
		delete(members, name)
		if object, err = json.Marshal(members); err != nil {
			return nil, err
		}
	}
}

// asJSON returns a value as JSON.
func asJSON(value []byte, contentType string, codec *Codec, schema func(id int) (string, error)) ([]byte, error) {
	if contentType != ContentTypeAvro {
		return value, nil
	}
	id, body, err := CutPrefix(value)
	if err != nil {
		return nil, err
	}
	if schema == nil {
		return nil, fmt.Errorf("the value is Avro with schema %d, and no schema registry is known", id)
	}
	text, err := schema(id)
	if err != nil {
		return nil, fmt.Errorf("schema %d: %w", id, err)
	}
	return codec.Decode(body, text)
}

func index(headers []Header) map[string]string {
	h := make(map[string]string, len(headers))
	for _, header := range headers {
		h[header.Key] = string(header.Value)
	}
	return h
}

func letterOf(value []byte, h map[string]string) *DeadLetter {
	number := func(key string, missing int64) int64 {
		n, err := strconv.ParseInt(h[key], 10, 64)
		if err != nil {
			return missing
		}
		return n
	}
	instant := func(key string) time.Time {
		at, _ := time.Parse(time.RFC3339Nano, h[key])
		return at
	}
	return &DeadLetter{
		Reason: DeadLetterReason(h[HeaderReason]), Message: h[HeaderMessage],
		Value: value, Size: number(HeaderSize, int64(len(value))), SHA256: h[HeaderSHA256],
		Topic: h[HeaderOriginTopic], Partition: int32(number(HeaderOriginPartition, -1)), Offset: number(HeaderOriginOffset, -1), //nolint:gosec // the programs write what fits
		Attempts: int(number(HeaderAttempts, 0)), First: instant(HeaderFirstAttempt), Last: instant(HeaderLastAttempt),
		Status: int(number(HeaderStatus, 0)), URL: h[HeaderURL],
	}
}
