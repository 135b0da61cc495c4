package registry

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"

	"github.com/careerstream/careerstream/schemas"
)

// Subject is what the values of a topic are, by TopicNameStrategy.
type Subject struct {
	// Topic is the topic's name, Schema the text of the Avro schema of its values.
	Topic, Schema string
	// Codec encodes with that schema.
	Codec *schemas.Codec
}

// Name is the subject's name at the registry.
func (s Subject) Name() string { return s.Topic + "-value" }

func (s Subject) schema() sr.Schema { return sr.Schema{Schema: s.Schema, Type: sr.TypeAvro} }

// Encoder writes values with one registered schema. It needs the registry no more, and
// is safe for concurrent use.
type Encoder struct {
	codec  *schemas.Codec
	prefix []byte
	schema string
}

// Encoder returns one for a subject. With register the schema is registered if it is
// not, and the subject is FULL_TRANSITIVE if it is new; otherwise the schema has to be
// there. It returns an *Error where the registry does not answer, refuses the schema,
// or has not got it.
func (c *Client) Encoder(ctx context.Context, s Subject, register bool) (*Encoder, error) {
	found, err := c.sr.LookupSchema(ctx, s.Name(), s.schema())
	switch {
	case err == nil:
	case !notFound(err):
		return nil, c.explain("look up subject "+s.Name(), err)
	case !register:
		return nil, &Error{
			URL: strings.Join(c.config.URLs, ", "), Doing: "look up subject " + s.Name(), Status: 404, Err: err,
			Reason: "it has not got this program's schema", Fix: "register it with the verb schemas push, or set SCHEMA_REGISTRY_AUTO_REGISTER=true",
		}
	default:
		if err := c.level(ctx, s); err != nil {
			return nil, err
		}
		if found, err = c.create(ctx, s); err != nil {
			return nil, err
		}
	}
	return &Encoder{
		codec: s.Codec, prefix: schemas.WirePrefix(found.ID),
		schema: strings.TrimRight(c.config.URLs[0], "/") + "/schemas/ids/" + strconv.Itoa(found.ID),
	}, nil
}

// Encode returns the value of a record for a JSON object: the registry's prefix and
// Avro. It fails on an object that Avro has no place for; see schemas.Codec.
func (e *Encoder) Encode(object []byte) ([]byte, error) {
	body, err := e.codec.Encode(object)
	if err != nil {
		return nil, err
	}
	return append(e.prefix[:len(e.prefix):len(e.prefix)], body...), nil
}

// ContentType is that of the values.
func (e *Encoder) ContentType() string { return schemas.ContentTypeAvro }

// DataSchema is the URL of the schema.
func (e *Encoder) DataSchema() string { return e.schema }

// create registers a schema.
func (c *Client) create(ctx context.Context, s Subject) (sr.SubjectSchema, error) {
	created, err := c.sr.CreateSchema(ctx, s.Name(), s.schema())
	return created, c.explain("register the schema of subject "+s.Name(), err)
}

// level makes a subject that is new FULL_TRANSITIVE: a compacted topic keeps records of
// any age, and consumers upgrade before or after the programs. What somebody set for one
// that is there stays.
func (c *Client) level(ctx context.Context, s Subject) error {
	_, err := c.sr.SubjectVersions(ctx, s.Name())
	if notFound(err) {
		return c.setLevel(ctx, s)
	}
	return c.explain("look at subject "+s.Name(), err)
}

func (c *Client) setLevel(ctx context.Context, s Subject) error {
	for _, result := range c.sr.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, s.Name()) {
		if result.Err != nil {
			return c.explain(fmt.Sprintf("make subject %s %s", s.Name(), sr.CompatFullTransitive), result.Err)
		}
	}
	return nil
}
