package app

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Confirm asks a person a question that is answered by yes or no, and returns
// whether it was yes. Where nobody can be asked it returns a *UsageError that
// says how to say yes beforehand.
type Confirm func(question string) (bool, error)

// confirm returns the Confirm of a command line: yes without asking after --yes,
// else the person at the terminal.
func confirm(env Env, yes bool) Confirm {
	return func(question string) (bool, error) {
		switch {
		case yes:
			return true, nil
		case !terminal(env.Stdin):
			return false, &UsageError{Problems: []error{fmt.Errorf("%s: nobody can be asked, standard input is no terminal; say yes with --yes", question)}}
		}
		return ask(env.Stdin, env.Stderr, question)
	}
}

// ask puts the question to out, not to standard output, which is data. All but a
// written yes is no.
func ask(in io.Reader, out io.Writer, question string) (bool, error) {
	fmt.Fprintf(out, "%s [y/N] ", question)
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("answer to %q: %w", question, err)
	}
	answer := strings.ToLower(strings.TrimSpace(line))
	return answer == "y" || answer == "yes", nil
}
