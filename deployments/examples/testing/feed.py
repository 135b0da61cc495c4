"""What deployments/examples/check needs of Kafka and of the simulated feed.

  feed.py wait TOPIC...             until the topics exist
  feed.py reach TABLE COUNT         until TABLE has so many companies; prints how many
  feed.py disturb                   writes what a consumer has to see through
  feed.py compare FEED TABLE        exits with 1 where TABLE is not what the feed has
  feed.py lag GROUP                 exits with 1 where GROUP lags behind

Brokers and the career-sites topic come from the examples' own settings.
"""

import contextlib
import http.client
import json
import os
import sqlite3
import sys
import time
import urllib.parse

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

BROKERS = os.environ["KAFKA_BROKERS"]
TOPIC = os.environ.get("CAREER_SITES_TOPIC", "jobo.career-sites.v1")
QUIET = {"bootstrap.servers": BROKERS, "enable.metrics.push": False, "log_level": 4}
AVRO = os.environ.get("VALUE_FORMAT") == "avro"
CAREER_SITE = "world.jobo.career-site.v1"


def wait(topics):
    """Waits a minute at most."""
    admin = AdminClient(QUIET)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = admin.list_topics(timeout=10).topics
        if all(topic in found and found[topic].partitions for topic in topics):
            return
        time.sleep(0.1)
    raise SystemExit(f"after a minute there is no topic {' or no '.join(topics)}")


def reach(path, count):
    """Waits a minute at most."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        # The table may not be there yet.
        with contextlib.suppress(sqlite3.OperationalError), opened(path) as table:
            found = table.execute("SELECT count(*) FROM companies").fetchone()[0]
            if found >= int(count):
                print(found)
                return
        time.sleep(0.01)
    raise SystemExit(f"after a minute {path} does not have {count} companies")


def opened(path):
    return contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True))


def disturb():
    """Writes records that must leave no trace in a table.

    Of a company that the feed has: an aborted version, and a record of a type that
    is not known. Of two that it has not: a version and its tombstone, one with the
    headers of an event and one without. The aborted transaction comes last, so that
    each partition ends with its marker.
    """
    company, partition, partitions = a_company()
    wrong = json.dumps({"id": company, "name": "never committed", "ats": "none", "updated_at": "2030-01-01T00:00:00Z"}).encode()
    producer = Producer({**QUIET, "transactional.id": f"examples-check-{os.getpid()}"})
    producer.init_transactions(60)

    producer.begin_transaction()
    producer.produce(TOPIC, wrong, company, partition, headers=event("world.jobo.something-new.v9", company))
    for number, headers in enumerate((event(CAREER_SITE, "gone-0"), []), start=0):
        gone = f"gone-{number}"
        producer.produce(TOPIC, wrong.replace(company.encode(), gone.encode()), gone, partition, headers=event(CAREER_SITE, gone))
        producer.produce(TOPIC, None, gone, partition, headers=headers)
    producer.commit_transaction(60)

    producer.begin_transaction()
    for each in range(partitions):
        producer.produce(TOPIC, wrong, company, each, headers=event(CAREER_SITE, company))
        producer.produce(TOPIC, None, company, each, headers=event(CAREER_SITE, company))
    producer.flush(60)  # so that there is something on the brokers to abort
    producer.abort_transaction(60)


def event(kind, company):
    """The headers of a record, which is JSON whatever the topic has otherwise."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", kind.encode()),
        ("ce_id", f"{company}@2030-01-01T00:00:00Z".encode()),
        ("ce_time", b"2030-01-01T00:00:00Z"),
        ("content-type", b"application/json"),
    ]


def a_company():
    """The key and the partition of a record of the topic, and how many partitions it has."""
    consumer = Consumer({**QUIET, "group.id": "examples-check", "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    deadline = time.monotonic() + 60
    message = None
    while time.monotonic() < deadline and (message is None or message.error() or message.value() is None):
        message = consumer.poll(1)
    if message is None or message.error():
        raise SystemExit(f"nothing could be read from {TOPIC}")
    partitions = len(consumer.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions)
    consumer.close()
    return message.key().decode(), message.partition(), partitions


def compare(feed, path):
    """As many companies as the feed has, and each of them in the feed's newest version.

    The feed gives the exact bytes of a row, so JSON is compared byte for byte. Avro keeps
    what a row says, and not how: members that are null are missing there.
    """
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(feed).netloc, timeout=30)

    def get(resource):
        connection.request("GET", "/admin/rows" + resource)
        answer = connection.getresponse()
        body = answer.read()
        return body.decode() if answer.status == 200 else None

    wrong = []
    with opened(path) as table:
        rows = table.execute("SELECT id, name, ats, updated_at, event_id, event_time, value FROM companies").fetchall()
    for company, name, ats, updated_at, event_id, event_time, value in rows:
        truth = get(f"/{company}")
        if truth is None:
            wrong.append(f"{company}: the feed does not have it")
            continue
        row = json.loads(truth)
        if value != truth and not (AVRO and said(value) == said(truth)):
            wrong.append(f"{company}: got  {value}\n{company}: want {truth}")
        elif (name, ats, updated_at) != (row["name"], row["ats"], row["updated_at"]):
            wrong.append(f"{company}: columns {(name, ats, updated_at)} are not those of {truth}")
        elif event_id != f"{company}@{updated_at}" or event_time is None:
            wrong.append(f"{company}: event {event_id} of {event_time}, and not of {updated_at}")
    due = json.loads(get(""))["rows"]
    if len(rows) != due:
        wrong.append(f"{len(rows)} companies in {path}, and {due} in the feed")
    for line in wrong[:10]:
        print(line, file=sys.stderr)
    if wrong:
        raise SystemExit(f"{path}: {len(wrong)} differences")
    print(len(rows))


def said(text):
    """What a JSON object says, its numbers as they are written."""
    members = json.loads(text, parse_float=str, parse_int=str)
    return {name: value for name, value in members.items() if value is not None}


def lag(group):
    """The examples commit to Kafka how far their tables are, for monitoring."""
    admin = AdminClient(QUIET)
    [answer] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
    committed = {(tp.topic, tp.partition): tp.offset for tp in answer.result(30).topic_partitions}
    partitions = admin.list_topics(TOPIC, timeout=10).topics[TOPIC].partitions
    ends = admin.list_offsets({TopicPartition(TOPIC, p): OffsetSpec.latest() for p in partitions})
    behind = {
        tp.partition: (committed.get((TOPIC, tp.partition)), end.result().offset)
        for tp, end in ends.items()
        if committed.get((TOPIC, tp.partition), -1) != end.result().offset
    }
    if behind:
        raise SystemExit(f"group {group}: committed and end of {TOPIC} differ, by partition: {behind}")


def main(command, *arguments):
    commands = {"reach": reach, "disturb": disturb, "compare": compare, "lag": lag}
    if command == "wait":
        wait(arguments)
    else:
        commands[command](*arguments)


if __name__ == "__main__":
    main(*sys.argv[1:])
