"""The local table: SQLite, from Python's standard library."""

import contextlib
import sqlite3

SCHEMA = """
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
);
"""

# All versions of a company are in one partition, so the higher offset is the newer
# version. Replaying the topic into an older table changes nothing.
UPSERT = """
INSERT INTO companies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, ats = excluded.ats, updated_at = excluded.updated_at,
  event_id = excluded.event_id, event_time = excluded.event_time, value = excluded.value,
  kafka_partition = excluded.kafka_partition, kafka_offset = excluded.kafka_offset
WHERE excluded.kafka_offset > companies.kafka_offset
"""


class Table:
    def __init__(self, path):
        # isolation_level None: transactions begin and end where this code says so.
        self.db = sqlite3.connect(path, isolation_level=None)
        # NORMAL does not wait for the disk at each commit. After a power cut the last
        # transactions may be missing, but whole, offsets included: they are read again.
        self.db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;" + SCHEMA)

    @contextlib.contextmanager
    def transaction(self):
        """Everything inside it, rows and offsets, is kept or nothing is."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def upsert(self, company, row, text, event_id, event_time, partition, offset):
        self.db.execute(UPSERT, (
            company, row.get("name"), row.get("ats"), row.get("updated_at"), event_id, event_time, text, partition, offset,
        ))

    def delete(self, company, offset):
        self.db.execute("DELETE FROM companies WHERE id = ? AND kafka_offset < ?", (company, offset))

    def move(self, positions):
        """Remembers the next offset of each partition, {(topic, partition): offset}."""
        self.db.executemany(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
            [(topic, partition, offset) for (topic, partition), offset in positions.items()],
        )

    def positions(self, topic):
        rows = self.db.execute("SELECT partition, next_offset FROM positions WHERE topic = ?", (topic,))
        return {(topic, partition): offset for partition, offset in rows}

    def count(self):
        return self.db.execute("SELECT count(*) FROM companies").fetchone()[0]

    def close(self):
        self.db.close()
