"""Turns a record's value into JSON, by its content-type header."""

import json


class Values:
    def decode(self, value, content_type):
        """Returns the value as JSON text, and decoded into a dict."""
        if content_type == "application/json":
            text = value.decode()  # kept byte for byte
            return text, json.loads(text)
        raise ValueError(f"content-type {content_type!r} is not known to this program")
