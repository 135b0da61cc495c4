package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"

	"github.com/twmb/franz-go/pkg/kgo"
	_ "modernc.org/sqlite" // the driver, in plain Go

	"github.com/careerstream/careerstream/schemas"
)

const schema = `
CREATE TABLE IF NOT EXISTS companies (
  id           TEXT PRIMARY KEY,
  name         TEXT,
  ats          TEXT,
  updated_at   TEXT,
  event_id     TEXT,             -- ce_id: the same version always has the same
  event_time   TEXT,             -- ce_time
  value        TEXT NOT NULL,    -- the whole record as JSON
  kafka_partition INTEGER NOT NULL,
  kafka_offset    INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS positions (
  topic       TEXT    NOT NULL,
  partition   INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
);`

// All versions of a company are in one partition, so the higher offset is the newer
// version. Replaying the topic into an older table changes nothing.
const upsert = `
INSERT INTO companies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, ats = excluded.ats, updated_at = excluded.updated_at,
  event_id = excluded.event_id, event_time = excluded.event_time, value = excluded.value,
  kafka_partition = excluded.kafka_partition, kafka_offset = excluded.kafka_offset
WHERE excluded.kafka_offset > companies.kafka_offset`

type table struct{ db *sql.DB }

// open creates the table where the file has none.
func open(file string) (*table, error) {
	// NORMAL does not wait for the disk at each commit. After a power cut the last
	// transactions may be missing, but whole, offsets included: they are read again.
	pragmas := url.Values{"_pragma": {"journal_mode(WAL)", "synchronous(NORMAL)"}, "_txlock": {"immediate"}}
	db, err := sql.Open("sqlite", "file:"+file+"?"+pragmas.Encode())
	if err != nil {
		return nil, err
	}
	if _, err := db.Exec(schema); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("table %s: %w", file, err)
	}
	return &table{db: db}, nil
}

func (t *table) close() { _ = t.db.Close() }

func (t *table) count(ctx context.Context) (n int, err error) {
	err = t.db.QueryRowContext(ctx, "SELECT count(*) FROM companies").Scan(&n)
	return n, err
}

// positions returns the next offset of each partition that was read.
func (t *table) positions(ctx context.Context, topic string) (map[int32]int64, error) {
	rows, err := t.db.QueryContext(ctx, "SELECT partition, next_offset FROM positions WHERE topic = ?", topic)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	at := make(map[int32]int64)
	for rows.Next() {
		var partition int32
		var next int64
		if err := rows.Scan(&partition, &next); err != nil {
			return nil, err
		}
		at[partition] = next
	}
	return at, rows.Err()
}

// transaction keeps all that f does, rows and offsets, or nothing.
func (t *table) transaction(ctx context.Context, f func(*transaction) error) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit it does nothing
	if err := f(&transaction{tx}); err != nil {
		return err
	}
	return tx.Commit()
}

type transaction struct{ tx *sql.Tx }

func (t *transaction) upsert(ctx context.Context, r *kgo.Record, text string, site schemas.CareerSite) error {
	_, err := t.tx.ExecContext(ctx, upsert, string(r.Key), site.Name, site.ATS, site.UpdatedAt,
		header(r, schemas.HeaderID), header(r, schemas.HeaderTime), text, r.Partition, r.Offset)
	return err
}

func (t *transaction) delete(ctx context.Context, id string, offset int64) error {
	_, err := t.tx.ExecContext(ctx, "DELETE FROM companies WHERE id = ? AND kafka_offset < ?", id, offset)
	return err
}

// move remembers the next offset of each partition.
func (t *transaction) move(ctx context.Context, topic string, next map[int32]int64) error {
	for partition, offset := range next {
		if _, err := t.tx.ExecContext(ctx, "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", topic, partition, offset); err != nil {
			return err
		}
	}
	return nil
}
