package app

import (
	"errors"
	"fmt"
	"io"
	"net/url"

	"github.com/careerstream/careerstream/internal/checkpoint"
	"github.com/careerstream/careerstream/internal/feed"
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
	_, paused := pausedBy(err)
	switch {
	case err == nil:
		return ExitDone
	case errors.As(err, &usage):
		return ExitUsage
	case errors.As(err, &refused):
		return ExitRefused
	case errors.As(err, &busy):
		return ExitBusy
	case paused:
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
		why, _ := pausedBy(err)
		fmt.Fprintf(out, "%s: paused: %s\n", program, why)
	case ExitBusy:
		fmt.Fprintf(out, "%s: %v; no more is bought here: stop the other instance, or leave the work to it\n", program, err)
	default:
		fmt.Fprintf(out, "%s: %v%s\n", program, err, unreachable(err))
	}
	return code
}

// pausedBy reports whether err says that the next page is not covered, and in
// which words a person is told. The feed's own say the balance too, so they are
// left out where its numbers are known.
func pausedBy(err error) (why string, paused bool) {
	var pause interface {
		error
		Paused() string
	}
	if errors.As(err, &pause) {
		return pause.Error(), true
	}
	var payment *feed.PaymentError
	if !errors.As(err, &payment) {
		return "", false
	}
	why = payment.Error()
	if payment.Required != feed.Unknown && payment.Balance != feed.Unknown {
		why = fmt.Sprintf("the wallet holds %d credits, the next page costs %d", payment.Balance, payment.Required)
	}
	return why + "; state is kept: fill the wallet and start again, or ask for less with BATCH_SIZE", true
}

// unreachable is what to do where no request reached the feed. Only the client of
// the feed posts; the other servers' errors name their own settings.
func unreachable(err error) string {
	var request *url.Error
	if !errors.As(err, &request) || request.Op != "Post" {
		return ""
	}
	return "; the feed can't be reached: check JOBO_BASE_URL, and the network and certificates between here and there"
}
