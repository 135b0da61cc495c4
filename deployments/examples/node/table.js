// The local table, in SQLite.

import Database from 'better-sqlite3'

const SCHEMA = `
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
const UPSERT = `
INSERT INTO companies VALUES
  (@id, @name, @ats, @updated_at, @event_id, @event_time, @value, @partition, @offset)
ON CONFLICT (id) DO UPDATE SET
  name = excluded.name, ats = excluded.ats, updated_at = excluded.updated_at,
  event_id = excluded.event_id, event_time = excluded.event_time, value = excluded.value,
  kafka_partition = excluded.kafka_partition, kafka_offset = excluded.kafka_offset
WHERE excluded.kafka_offset > companies.kafka_offset`

// Table takes and returns offsets as BigInts: they have 64 bits.
export class Table {
  #db
  #upsert
  #delete
  #move

  constructor(file) {
    this.#db = new Database(file)
    // NORMAL does not wait for the disk at each commit. After a power cut the last
    // transactions may be missing, but whole, offsets included: they are read again.
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('synchronous = NORMAL')
    this.#db.exec(SCHEMA)
    this.#upsert = this.#db.prepare(UPSERT)
    this.#delete = this.#db.prepare('DELETE FROM companies WHERE id = ? AND kafka_offset < ?')
    this.#move = this.#db.prepare('INSERT OR REPLACE INTO positions VALUES (?, ?, ?)')
  }

  // transaction keeps all that the function does, rows and offsets, or nothing.
  transaction(work) {
    this.#db.transaction(work).immediate()
  }

  upsert(row) {
    this.#upsert.run(row)
  }

  delete(id, offset) {
    this.#delete.run(id, offset)
  }

  // move remembers the next offset of a partition.
  move(topic, partition, next) {
    this.#move.run(topic, partition, next)
  }

  // positions returns the next offset of each partition that was read.
  positions(topic) {
    const rows = this.#db.prepare('SELECT partition, next_offset FROM positions WHERE topic = ?').safeIntegers().all(topic)
    return new Map(rows.map((row) => [Number(row.partition), row.next_offset]))
  }

  count() {
    return this.#db.prepare('SELECT count(*) FROM companies').pluck().get()
  }

  close() {
    this.#db.close()
  }
}
