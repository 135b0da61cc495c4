#!/usr/bin/env python3
"""Keeps a local SQLite table of the newest version of each company.

Reads the career-sites topic and writes one row for each company id. What has been
read is remembered in the table's own database, so a kill at any moment neither
loses nor repeats a record. The progress topic says up to when the table is complete.

Settings are in the environment, see README.md. --until-complete exits with 0 as
soon as the table is complete, for cron jobs and tests.
"""

import json
import os
import signal
import sys

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from table import Table
from values import Values

BROKERS = os.environ.get("KAFKA_BROKERS", "127.0.0.1:9092")
CAREER_SITES = os.environ.get("CAREER_SITES_TOPIC", "jobo.career-sites.v1")
PROGRESS = os.environ.get("PROGRESS_TOPIC", "jobo.career-sites.progress.v1")
TABLE = os.environ.get("TABLE", "companies.db")
GROUP = os.environ.get("GROUP_ID", "example-python")
BATCH = int(os.environ.get("BATCH_SIZE", "500"))

CAREER_SITE = "world.jobo.career-site.v1"


class Completion:
    """Knows from the progress topic up to when the table is complete.

    A progress record is committed in one transaction with rows, but the brokers
    make that visible partition by partition: it may be read before the rows are.
    So "done" counts once everything is read that was in the topics when it was seen.
    """

    def __init__(self, end_offsets):
        self.end_offsets = end_offsets
        self.waiting = {}  # feed -> (watermark, {(topic, partition): offset})
        self.reached = False

    def progress(self, value):
        record = json.loads(value)
        if record["v"] > 1:
            raise SystemExit(f"progress format {record['v']} is newer than this program, which reads 1")
        # A window is a part of a backfill, and says nothing about the whole.
        if record["phase"] == "done" and not record.get("window") and record.get("topic", CAREER_SITES) == CAREER_SITES:
            self.waiting[record["feed"]] = (record["watermark"], self.end_offsets())

    def check(self, positions, companies):
        for feed, (watermark, targets) in list(self.waiting.items()):
            if all(positions.get(tp, 0) >= offset for tp, offset in targets.items()):
                print(f"complete up to {watermark}: {companies()} companies (feed {feed})", flush=True)
                del self.waiting[feed]
                self.reached = True

    def done(self):
        return self.reached and not self.waiting


def partitions_of(consumer, topic):
    found = consumer.list_topics(topic, timeout=30).topics[topic]
    if found.error is not None:
        raise SystemExit(f"topic {topic}: {found.error.str()}")
    return sorted(found.partitions)


def end_offsets(admin, partitions):
    """The high watermark of each partition.

    Not the last stable offset that a read_committed reader gets by default: rows
    that belong to a progress record may stand behind that one for a moment longer.
    read_uncommitted is the default of this call.
    """
    latest = admin.list_offsets({tp: OffsetSpec.latest() for tp in partitions}, request_timeout=30)
    return {(tp.topic, tp.partition): future.result().offset for tp, future in latest.items()}


def headers_of(message):
    return {key: value.decode() for key, value in message.headers() or [] if value is not None}


def apply(message, table, values):
    """Writes one record of the career-sites topic to the table."""
    headers = headers_of(message)
    kind = headers.get("ce_type", CAREER_SITE)
    if kind != CAREER_SITE:
        return  # later versions of the contract may add types: not ours
    company = message.key().decode()
    if message.value() is None:
        table.delete(company, message.offset())  # a tombstone
        return
    try:
        text, row = values.decode(message.value(), headers.get("content-type", "application/json"))
    except Exception as err:
        where = f"{message.topic()}/{message.partition()} offset {message.offset()}"
        raise SystemExit(f"company {company} at {where}: {err}") from err
    table.upsert(
        company, row, text, headers.get("ce_id"), headers.get("ce_time"), message.partition(), message.offset()
    )


def take(messages, table, values, completion):
    """Applies what was polled and where that ends, in one transaction.

    Returns the new positions, {(topic, partition): next offset}.
    """
    moved = {}
    with table.transaction():
        for message in messages:
            place = (message.topic(), message.partition())
            if message.error():
                # At the end of a partition this is how librdkafka says how far it has
                # read, the markers of transactions included, which no message shows.
                if message.error().code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(message.error())
                moved[place] = message.offset()
                continue
            moved[place] = message.offset() + 1
            if message.topic() == CAREER_SITES:
                apply(message, table, values)
            elif message.value() is not None:
                completion.progress(message.value())
        # The progress topic is small, and read from its beginning at each start.
        table.move({place: offset for place, offset in moved.items() if place[0] == CAREER_SITES})
    return moved


def main():
    stopping = []
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, lambda number, frame: stopping.append(number))

    consumer = Consumer({
        "bootstrap.servers": BROKERS,
        "group.id": GROUP,
        "isolation.level": "read_committed",  # rows of aborted pages stay out
        "enable.auto.commit": False,
        # An offset that the topic does not have means that it is another topic.
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
        "enable.metrics.push": False,
    })
    table = Table(TABLE)
    positions = table.positions(CAREER_SITES)
    print(f"{TABLE}: {table.count()} companies, read up to {sorted(positions.values())}", flush=True)

    # Assigned, not subscribed: this table holds all partitions, whoever else reads.
    assigned = [
        TopicPartition(topic, p, positions.get((topic, p), OFFSET_BEGINNING))
        for topic in (CAREER_SITES, PROGRESS)
        for p in partitions_of(consumer, topic)
    ]
    consumer.assign(assigned)
    admin = AdminClient({"bootstrap.servers": BROKERS, "enable.metrics.push": False})
    completion = Completion(lambda: end_offsets(admin, [TopicPartition(tp.topic, tp.partition) for tp in assigned]))
    values = Values()

    while not stopping and not (completion.done() and "--until-complete" in sys.argv[1:]):
        moved = take(consumer.consume(BATCH, timeout=1.0), table, values, completion)
        positions.update(moved)
        report_lag(consumer, moved)
        completion.check(positions, table.count)
    consumer.close()
    table.close()


def report_lag(consumer, moved):
    """Commits to Kafka what the table has, for those who watch the group's lag.

    Nothing is ever resumed from it, so a commit that fails is no harm.
    """
    offsets = [TopicPartition(topic, p, offset) for (topic, p), offset in moved.items() if topic == CAREER_SITES]
    if offsets:
        consumer.commit(offsets=offsets, asynchronous=True)


if __name__ == "__main__":
    main()
