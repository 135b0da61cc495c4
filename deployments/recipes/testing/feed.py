"""What the checks of the recipes share: the rows of the simulated feed."""

import datetime
import http.client
import json
import os
import sys
import urllib.parse

from confluent_kafka import Consumer, TopicPartition

INSTANTS = {"discovered_at", "updated_at"}


def rows():
    """The newest row of every company of the feed, by its id, but for those with a tombstone."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(os.environ["JOBO_BASE_URL"]).netloc, timeout=60)

    def get(resource):
        connection.request("GET", resource)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{resource}: {answer.status} {body[:200]!r}")
        return body.decode()

    there, gone = ids()
    if len(there | gone) != (due := json.loads(get("/admin/rows"))["rows"]):
        raise SystemExit(f"{len(there | gone)} companies on the topic, and {due} in the feed")
    return {company: json.loads(get(f"/admin/rows/{company}")) for company in there}


def ids():
    """The companies that the career-sites topic names, and those with a tombstone."""
    there, gone = set(), set()

    def note(message):
        to, out_of = (there, gone) if message.value() is not None else (gone, there)
        to.add(message.key().decode())
        out_of.discard(message.key().decode())

    read(note)
    return there, gone


def read(each):
    """Calls each for every record of the career-sites topic."""
    topic = os.environ["CAREER_SITES_TOPIC"]
    settings = {"bootstrap.servers": os.environ["KAFKA_BROKERS"], "group.id": "recipes-check"}
    consumer = Consumer({**settings, "enable.auto.commit": False, "enable.partition.eof": True})
    unread = set(consumer.list_topics(topic, timeout=30).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, partition, 0) for partition in unread])
    while unread:
        message = consumer.poll(30)
        if message is None:
            raise SystemExit(f"{topic}: nothing came for 30 s")
        if message.error():
            unread.discard(message.partition())
        else:
            each(message)
    consumer.close()


def micros(text):
    """Microseconds since 1970 of an RFC 3339 time, which is UTC where it does not say."""
    if text is None:
        return None
    at = datetime.datetime.fromisoformat(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.timezone.utc)
    return (at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def compare(got, want, columns, instant=micros):
    """Compares rows by id, column by column, and ends the process where any differs.

    instant makes of a time what the store has.
    """
    wrong = [f"{company}: not there" for company in want.keys() - got.keys()]
    wrong += [f"{company}: nobody sent it" for company in got.keys() - want.keys()]
    for company in want.keys() & got.keys():
        for column in columns:
            value = want[company].get(column)
            if column in INSTANTS:
                value = instant(value)
            if got[company].get(column) != value:
                wrong.append(f"{company}: {column}: got {got[company].get(column)!r}, want {value!r}")
    for line in sorted(wrong)[:10]:
        print(line, file=sys.stderr)
    if wrong:
        raise SystemExit(f"{len(wrong)} differences")
    if not want:
        raise SystemExit("there is nothing to compare")
    print(len(want))


def columns():
    """The members of a career site."""
    with open(os.path.join(os.path.dirname(__file__), "../../../schemas/avro/career-site.avsc"), encoding="utf-8") as schema:
        return [field["name"] for field in json.load(schema)["fields"] if field["name"] != "extra"]
