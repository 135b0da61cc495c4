package schemas

import (
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"github.com/twmb/avro"
)

// Codec turns JSON objects into Avro and back, without losing anything of them:
// what has no field in the schema, and what its field could not give back exactly,
// stands in the map "extra" as JSON text. Null and missing are the same to it. It is
// safe for concurrent use.
type Codec struct {
	own *writer

	mu sync.Mutex
	// writers are the schemas that Decode has met, by their text.
	writers map[string]*writer
}

// writer is a schema that values were written with.
type writer struct {
	schema *avro.Schema
	shape  *shape
}

var (
	careerSiteCodec = sync.OnceValue(func() *Codec { return mustCodec(careerSiteAvro) })
	companyCodec    = sync.OnceValue(func() *Codec { return mustCodec(companyAvro) })
)

// CareerSiteCodec returns the codec of CareerSiteAvro.
func CareerSiteCodec() *Codec { return careerSiteCodec() }

// CompanyCodec returns the codec of CompanyAvro.
func CompanyCodec() *Codec { return companyCodec() }

func mustCodec(text string) *Codec {
	w, err := newWriter(text)
	if err != nil {
		panic(err) // a test parses what is embedded
	}
	return &Codec{own: w}
}

func newWriter(text string) (*writer, error) {
	schema, err := avro.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("avro schema: %w", err)
	}
	return &writer{schema, shapeOf(*schema.Root().ExpandReferences())}, nil
}

var errNotUTF8 = errors.New("it holds bytes that are not UTF-8, which Avro has no place for")

// Encode returns the Avro body of a JSON object, without a prefix. It fails on what
// is no JSON object in UTF-8, names a member twice, or has no "id" that is a string.
// The same object always gives the same body.
func (c *Codec) Encode(object []byte) ([]byte, error) {
	if !utf8.Valid(object) {
		return nil, errNotUTF8
	}
	return c.own.shape.encode(nil, object)
}

// Decode returns the JSON object of an Avro body: its members in the order of the
// schema, then those of "extra" that have no field, in the order of their names. The
// schema is the text that the body was written with; empty means the codec's own. A
// member that only a newer schema has is there too. It fails on a body that the
// schema does not fit, or that does not end with it.
func (c *Codec) Decode(body []byte, schema string) ([]byte, error) {
	w, err := c.writer(schema)
	if err != nil {
		return nil, err
	}
	var record any
	rest, err := w.schema.Decode(body, &record)
	if err != nil {
		return nil, fmt.Errorf("avro: %w", err)
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("avro: %d bytes follow the record", len(rest))
	}
	members, ok := record.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("avro: the value is a %T, not a record", record)
	}
	return w.shape.decode(nil, members)
}

// writersMost bounds how many schemas a codec keeps: a topic has a handful.
const writersMost = 100

func (c *Codec) writer(schema string) (*writer, error) {
	if schema == "" {
		return c.own, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.writers[schema]; known != nil {
		return known, nil
	}
	w, err := newWriter(schema)
	if err != nil {
		return nil, err
	}
	if c.writers == nil || len(c.writers) >= writersMost {
		c.writers = make(map[string]*writer)
	}
	c.writers[schema] = w
	return w, nil
}
