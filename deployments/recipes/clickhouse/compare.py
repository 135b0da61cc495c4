"""Puts the topic into the tables, twice, and exits with 1 where career_sites is not what the feed is.

The queue is a table of the same columns that this fills: ClickHouse's Kafka engine does
not run in chDB. Of queue.sql the syntax is checked.
"""

import json
import pathlib
import sys

from chdb import session

here = pathlib.Path(__file__).parent
sys.path.insert(0, str(here.parent / "testing"))
import feed

records = []
feed.read(lambda message: records.append((message.key().decode(), message.value().decode(), message.offset())))
clickhouse = session.Session()
clickhouse.query("EXPLAIN AST " + (here / "queue.sql").read_text())
clickhouse.query("CREATE DATABASE check_ ENGINE = Atomic")
clickhouse.query("USE check_")
clickhouse.query("CREATE TABLE career_sites_queue (value String, _key String, _offset UInt64) ENGINE = Null")
for statement in (here / "tables.sql").read_text().split(";\n"):
    if statement.strip():
        clickhouse.query(statement)
lines = [json.dumps({"_key": key, "value": value, "_offset": offset}) for key, value, offset in records]
for order in (lines, lines[::-1]):
    clickhouse.query("INSERT INTO career_sites_queue FORMAT JSONEachRow\n" + "\n".join(order))

names = feed.columns()
columns = [f"toUnixTimestamp64Micro({name}) AS {name}" if name in feed.INSTANTS else name for name in names]
answer = clickhouse.query(f"SELECT {', '.join(columns)} FROM career_sites SETTINGS output_format_json_quote_64bit_integers = 0", "JSONEachRow")
rows = [json.loads(line) for line in str(answer).splitlines()]
got = {row["id"]: row for row in rows}
if len(got) != len(rows):
    raise SystemExit(f"{len(rows)} rows of {len(got)} companies")
want = feed.rows()
for row in want.values():  # an array is never null in ClickHouse
    for name in ("industries", "categories"):
        row[name] = row.get(name) or []
feed.compare(got, want, names)
