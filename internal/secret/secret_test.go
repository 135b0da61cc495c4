package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/careerstream/careerstream/internal/secret"
)

const canary = "canary-5f0c"

type holder struct {
	Key    secret.String
	hidden secret.String
}

func TestNoFormattingShowsTheSecret(t *testing.T) {
	t.Parallel()
	key := secret.New(canary)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%p"} {
		for _, value := range []any{key, &key, holder{key, key}, &holder{key, key}, []secret.String{key}, map[string]secret.String{"k": key}} {
			got := fmt.Sprintf(verb, value)
			for _, leak := range []string{canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary)} {
				if strings.Contains(got, leak) {
					t.Errorf("Sprintf(%q, %T) = %q: it shows the secret", verb, value, got)
				}
			}
		}
	}
	if got := fmt.Sprint(key); got != "***" {
		t.Errorf("Sprint = %q, want ***", got)
	}
	if got := fmt.Sprintf("%#v", key); got != "***" || key.GoString() != "***" {
		t.Errorf("%%#v = %q, GoString = %q, want ***", got, key.GoString())
	}
}

func TestNoEncodingShowsTheSecret(t *testing.T) {
	t.Parallel()
	key := secret.New(canary)
	encoded, err := json.Marshal(holder{Key: key, hidden: key})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(encoded), `{"Key":"***"}`; got != want {
		t.Errorf("JSON = %s, want %s", got, want)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("slog", "key", key, "holder", holder{key, key})
	core, logs := observer.New(zap.InfoLevel)
	zap.New(core).Info("zap", zap.Stringer("key", key), zap.Any("any", key), zap.Reflect("holder", holder{key, key}))
	fmt.Fprintf(&logged, "%+v", logs.All()[0].ContextMap())
	if got := logged.String(); strings.Contains(got, canary) || !strings.Contains(got, "***") {
		t.Errorf("the logs are %s: want *** and not the secret", got)
	}
}

func TestTheZeroValueIsNoSecret(t *testing.T) {
	t.Parallel()
	var zero secret.String
	if !zero.Empty() || zero.Reveal() != "" || zero.String() != "" {
		t.Errorf("zero: Empty %v, Reveal %q, String %q; want true and nothing", zero.Empty(), zero.Reveal(), zero.String())
	}
	if secret.New("") != zero {
		t.Error(`New("") is not the zero value`)
	}
}

func TestRevealReturnsTheSecret(t *testing.T) {
	t.Parallel()
	key := secret.New(canary)
	if got := key.Reveal(); got != canary || key.Empty() {
		t.Errorf("Reveal = %q, Empty = %v, want %q, false", got, key.Empty(), canary)
	}
	if key != secret.New(canary) || key == secret.New("other") {
		t.Error("equal secrets must be ==, others not")
	}
}
