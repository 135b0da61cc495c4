"""Turns a record's value into JSON, by its content-type header."""

import json
import os
from datetime import datetime, timezone

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer


class Values:
    def __init__(self):
        registry = os.environ.get("SCHEMA_REGISTRY_URL")
        # It remembers the schemas that it has met.
        self.avro = AvroDeserializer(SchemaRegistryClient({"url": registry})) if registry else None

    def decode(self, value, content_type):
        """Returns the value as JSON text, and decoded into a dict."""
        if content_type == "application/json":
            text = value.decode()  # kept byte for byte
        elif content_type == "application/avro" and self.avro:
            text = json_of(self.avro(value))
        elif content_type == "application/avro":
            raise ValueError("the value is Avro: set SCHEMA_REGISTRY_URL")
        else:
            raise ValueError(f"content-type {content_type!r} is not known to this program")
        return text, json.loads(text)


def json_of(value):
    """An Avro value as JSON text.

    A record's "extra" has, as JSON text, each member that has no field and each whose
    field can't give back its exact value.
    """
    if isinstance(value, dict):
        extra = value.get("extra", {})
        members = {name: json_of(inner) for name, inner in value.items() if name != "extra" and inner is not None}
        members.update(extra)
        return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(json_of(inner) for inner in value) + "]"
    if isinstance(value, datetime):
        at = value.astimezone(timezone.utc)
        fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
        return json.dumps(f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z")
    return json.dumps(value, ensure_ascii=False)
