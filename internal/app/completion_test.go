package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// script is the completion of a shell, as the program prints it.
func script(t *testing.T, shell string) string {
	t.Helper()
	// What is wrong with the settings does not matter.
	got := run(t.Context(), environment{"BATCH_SIZE": "60"}, "completion", shell)
	if got.code != ExitDone || got.stderr != "" {
		t.Fatalf("producer completion %s: exit code %d: %s", shell, got.code, got.stderr)
	}
	return got.stdout
}

func TestCompletionScriptsAreGoodShell(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			path, err := exec.LookPath(shell)
			if err != nil {
				t.Skipf("no %s here", shell)
			}
			out, err := exec.CommandContext(t.Context(), path, "-n", file(t, "completion", script(t, shell))).CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%s -n: %v: %s", shell, err, out)
			}
		})
	}
}

// Every verb and every flag is in every script.
func TestCompletionKnowsTheWholeCommandLine(t *testing.T) {
	t.Parallel()
	for _, shell := range []string{"bash", "zsh", "fish"} {
		text := script(t, shell)
		want := []string{"run", "export", "import", "apply", "settings", "version", "keep-watermark", "dry-run", "SCRAM-SHA-512"}
		for name := range samples(t) {
			want = append(want, strings.ReplaceAll(strings.ToLower(name), "_", "-"))
		}
		for _, word := range want {
			if !strings.Contains(text, word) {
				t.Errorf("%s: %q is missing", shell, word)
			}
		}
	}
}

func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	path := file(t, "completion", script(t, "bash"))
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a b.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"":                                "run sync plan status state topics check completion settings version",
		"s":                               "sync status state settings",
		"sync ":                           "",
		"state ":                          "show export import reset",
		"state re":                        "reset",
		"topics ":                         "apply check",
		"completion ":                     "bash zsh fish",
		"status -o ":                      "table json",
		"status --output = j":             "json",
		"state show --output ":            "json table",
		"--log-level ":                    "debug info warn error",
		"sync --log-format = c":           "console",
		"--feed-name run s":               "sync status state settings",
		"--feed-name = sync st":           "status state",
		"--batch-size ":                   "",
		"--topics-create = ":              "true false",
		"--kafka-tls st":                  "status state",
		"state reset --b":                 "--backfill --batch-size --backfill-windows",
		"sync --b":                        "--batch-size --backfill-windows",
		"sync --kafka-sasl-mechanism SCR": "SCRAM-SHA-256 SCRAM-SHA-512",
		"--config ":                       "a b.yaml",
		"state import ":                   "a b.yaml",
	} {
		words := append([]string{"producer"}, strings.Split(line, " ")...)
		// What readline does: it fills in the words and calls the function.
		cmd := exec.CommandContext(t.Context(), bash, append([]string{
			"-c", `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _producer; printf '%s\n' "${COMPREPLY[@]}"`, "bash", path,
		}, words...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v: %s", line, err, out)
		}
		got := strings.Join(slices.DeleteFunc(strings.Split(string(out), "\n"), func(s string) bool { return s == "" }), " ")
		if got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}
