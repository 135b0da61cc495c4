package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// script is the completion of a shell, as a program prints it.
func script(t *testing.T, program, shell string) string {
	t.Helper()
	do := RunProducer
	if program == "enricher" {
		do = RunEnricher
	}
	// What is wrong with the settings does not matter.
	got := runProgram(t.Context(), do, environment{"BATCH_SIZE": "60", "ENRICH_BATCH": "0"}, "completion", shell)
	if got.code != ExitDone || got.stderr != "" {
		t.Fatalf("%s completion %s: exit code %d: %s", program, shell, got.code, got.stderr)
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
			for _, program := range []string{"producer", "enricher"} {
				out, err := exec.CommandContext(t.Context(), path, "-n", file(t, "completion", script(t, program, shell))).CombinedOutput()
				if err != nil || len(out) > 0 {
					t.Errorf("%s: %s -n: %v: %s", program, shell, err, out)
				}
			}
		})
	}
}

// Every verb and every flag is in every script.
func TestCompletionKnowsTheWholeCommandLine(t *testing.T) {
	t.Parallel()
	words := map[string][]string{
		"producer": {"run", "export", "import", "apply", "settings", "version", "keep-watermark", "dry-run", "SCRAM-SHA-512"},
		"enricher": {"run", "plan", "request", "redrive", "apply", "settings", "version", "details-url", "dry-run", "SCRAM-SHA-512", "retries_exhausted"},
	}
	for name := range samples(t) {
		words["producer"] = append(words["producer"], canonical(name))
	}
	for name := range enricherSamples(t) {
		words["enricher"] = append(words["enricher"], canonical(name))
	}
	for program, want := range words {
		for _, shell := range []string{"bash", "zsh", "fish"} {
			text := script(t, program, shell)
			for _, word := range want {
				if !strings.Contains(text, word) {
					t.Errorf("%s, %s: %q is missing", program, shell, word)
				}
			}
			if program == "enricher" && strings.Contains(text, "producer") {
				t.Errorf("%s: the enricher's script speaks of the producer", shell)
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
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a b.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	completes(t, bash, dir, "producer", map[string]string{
		"":                                "run sync plan status state topics schemas check completion settings version",
		"s":                               "sync status state schemas settings",
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
		"--feed-name run s":               "sync status state schemas settings",
		"--feed-name = sync st":           "status state",
		"--batch-size ":                   "",
		"--topics-create = ":              "true false",
		"--kafka-tls st":                  "status state",
		"state reset --b":                 "--backfill --batch-size --backfill-windows",
		"sync --b":                        "--batch-size --backfill-windows",
		"sync --kafka-sasl-mechanism SCR": "SCRAM-SHA-256 SCRAM-SHA-512",
		"--config ":                       "a b.yaml",
		"state import ":                   "a b.yaml",
	})
	completes(t, bash, dir, "enricher", map[string]string{
		"":                                "run plan request redrive status topics schemas check completion settings version",
		"re":                              "request redrive",
		"request ":                        "",
		"request --det":                   "--details-url",
		"redrive --reason not":            "not_an_object not_encodable not_found",
		"redrive --reason gone --reason ": strings.Join(reasons(), " "),
		"status -o ":                      "table json",
		"topics ":                         "apply check",
		"--enrich-select true p":          "plan",
		"--company-send-key = ":           "true false",
		"--config ":                       "a b.yaml",
	})
}

// completes checks what a program's script for bash offers at the end of a line.
func completes(t *testing.T, bash, dir, program string, lines map[string]string) {
	t.Helper()
	path := file(t, "completion", script(t, program, "bash"))
	for line, want := range lines {
		words := append([]string{program}, strings.Split(line, " ")...)
		// What readline does: it fills in the words and calls the function.
		cmd := exec.CommandContext(t.Context(), bash, append([]string{
			"-c", `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_$1"; printf '%s\n' "${COMPREPLY[@]}"`, "bash", path,
		}, words...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v: %s", program, line, err, out)
		}
		got := strings.Join(slices.DeleteFunc(strings.Split(string(out), "\n"), func(s string) bool { return s == "" }), " ")
		if got != want {
			t.Errorf("%s %q: got %q, want %q", program, line, got, want)
		}
	}
}
