"""Reads a topic from its beginning and prints one JSON line a record.

usage: consumer.py BROKERS REGISTRY_URL TOPIC COUNT TIMEOUT_SECONDS
exits with 1 when fewer than COUNT records came in time
"""

import base64
import json
import sys
import time
import uuid

from confluent_kafka import (
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
)
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

TIMESTAMP_TYPES = {
    TIMESTAMP_CREATE_TIME: "CreateTime",
    TIMESTAMP_LOG_APPEND_TIME: "LogAppendTime",
}


def readable(value):
    if isinstance(value, (bytes, bytearray)):
        return {"base64": base64.b64encode(value).decode()}
    return str(value)


def row(message, deserialize):
    raw = message.value()
    framed = raw is not None and len(raw) > 5 and raw[0] == 0
    kind, timestamp = message.timestamp()
    context = SerializationContext(message.topic(), MessageField.VALUE)
    key = message.key()
    return {
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": timestamp,
        "timestampType": TIMESTAMP_TYPES.get(kind, "none"),
        "key": None if key is None else key.decode("utf-8", "replace"),
        "headers": {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or []},
        "schemaId": int.from_bytes(raw[1:5], "big") if framed else None,
        "value": None if raw is None else deserialize(raw, context),
    }


def main(brokers, registry_url, topic, count, timeout_seconds):
    deserialize = AvroDeserializer(SchemaRegistryClient({"url": registry_url}))
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"consumer-py-{uuid.uuid4()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    deadline = time.monotonic() + float(timeout_seconds)
    seen = 0
    try:
        while seen < int(count) and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is None:
                continue
            if message.error():
                raise RuntimeError(str(message.error()))
            print(json.dumps(row(message, deserialize), default=readable), flush=True)
            seen += 1
    finally:
        consumer.close()
    if seen < int(count):
        sys.exit(f"{topic}: {seen} of {count} records came within {timeout_seconds} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
