"""What the same machine does without medtap: a durable commit, and a message through the broker."""

import threading
import time
from typing import Final

import paho.mqtt.client as mqtt
import psycopg
from paho.mqtt.enums import CallbackAPIVersion

_TOPIC: Final = "medtap-bench/echo"


def commit_times_s(dsn: str, commits: int) -> list[float]:
    """Seconds of each of `commits` one-row transactions into a table of its own, one after the other."""
    times: list[float] = []
    with psycopg.connect(dsn) as connection:
        connection.execute("CREATE TABLE bench_commit (a bigint, b text)")
        connection.commit()
        for number in range(commits):
            began = time.perf_counter()
            connection.execute("INSERT INTO bench_commit VALUES (%s, %s)", (number, "x" * 200))
            connection.commit()
            times.append(time.perf_counter() - began)
        connection.execute("DROP TABLE bench_commit")
    return times


def broker_echo_times_s(host: str, port: int, messages: int) -> list[float]:
    """Seconds from publish (QoS 1) to receipt by another client, one message at a time."""
    arrived = threading.Event()
    subscribed = threading.Event()
    receiver = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    receiver.on_message = lambda *_: arrived.set()
    receiver.on_subscribe = lambda *_: subscribed.set()
    sender = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    times: list[float] = []
    try:
        receiver.connect(host, port)
        receiver.subscribe(_TOPIC, qos=1)
        receiver.loop_start()
        sender.connect(host, port)
        sender.loop_start()
        subscribed.wait(5)
        for _ in range(messages):
            arrived.clear()
            began = time.perf_counter()
            sender.publish(_TOPIC, b"x" * 600, qos=1)
            if arrived.wait(2):
                times.append(time.perf_counter() - began)
    finally:
        for client in (receiver, sender):
            client.disconnect()
            client.loop_stop()
    return times
