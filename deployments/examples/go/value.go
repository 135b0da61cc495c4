package main

import (
	"encoding/json"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/careerstream/careerstream/schemas"
)

// decode returns a record's value as JSON text, and its columns, by the record's
// content-type header.
func decode(r *kgo.Record) (text string, site schemas.CareerSite, err error) {
	switch kind := header(r, schemas.HeaderContentType); kind {
	case "", schemas.ContentTypeJSON:
		// Kept byte for byte: it may have members that CareerSite does not know.
		err = json.Unmarshal(r.Value, &site)
		return string(r.Value), site, err
	default:
		return "", site, fmt.Errorf("content-type %q is not known to this program", kind)
	}
}
