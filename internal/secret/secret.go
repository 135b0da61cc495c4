// Package secret holds values that must never be printed: API keys and
// passwords.
package secret

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"unique"
)

// mask stands wherever a secret would be printed.
const mask = "***"

// String is a secret. However it is formatted, logged or encoded it shows as
// ***; only Reveal gives it away. The zero value is no secret at all and prints
// as nothing, so that "not set" can be told from "set". Equal secrets are ==.
type String struct {
	// The value is behind a pointer, because fmt calls no method on unexported
	// fields: a struct that has a String in one would print it with %v.
	value unique.Handle[string]
}

// New wraps value.
func New(value string) String {
	if value == "" {
		return String{}
	}
	return String{unique.Make(value)}
}

// Reveal returns the secret itself: call it only where it leaves for the server
// that it belongs to.
func (s String) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.value.Value()
}

// Empty reports whether there is no secret.
func (s String) Empty() bool { return s == String{} }

// Fingerprint is a digest of the secret that may be shown and stored: it tells
// two of them apart and gives neither away. Empty where there is no secret.
func (s String) Fingerprint() string {
	if s.Empty() {
		return ""
	}
	sum := sha256.Sum256([]byte(s.Reveal()))
	return hex.EncodeToString(sum[:8])
}

// String implements fmt.Stringer.
func (s String) String() string {
	if s.Empty() {
		return ""
	}
	return mask
}

// GoString implements fmt.GoStringer.
func (s String) GoString() string { return s.String() }

// Format implements fmt.Formatter: all verbs print the same, those included that
// would look into the struct (%d) or encode what they print (%x, %q).
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText implements encoding.TextMarshaler, for JSON, YAML and zap.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
