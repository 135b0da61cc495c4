package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/careerstream/careerstream/schemas"
)

// stateFormat is the first member of a file with a stream's state.
const stateFormat = "careerstream-state/1"

// stateFile is a stream's state on its way to another cluster.
type stateFile struct {
	Format     string    `json:"format"`
	ExportedAt time.Time `json:"exported_at"`
	Feed       string    `json:"feed"`
	// Records are progress records as they were committed: the stream's, and those
	// of its windows while it pages them. They hold cursors.
	Records []json.RawMessage `json:"records"`
}

// StateExport writes the state of the stream to out, for StateImport on another
// cluster. It holds cursors, which are worth money to whoever has the API key. To
// warn it says what the reader should know. It fails where Kafka has no
// checkpoint, and does without Redis.
func StateExport(ctx context.Context, c Producer, out, warn io.Writer) error {
	d, err := openDesk(ctx, c)
	if err != nil {
		return err
	}
	defer d.close()
	f := d.look(ctx)
	switch {
	case f.kafkaErr != nil:
		return f.kafkaErr
	case !f.kafka.Found:
		return fmt.Errorf("topic %s has no checkpoint of feed %q: there is nothing to export; check FEED_NAME and PROGRESS_TOPIC", c.Topics.Progress, c.FeedName)
	}
	file := stateFile{Format: stateFormat, ExportedAt: f.at, Feed: c.FeedName}
	for _, record := range f.records() {
		value, err := record.Encode()
		if err != nil {
			return err
		}
		file.Records = append(file.Records, value)
	}
	if f.holder.Held && f.kafka.Own.Phase == schemas.Paging {
		fmt.Fprintf(warn, "warning: %s is at work on this run: what it buys from now on is bought again by the importing side; stop it and export again\n", f.holder.Owner)
	}
	if err := writeJSON(out, file); err != nil {
		return fmt.Errorf("write the state of feed %q: %w", c.FeedName, err)
	}
	return nil
}

// maxStateFile bounds what is read of a file: records of 64 windows have less
// than a hundredth of it.
const maxStateFile = 16 << 20

// readState reads what StateExport wrote and checks that it is the state of feed.
func readState(in io.Reader, feedName string) ([]schemas.Progress, error) {
	const want = `expected the file that "producer state export" wrote`
	data, err := io.ReadAll(io.LimitReader(in, maxStateFile))
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	var file stateFile
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("read the state: %w: %s", err, want)
	}
	if file.Format != stateFormat {
		return nil, fmt.Errorf("read the state: format is %q, this program reads %q: %s", file.Format, stateFormat, want)
	}
	if file.Feed != feedName {
		return nil, fmt.Errorf("the file has the state of feed %q, and FEED_NAME is %q: set FEED_NAME=%s to import it", file.Feed, feedName, file.Feed)
	}
	records := make([]schemas.Progress, len(file.Records))
	for i, raw := range file.Records {
		if records[i], err = schemas.DecodeProgress(raw); err != nil {
			return nil, fmt.Errorf("read the state: record %d: %w: %s", i+1, err, want)
		}
	}
	own := slices.IndexFunc(records, func(p schemas.Progress) bool { return p.Window == 0 })
	switch {
	case own < 0:
		return nil, fmt.Errorf("read the state: it has no record of the stream itself: %s", want)
	case records[own].Phase == schemas.Paging && len(records) != records[own].Windows+1:
		return nil, fmt.Errorf("read the state: it has %d of %d windows: %s", len(records)-1, records[own].Windows, want)
	}
	return records, nil
}
