package app

import (
	"errors"
	"strings"
	"testing"
)

func TestOnlyAWrittenYesIsYes(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{
		"y\n": true, "yes\n": true, "YES\r\n": true, " y \n": true, "yes": true,
		"\n": false, "": false, "n\n": false, "yep\n": false, "no\nyes\n": false,
	} {
		var out strings.Builder
		got, err := ask(strings.NewReader(answer), &out, "spend it?")
		if err != nil || got != want || out.String() != "spend it? [y/N] " {
			t.Errorf("%q: got %t, %v and the question %q, want %t", answer, got, err, out.String(), want)
		}
	}
}

func TestWhereNobodyCanBeAskedYesIsNeeded(t *testing.T) {
	t.Parallel()
	env := Env{Stdin: strings.NewReader("yes\n"), Stderr: new(strings.Builder)}
	if yes, err := confirm(env, true)("spend it?"); !yes || err != nil {
		t.Errorf("got %t and %v after --yes, want yes", yes, err)
	}
	yes, err := confirm(env, false)("spend it?")
	var usage *UsageError
	if yes || !errors.As(err, &usage) || !strings.Contains(err.Error(), "--yes") || !strings.Contains(err.Error(), "spend it?") {
		t.Errorf("got %t and %v, want a *UsageError that names the question and --yes", yes, err)
	}
}
