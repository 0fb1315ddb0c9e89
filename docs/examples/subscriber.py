"""Prints every generated email as it comes: `python subscriber.py BROKER:PORT [PREFIX]`; pip install kafka-python."""

import json
import sys

from kafka import KafkaConsumer

broker, prefix = sys.argv[1], (sys.argv[2:] or [""])[0]
consumer = KafkaConsumer(
    f"{prefix}marketing.emails.v1",
    bootstrap_servers=broker,
    group_id=f"{prefix}my-marketing-tool",  # of your own: it goes on where it stood
    auto_offset_reset="earliest",
    enable_auto_commit=False,
)
for message in consumer:
    event = json.loads(message.value)
    if event["type"] == "com.tastegraph.email.generated.v1":  # the other type says why somebody gets none
        print(event["data"]["user_id"], event["data"]["subject"], flush=True)  # hand it to your mail server here
    consumer.commit()
