package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/careerstream/careerstream/schemas"
)

// Reader turns values of others into JSON, by the schema that they were written with.
// It asks the registry once for each. It is safe for concurrent use.
type Reader struct {
	client *Client // nil where no registry is known

	mu    sync.Mutex
	texts map[int]string
}

// NewReader returns a reader; client may be nil where only JSON is expected.
func NewReader(client *Client) *Reader { return &Reader{client: client, texts: make(map[int]string)} }

// BadValueError is a value that can't be read, however often it is tried.
type BadValueError struct{ Err error }

// Error implements error.
func (e *BadValueError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *BadValueError) Unwrap() error { return e.Err }

// ErrNoRegistry means that a value is Avro and no registry is known.
var ErrNoRegistry = errors.New("the value is Avro and no schema registry is known: set SCHEMA_REGISTRY_URL")

// JSON returns a value as a JSON object: itself, unless contentType is
// schemas.ContentTypeAvro. It returns a *BadValueError for a value that is not what
// it claims, ErrNoRegistry, and an *Error where the registry does not give the schema.
func (r *Reader) JSON(ctx context.Context, contentType string, value []byte, codec *schemas.Codec) ([]byte, error) {
	if contentType != schemas.ContentTypeAvro {
		return value, nil
	}
	id, body, err := schemas.CutPrefix(value)
	if err != nil {
		return nil, &BadValueError{err}
	}
	text, err := r.schema(ctx, id)
	if err != nil {
		return nil, err
	}
	object, err := codec.Decode(body, text)
	if err != nil {
		return nil, &BadValueError{fmt.Errorf("schema %d: %w", id, err)}
	}
	return object, nil
}

func (r *Reader) schema(ctx context.Context, id int) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if text, known := r.texts[id]; known {
		return text, nil
	}
	if r.client == nil {
		return "", ErrNoRegistry
	}
	found, err := r.client.sr.SchemaByID(ctx, id)
	if notFound(err) {
		return "", &BadValueError{fmt.Errorf("the schema registry knows no schema %d", id)}
	}
	if err != nil {
		return "", r.client.explain(fmt.Sprintf("get schema %d", id), err)
	}
	r.texts[id] = found.Schema
	return found.Schema, nil
}
