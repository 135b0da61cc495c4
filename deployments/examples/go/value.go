package main

import (
	"context"
	"errors"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"

	"github.com/careerstream/careerstream/schemas"
)

// values decodes records, by their headers.
type values struct {
	registry *sr.Client // nil where SCHEMA_REGISTRY_URL is not set
	schemas  map[int]string
}

func newValues() (*values, error) {
	v := &values{schemas: make(map[int]string)}
	url := os.Getenv("SCHEMA_REGISTRY_URL")
	if url == "" {
		return v, nil
	}
	var err error
	v.registry, err = sr.NewClient(sr.URLs(url))
	return v, err
}

// decode returns a record's value as JSON text, and its columns.
func (v *values) decode(ctx context.Context, r *kgo.Record) (text string, site schemas.CareerSite, err error) {
	headers := []schemas.Header{{Key: schemas.HeaderType, Value: []byte(schemas.TypeCareerSite)}}
	for _, h := range r.Headers {
		headers = append(headers, schemas.Header{Key: h.Key, Value: h.Value})
	}
	record, err := schemas.DecodeRecord(r.Key, r.Value, headers, func(id int) (string, error) { return v.schema(ctx, id) })
	if err != nil {
		return "", site, err
	}
	// All of it: it may have members that CareerSite does not know.
	return string(record.JSON), *record.Site, nil
}

// schema asks the registry once for each schema.
func (v *values) schema(ctx context.Context, id int) (string, error) {
	if text, known := v.schemas[id]; known {
		return text, nil
	}
	if v.registry == nil {
		return "", errors.New("set SCHEMA_REGISTRY_URL")
	}
	found, err := v.registry.SchemaByID(ctx, id)
	if err != nil {
		return "", err
	}
	v.schemas[id] = found.Schema
	return found.Schema, nil
}
