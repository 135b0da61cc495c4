//go:build unix

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/careerstream/careerstream/internal/simulator"
)

func TestWrongUsageIsExplained(t *testing.T) {
	t.Parallel()
	b := newBed(t, simulator.Options{Rows: 50})
	file := filepath.Join(t.TempDir(), "producer.yaml")
	text := "# what a user wrote\nbatch-size: 25\nkafka-broker: localhost:9092\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args, changes, words []string
	}{
		"no verb":      {nil, nil, []string{"no verb", "sync", "--help"}},
		"unknown verb": {[]string{"synch"}, nil, []string{"synch", "sync", "--help"}},
		"wrong value":  {[]string{"sync", "--batch-size=51"}, nil, []string{"BATCH_SIZE", `"51"`, "from 1 to 50"}},
		"unknown flag": {[]string{"sync", "--kafka-broker=localhost:9092"}, nil, []string{"--kafka-broker", `did you mean "--kafka-brokers"`, "--help"}},
		"unknown key":  {[]string{"sync", "--config", file}, nil, []string{file + ":3", `"kafka-broker"`, `did you mean "kafka-brokers"`}},
		"no such file": {[]string{"sync", "--config", file + "x"}, nil, []string{"CONFIG", file + "x", "no such file"}},
		"all at once": {
			[]string{"sync"},
			[]string{
				"JOBO_API_KEY=", "BATCH_SIZE=0", "SYNC_OVERLAP=soon", "LEASE_TTL=1ms", "KAFKA_BROKERS=localhost", "FEED_NAME=a b",
				"REDIS_URL=http://:hunter2@localhost", "FEED_RATE_LIMIT=many", "FILTER_IS_AGENCY=maybe", "LOG_LEVEL=loud",
			},
			[]string{
				"settings are wrong", "JOBO_API_KEY", "BATCH_SIZE", "SYNC_OVERLAP", "LEASE_TTL", "KAFKA_BROKERS", "FEED_NAME",
				"REDIS_URL", "FEED_RATE_LIMIT", "FILTER_IS_AGENCY", "LOG_LEVEL",
			},
		},
		"plain http":       {[]string{"sync"}, []string{"JOBO_BASE_URL=http://feed.example"}, []string{"http://feed.example", "unencrypted"}},
		"one topic":        {[]string{"sync"}, []string{"PROGRESS_TOPIC=" + b.sites()}, []string{"PROGRESS_TOPIC", "different names"}},
		"no such key file": {[]string{"sync"}, []string{"JOBO_API_KEY=", "JOBO_API_KEY_FILE=" + file + "x"}, []string{"JOBO_API_KEY_FILE", "no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, b.settings(c.changes...), c.args...)
			p.says(2, c.words...)
		})
	}
	t.Cleanup(b.noRequest) // when the runs are over
}

func TestHelpAndVersionNeedNothing(t *testing.T) {
	t.Parallel()
	for arg, word := range map[string]string{"--help": "JOBO_API_KEY", "version": "producer "} {
		p := launch(t, nil, arg)
		p.expect(0)
		if out := p.stdout.String(); !strings.Contains(out, word) || p.stderr.String() != "" {
			t.Errorf("producer %s: stdout %q, stderr %q; want %q on stdout alone", arg, out, p.stderr.String(), word)
		}
	}
}
