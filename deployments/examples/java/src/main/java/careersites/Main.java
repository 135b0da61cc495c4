package careersites;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Keeps a local SQLite table of the newest version of each company.
 *
 * <p>Reads the career-sites topic and writes one row for each company id. What has been read is
 * remembered in the table's own database, so a kill at any moment neither loses nor repeats a
 * record. The progress topic says up to when the table is complete.
 *
 * <p>Settings are in the environment, see README.md. --until-complete exits with 0 as soon as the
 * table is complete, for cron jobs and tests.
 */
public final class Main {

  private static final String CAREER_SITE = "world.jobo.career-site.v1";

  private final Settings settings;
  private final KafkaConsumer<String, byte[]> consumer;
  private final Admin admin;
  private final Table table;
  private final Values values = new Values();
  private final Completion completion;
  private final Map<TopicPartition, Long> positions = new HashMap<>(); // as the table has them

  private Main(Settings settings, KafkaConsumer<String, byte[]> consumer, Admin admin, Table table) {
    this.settings = settings;
    this.consumer = consumer;
    this.admin = admin;
    this.table = table;
    this.completion = new Completion(settings.careerSites(), this::endOffsets);
  }

  public static void main(String[] args) throws Exception {
    Settings settings = Settings.load();
    Map<String, Object> config = new HashMap<>();
    config.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, settings.brokers());
    config.put(ConsumerConfig.GROUP_ID_CONFIG, settings.group());
    config.put(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed"); // rows of aborted pages stay out
    config.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    // An offset that the topic does not have means that it is another topic.
    config.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    config.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, settings.batch());

    try (KafkaConsumer<String, byte[]> consumer =
            new KafkaConsumer<>(config, new StringDeserializer(), new ByteArrayDeserializer());
        Admin admin = Admin.create(Map.of("bootstrap.servers", settings.brokers()));
        Table table = new Table(settings.table())) {
      CountDownLatch closed = stopOnSignal(consumer);
      try {
        new Main(settings, consumer, admin, table).follow(Arrays.asList(args).contains("--until-complete"));
      } catch (WakeupException stopped) {
        // A signal; what was not committed is read again next time.
      } finally {
        closed.countDown();
      }
    }
  }

  /** Wakes the consumer at SIGTERM and SIGINT; the JVM then waits until the latch is down. */
  private static CountDownLatch stopOnSignal(KafkaConsumer<?, ?> consumer) {
    CountDownLatch closed = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      if (closed.getCount() == 0) {
        return;
      }
      consumer.wakeup();
      try {
        closed.await(10, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }));
    return closed;
  }

  /** Moves what comes into the table, until the table is complete where that was asked for. */
  private void follow(boolean untilComplete) throws Exception {
    Map<TopicPartition, Long> read = table.positions(settings.careerSites());
    System.out.printf("%s: %d companies, read up to %s%n", settings.table(), table.count(), read.values());
    List<TopicPartition> sites = partitions(settings.careerSites());
    List<TopicPartition> all = new ArrayList<>(sites);
    all.addAll(partitions(settings.progress()));
    // Assigned, not subscribed: this table holds all partitions, whoever else reads. The progress
    // topic is small, and read from its beginning at each start.
    consumer.assign(all);
    consumer.seekToBeginning(all);
    read.forEach(consumer::seek);
    positions.putAll(read);

    while (!untilComplete || !completion.done()) {
      ConsumerRecords<String, byte[]> records = consumer.poll(Duration.ofMillis(500));
      take(records, sites);
      completion.check(consumer::position, table.count());
    }
  }

  private List<TopicPartition> partitions(String topic) {
    return consumer.partitionsFor(topic).stream()
        .map(found -> new TopicPartition(topic, found.partition()))
        .collect(Collectors.toList());
  }

  /** Applies what was polled and where that ends, in one transaction. */
  private void take(ConsumerRecords<String, byte[]> records, List<TopicPartition> sites) throws Exception {
    for (ConsumerRecord<String, byte[]> record : records) {
      if (record.topic().equals(settings.careerSites())) {
        apply(record);
      } else if (record.value() != null) {
        completion.progress(record.value());
      }
    }
    Map<TopicPartition, OffsetAndMetadata> moved = new HashMap<>();
    for (TopicPartition partition : sites) {
      // Behind the last record, and behind the markers of transactions, which no record shows.
      long next = consumer.position(partition);
      if (!Objects.equals(positions.put(partition, next), next)) {
        table.move(partition, next);
        moved.put(partition, new OffsetAndMetadata(next));
      }
    }
    table.commit();
    if (!moved.isEmpty()) {
      // For those who watch the group's lag. Nothing is ever resumed from it, so a commit that
      // fails is no harm.
      consumer.commitAsync(moved, null);
    }
  }

  /** Writes one record of the career-sites topic to the table. */
  private void apply(ConsumerRecord<String, byte[]> record) throws Exception {
    String type = header(record, "ce_type", CAREER_SITE);
    if (!type.equals(CAREER_SITE)) {
      return; // later versions of the contract may add types: not ours
    }
    if (record.value() == null) {
      table.delete(record.key(), record.offset()); // a tombstone
      return;
    }
    try {
      Values.Decoded value = values.decode(record.value(), header(record, "content-type", "application/json"));
      table.upsert(record.key(), value.row(), value.text(), header(record, "ce_id", null), header(record, "ce_time", null),
          record.partition(), record.offset());
    } catch (IOException e) {
      throw new IOException("company %s at %s/%d offset %d: %s".formatted(
          record.key(), record.topic(), record.partition(), record.offset(), e.getMessage()), e);
    }
  }

  private static String header(ConsumerRecord<?, ?> record, String name, String otherwise) {
    Header header = record.headers().lastHeader(name);
    return header == null ? otherwise : new String(header.value(), StandardCharsets.UTF_8);
  }

  /**
   * Lists the high watermarks, which are the admin client's default. Not what consumer.endOffsets
   * returns for read_committed: rows that belong to a progress record may stand behind that for a
   * moment longer.
   */
  private Map<TopicPartition, Long> endOffsets() throws Exception {
    Map<TopicPartition, OffsetSpec> latest =
        consumer.assignment().stream().collect(Collectors.toMap(p -> p, p -> OffsetSpec.latest()));
    Map<TopicPartition, Long> ends = new HashMap<>();
    admin.listOffsets(latest).all().get(30, TimeUnit.SECONDS).forEach((partition, end) -> ends.put(partition, end.offset()));
    return ends;
  }
}
