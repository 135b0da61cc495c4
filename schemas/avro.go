package schemas

import (
	_ "embed" // for the schemas
	"encoding/binary"
	"errors"
	"fmt"
)

// The Avro schemas of the two records, as they are registered for a topic's
// values. They are the reference for names, types and meaning of the members; the
// Go types and the JSON Schemas are checked against them.
var (
	//go:embed avro/career-site.avsc
	careerSiteAvro string
	//go:embed avro/company.avsc
	companyAvro string
)

// CareerSiteAvro returns the Avro schema of a career site.
func CareerSiteAvro() string { return careerSiteAvro }

// CompanyAvro returns the Avro schema of a company.
func CompanyAvro() string { return companyAvro }

// wireMagic is the first byte of a value in the wire format of Confluent's schema
// registry, before four bytes of schema id, big-endian, and the Avro body.
const wireMagic = 0

// wirePrefix is the size of both.
const wirePrefix = 5

// errNoPrefix is a value that can't be in the registry's wire format.
var errNoPrefix = errors.New("the value does not begin with a zero byte and a schema id, as Avro with a schema registry does")

// WirePrefix returns what comes before an Avro body that was written with the
// schema that a registry knows as id.
func WirePrefix(id int) []byte {
	return binary.BigEndian.AppendUint32([]byte{wireMagic}, uint32(id)) //nolint:gosec // registries count from 1 in 32 bits
}

// CutPrefix takes a value apart: the id of the schema that it was written with, and
// the Avro body.
func CutPrefix(value []byte) (id int, body []byte, err error) {
	if len(value) < wirePrefix || value[0] != wireMagic {
		return 0, nil, fmt.Errorf("%w: it begins with %x", errNoPrefix, value[:min(len(value), wirePrefix)])
	}
	return int(int32(binary.BigEndian.Uint32(value[1:]))), value[wirePrefix:], nil //nolint:gosec // as in WirePrefix
}
