"""Writes the career-sites topic to a Parquet file: a row for each company, at its newest version.

  career_sites.py FILE        KAFKA_BROKERS and CAREER_SITES_TOPIC say where it is

It reads the topic from its beginning to where it ends now, and writes FILE anew: whoever
reads FILE meanwhile has the whole old one. Run it as often as you want a newer file.
The values have to be JSON (VALUE_FORMAT=json, which is the default).
"""

import os
import sys

import duckdb
from confluent_kafka import Consumer, KafkaError, TopicPartition

TOPIC = os.environ.get("CAREER_SITES_TOPIC", "jobo.career-sites.v1")
SETTINGS = {
    "bootstrap.servers": os.environ.get("KAFKA_BROKERS", "localhost:9092"),
    "group.id": "career-sites-parquet",  # which a client has to have; it joins none
    "enable.auto.commit": False,
    "isolation.level": "read_committed",  # the topic is written in transactions
    "enable.partition.eof": True,
}
# Members that are not named here stand in value, which has all of them.
COLUMNS = """
    SELECT id, site.* EXCLUDE (id, discovered_at, updated_at),
           site.discovered_at::TIMESTAMPTZ AS discovered_at, site.updated_at::TIMESTAMPTZ AS updated_at, value
    FROM (SELECT id, value, from_json(value, '{
        "id": "VARCHAR", "name": "VARCHAR", "website": "VARCHAR", "logo_url": "VARCHAR", "summary": "VARCHAR",
        "industries": ["VARCHAR"], "categories": ["VARCHAR"], "linkedin_url": "VARCHAR", "crunchbase_url": "VARCHAR",
        "ats": "VARCHAR", "listing_url": "VARCHAR", "discovered_at": "VARCHAR", "updated_at": "VARCHAR",
        "details_url": "VARCHAR"}') AS site FROM newest)
    ORDER BY id
"""


def newest():
    """The newest value of each company: the last one of its key."""
    values = {}
    consumer = Consumer(SETTINGS)
    try:
        unread = set(consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions)
        if not unread:
            raise SystemExit(f"there is no topic {TOPIC} at {SETTINGS['bootstrap.servers']}: set CAREER_SITES_TOPIC")
        consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in unread])
        while unread:
            message = consumer.poll(60)
            if message is None:
                raise SystemExit(f"{TOPIC}: no answer for a minute from {SETTINGS['bootstrap.servers']}")
            if (error := message.error()) is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise SystemExit(f"{TOPIC}: {error.str()}")
                unread.discard(message.partition())
            elif message.value() is None:
                values.pop(message.key(), None)
            else:
                values[message.key()] = message.value()
    finally:
        consumer.close()
    return [(key.decode(), value.decode()) for key, value in values.items()]


def main(path):
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute("CREATE TABLE newest (id VARCHAR PRIMARY KEY, value JSON)")
    rows = newest()
    for first in range(0, len(rows), 10_000):
        ids, values = zip(*rows[first : first + 10_000])
        database.execute("INSERT INTO newest SELECT unnest(?), unnest(?)", [list(ids), list(values)])
    database.execute(f"COPY ({COLUMNS}) TO '{path}.part' (FORMAT parquet, COMPRESSION zstd)")
    os.replace(f"{path}.part", path)
    print(f"{len(rows)} companies in {path}")


if __name__ == "__main__":
    if len(sys.argv) != 2 or "'" in sys.argv[1]:
        raise SystemExit(__doc__)
    main(sys.argv[1])
