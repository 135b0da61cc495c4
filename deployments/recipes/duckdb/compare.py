"""Exits with 1 where a Parquet file is not what the feed is: compare.py FILE."""

import pathlib
import sys

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "testing"))
import feed

names = feed.columns()
columns = [f"epoch_us({name})" if name in feed.INSTANTS else name for name in names]
rows = duckdb.connect().execute(f"SELECT {', '.join(columns)} FROM read_parquet(?)", [sys.argv[1]]).fetchall()
got = {row[names.index("id")]: dict(zip(names, row)) for row in rows}
if len(got) != len(rows):
    raise SystemExit(f"{len(rows)} rows of {len(got)} companies")
feed.compare(got, feed.rows(), names)
