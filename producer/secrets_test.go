//go:build unix

package main_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

// apiKey has the shape of the vendor's keys and is planted in every run: nothing
// that the program writes may hold it. The secret is its last part.
const (
	apiSecret = "0123456789abcdefghijklmnopqrstuvwxyz-_ABCDE"
	apiKey    = "jbe_test_producer-suite-canary_" + apiSecret
)

// keyOf returns a key of the vendor's shape with the planted secret.
func keyOf(name string) string {
	return "jbe_test_" + (name + strings.Repeat("-", 21))[:21] + "_" + apiSecret
}

// noKey fails the test if text holds the API key, as it is or in a disguise in
// which headers and bodies end up in logs.
func noKey(t *testing.T, where string, text []byte) {
	t.Helper()
	for name, form := range keyForms() {
		if bytes.Contains(text, []byte(form)) {
			t.Errorf("%s holds the API key (%s)", where, name)
		}
	}
}

func keyForms() map[string]string {
	forms := map[string]string{
		"as it is": apiSecret,
		"hex":      hex.EncodeToString([]byte(apiSecret)),
		"HEX":      strings.ToUpper(hex.EncodeToString([]byte(apiSecret))),
	}
	// What base64 makes of a text depends on where in a group of three bytes it
	// begins, and its first and last group on the neighbours.
	for _, lead := range []string{"", "x", "xx"} {
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := encoding.EncodeToString([]byte(lead + apiSecret))
			forms[name+" after "+lead] = text[4 : len(text)-4]
		}
	}
	return forms
}

func TestKeyFormsAreRecognised(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"key: " + apiKey,
		base64.StdEncoding.EncodeToString([]byte("X-Api-Key: " + apiKey + "\r\n")),
		base64.URLEncoding.EncodeToString([]byte(apiKey)),
		hex.EncodeToString([]byte(apiKey)),
	} {
		found := false
		for _, form := range keyForms() {
			found = found || strings.Contains(text, form)
		}
		if !found {
			t.Errorf("the key is not recognised in %q", text)
		}
	}
}
