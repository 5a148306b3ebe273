"""The textbook script of a peer: paho subscribes, each message is an INSERT and a COMMIT through psycopg.

A process of its own: `python -m medtap.bench.peers.paho_script HOST PORT TOPIC_ROOT`, with the DSN in `PEER_DSN`. It is
written as the libraries' introductions write it: a new session, the callback does the work, paho acknowledges to the
broker when the callback returns (so, by luck of the form, after COMMIT).
"""

import json
import os
import sys
from typing import Final

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

_INSERT: Final = "INSERT INTO peer_reading (device, occurred_at, temperature_celsius) VALUES (%s, %s, %s)"


def main() -> None:
    """Run until ended from outside."""
    host, port, topic_root = sys.argv[1:]
    with psycopg.connect(os.environ["PEER_DSN"]) as connection:

        def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
            row = json.loads(message.payload)
            node = message.topic.rpartition("/")[2]
            connection.execute(_INSERT, (f"{node}/{row['device_id']}", row["occurred_at"], row["temperature_celsius"]))
            connection.commit()

        client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.on_connect = lambda client, *_: client.subscribe(f"{topic_root}/#", qos=1)
        client.on_message = on_message
        client.connect(host, int(port))
        client.loop_forever()


if __name__ == "__main__":
    main()
