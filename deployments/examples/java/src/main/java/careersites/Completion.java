package careersites;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.function.ToLongFunction;
import org.apache.kafka.common.TopicPartition;

/**
 * Knows from the progress topic up to when the table is complete.
 *
 * <p>A progress record is committed in one transaction with rows, but the brokers make that visible
 * partition by partition: it may be read before the rows are. So "done" counts once everything is
 * read that was in the topics when it was seen.
 */
final class Completion {

  private record Goal(String watermark, Map<TopicPartition, Long> ends) {}

  private final ObjectMapper json = new ObjectMapper();
  private final Map<String, Goal> waiting = new HashMap<>(); // by feed
  private final String topic;
  private final Callable<Map<TopicPartition, Long>> endOffsets;
  private boolean reached;

  Completion(String topic, Callable<Map<TopicPartition, Long>> endOffsets) {
    this.topic = topic;
    this.endOffsets = endOffsets;
  }

  /** Takes the value of a progress record. */
  void progress(byte[] value) throws Exception {
    JsonNode record = json.readTree(value);
    if (record.path("v").asInt() > 1) {
      throw new IOException("progress format " + record.path("v") + " is newer than this program, which reads 1");
    }
    // A window is a part of a backfill, and says nothing about the whole.
    if (record.path("phase").asText().equals("done")
        && record.path("window").asInt() == 0
        && record.path("topic").asText(topic).equals(topic)) {
      waiting.put(record.path("feed").asText(), new Goal(record.path("watermark").asText(), endOffsets.call()));
    }
  }

  /** Says so where the reader has come to what was waited for. */
  void check(ToLongFunction<TopicPartition> position, int companies) {
    for (Iterator<Map.Entry<String, Goal>> goals = waiting.entrySet().iterator(); goals.hasNext(); ) {
      Map.Entry<String, Goal> goal = goals.next();
      Map<TopicPartition, Long> ends = goal.getValue().ends();
      if (ends.entrySet().stream().allMatch(end -> position.applyAsLong(end.getKey()) >= end.getValue())) {
        System.out.printf("complete up to %s: %d companies (feed %s)%n", goal.getValue().watermark(), companies, goal.getKey());
        goals.remove();
        reached = true;
      }
    }
  }

  /** Reports whether a feed is complete, and no other one is waited for. */
  boolean done() {
    return reached && waiting.isEmpty();
  }
}
