package app

import (
	"errors"
	"fmt"
	"io"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/producer"
)

// The exit codes of both programs.
const (
	ExitDone    = 0
	ExitFailed  = 1 // something failed that the message names
	ExitUsage   = 2 // wrong usage or configuration
	ExitPaused  = 3 // the wallet or a budget does not cover the next page; the state is kept
	ExitRefused = 4 // going on would spend money that nobody agreed to
	ExitBusy    = 5 // another instance holds the lease and is alive
)

// exitCode returns the exit code that err stands for.
func exitCode(err error) int {
	var usage *UsageError
	var refused *producer.RefusedError
	var busy *checkpoint.BusyError
	var paused *producer.PausedError
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &usage):
		return ExitUsage
	case errors.As(err, &refused):
		return ExitRefused
	case errors.As(err, &busy):
		return ExitBusy
	case errors.As(err, &paused):
		return ExitPaused
	}
	return ExitFailed
}

// report says what err is, once, and returns the exit code.
func report(out io.Writer, program string, err error) int {
	code := exitCode(err)
	switch code {
	case ExitDone:
	case ExitPaused:
		fmt.Fprintf(out, "%s: paused: %v\n", program, plain(err))
	case ExitBusy:
		fmt.Fprintf(out, "%s: %v; no more is bought here: stop the other instance, or leave the work to it\n", program, err)
	default:
		fmt.Fprintf(out, "%s: %v\n", program, plain(err))
	}
	return code
}

// plain is err without how often it was tried, where its words end in a command
// that somebody will copy.
func plain(err error) error {
	var refused *producer.RefusedError
	var paused *producer.PausedError
	var voided *producer.VoidedError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &paused):
		return paused
	case errors.As(err, &voided):
		return voided
	}
	return err
}
