package careersites;

import com.fasterxml.jackson.databind.JsonNode;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;

/** The local table, in SQLite. All changes between two commits are kept together or not at all. */
final class Table implements AutoCloseable {

  private static final String COMPANIES = """
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
      )""";

  private static final String POSITIONS = """
      CREATE TABLE IF NOT EXISTS positions (
        topic       TEXT    NOT NULL,
        partition   INTEGER NOT NULL,
        next_offset INTEGER NOT NULL,
        PRIMARY KEY (topic, partition)
      )""";

  // All versions of a company are in one partition, so the higher offset is the newer version.
  // Replaying the topic into an older table changes nothing.
  private static final String UPSERT = """
      INSERT INTO companies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (id) DO UPDATE SET
        name = excluded.name, ats = excluded.ats, updated_at = excluded.updated_at,
        event_id = excluded.event_id, event_time = excluded.event_time, value = excluded.value,
        kafka_partition = excluded.kafka_partition, kafka_offset = excluded.kafka_offset
      WHERE excluded.kafka_offset > companies.kafka_offset""";

  private final Connection db;
  private final PreparedStatement upsert;
  private final PreparedStatement delete;
  private final PreparedStatement move;

  Table(String file) throws SQLException {
    db = DriverManager.getConnection("jdbc:sqlite:" + file);
    try (Statement statement = db.createStatement()) {
      // NORMAL does not wait for the disk at each commit. After a power cut the last
      // transactions may be missing, but whole, offsets included: they are read again.
      statement.execute("PRAGMA journal_mode = WAL");
      statement.execute("PRAGMA synchronous = NORMAL");
      statement.execute(COMPANIES);
      statement.execute(POSITIONS);
    }
    db.setAutoCommit(false);
    upsert = db.prepareStatement(UPSERT);
    delete = db.prepareStatement("DELETE FROM companies WHERE id = ? AND kafka_offset < ?");
    move = db.prepareStatement("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)");
  }

  void upsert(String id, JsonNode row, String text, String eventId, String eventTime, int partition, long offset)
      throws SQLException {
    upsert.setString(1, id);
    upsert.setString(2, row.path("name").asText(null));
    upsert.setString(3, row.path("ats").asText(null));
    upsert.setString(4, row.path("updated_at").asText(null));
    upsert.setString(5, eventId);
    upsert.setString(6, eventTime);
    upsert.setString(7, text);
    upsert.setInt(8, partition);
    upsert.setLong(9, offset);
    upsert.executeUpdate();
  }

  void delete(String id, long offset) throws SQLException {
    delete.setString(1, id);
    delete.setLong(2, offset);
    delete.executeUpdate();
  }

  /** Remembers the next offset of a partition. */
  void move(TopicPartition partition, long next) throws SQLException {
    move.setString(1, partition.topic());
    move.setInt(2, partition.partition());
    move.setLong(3, next);
    move.executeUpdate();
  }

  void commit() throws SQLException {
    db.commit();
  }

  /** Returns the next offset of each partition that was read. */
  Map<TopicPartition, Long> positions(String topic) throws SQLException {
    Map<TopicPartition, Long> read = new HashMap<>();
    try (PreparedStatement query = db.prepareStatement("SELECT partition, next_offset FROM positions WHERE topic = ?")) {
      query.setString(1, topic);
      try (ResultSet rows = query.executeQuery()) {
        while (rows.next()) {
          read.put(new TopicPartition(topic, rows.getInt(1)), rows.getLong(2));
        }
      }
    }
    return read;
  }

  int count() throws SQLException {
    try (Statement statement = db.createStatement();
        ResultSet rows = statement.executeQuery("SELECT count(*) FROM companies")) {
      return rows.getInt(1);
    }
  }

  /** Drops what was not committed. */
  @Override
  public void close() throws SQLException {
    db.rollback();
    db.close();
  }
}
