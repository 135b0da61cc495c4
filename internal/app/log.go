package app

import (
	"io"
	stdlog "log"
	"os"
	"regexp"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// Log says what is logged and how.
type Log struct {
	// Level is debug, info, warn or error; empty means info.
	Level string
	// Format is console, json, or auto, which means console on a terminal and
	// JSON elsewhere; empty means auto.
	Format string
}

// New returns a logger that writes to out. Stack traces are left out: what an
// operator needs is in the message.
func (l Log) New(out io.Writer) *zap.Logger {
	level, err := zapcore.ParseLevel(l.Level)
	if err != nil {
		level = zapcore.InfoLevel
	}
	config := zap.NewProductionEncoderConfig()
	config.EncodeTime = zapcore.RFC3339TimeEncoder
	config.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(config)
	if l.Format == "console" || l.Format != "json" && terminal(out) {
		config.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		config.EncodeLevel = zapcore.CapitalLevelEncoder
		config.ConsoleSeparator = "  "
		encoder = zapcore.NewConsoleEncoder(config)
	}
	return zap.New(zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), level))
}

// fder is what a terminal has and what stands in front of one passes on.
type fder interface{ Fd() uintptr }

var _ fder = (*os.File)(nil)

// terminal reports whether what is written to out, or read from it, is a
// person's terminal.
func terminal(out any) bool {
	f, ok := out.(fder)
	return ok && term.IsTerminal(int(f.Fd()))
}

// captureStandardLog sends to log what the standard library logs by itself, such
// as a connection that its HTTP server gave up, and returns how to end that.
func captureStandardLog(log *zap.Logger) (restore func()) {
	stdlog.SetFlags(0)
	stdlog.SetOutput(standardLog{log.Named("go")})
	return func() {
		stdlog.SetFlags(stdlog.LstdFlags)
		stdlog.SetOutput(os.Stderr)
	}
}

// standardLog is the output of the standard library's logger.
type standardLog struct{ log *zap.Logger }

// quoted is what the library repeats of a peer's bytes: they may be our own API
// key that a server sends back.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// Write implements io.Writer: one call is one message.
func (s standardLog) Write(line []byte) (int, error) {
	s.log.Warn(quoted.ReplaceAllString(strings.TrimSpace(string(line)), `"..."`))
	return len(line), nil
}
