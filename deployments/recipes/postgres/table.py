"""What the check of this recipe asks of Postgres and writes to Kafka.

  table.py compare        exits with 1 where the table is not what the feed is
  table.py bury COUNT     publishes tombstones for COUNT companies
  table.py evolve         registers a schema with a field headcount, and publishes a company in it
  table.py evolved        exits with 1 where the table does not have it
"""

import io
import json
import os
import pathlib
import struct
import subprocess
import sys
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "testing"))
import feed

from confluent_kafka import Producer
from fastavro import parse_schema, schemaless_reader, schemaless_writer

TOPIC = os.environ["CAREER_SITES_TOPIC"]
REGISTRY = os.environ["SCHEMA_REGISTRY_URL"]
FIELD = {"name": "headcount", "type": ["null", "int"], "default": None}


def select(query):
    """The rows of a query, each a dict."""
    command = ["psql", "--quiet", "--tuples-only", "--no-align", "--command", f"SELECT row_to_json(t) FROM ({query}) t"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise SystemExit(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def compare():
    got = {row["id"]: row for row in select("SELECT * FROM career_sites")}
    feed.compare(got, feed.rows(), feed.columns())


def publish(records):
    producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKERS"]})
    for key, value in records:
        producer.produce(TOPIC, value, key, partition=partition_of(key))
    if producer.flush(60):
        raise SystemExit("the records were not published")


def partition_of(key):
    """Where the records of a company are: not every client deals keys alike."""
    return places()[key][0]


def places():
    """The partition and the newest value of each company."""
    if not found:
        feed.read(lambda message: found.update({message.key().decode(): (message.partition(), message.value())}))
    return found


found = {}


def bury(count):
    publish([(company, None) for company in sorted(places())[: int(count)]])


def call(method, path, body=None):
    request = urllib.request.Request(REGISTRY + path, method=method, data=body and json.dumps(body).encode())
    request.add_header("Content-Type", "application/vnd.schemaregistry.v1+json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def evolve():
    subject = f"/subjects/{TOPIC}-value/versions"
    old = json.loads(call("GET", subject + "/latest")["schema"])
    new = {**old, "fields": [*old["fields"], FIELD]}
    number = call("POST", subject, {"schema": json.dumps(new)})["id"]
    company, (_, value) = next((company, place) for company, place in sorted(places().items()) if place[1])
    row = schemaless_reader(io.BytesIO(value[5:]), parse_schema(old), parse_schema(new))
    out = io.BytesIO()
    schemaless_writer(out, parse_schema(new), {**row, "headcount": 7})
    publish([(company, struct.pack(">bI", 0, number) + out.getvalue())])


def evolved():
    if [row["headcount"] for row in select("SELECT headcount FROM career_sites WHERE headcount IS NOT NULL")] != [7]:
        raise SystemExit("there is no headcount")


if __name__ == "__main__":
    {"compare": compare, "bury": bury, "evolve": evolve, "evolved": evolved}[sys.argv[1]](*sys.argv[2:])
