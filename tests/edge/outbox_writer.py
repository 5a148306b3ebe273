"""A process that writes events to an outbox and says each number once it is saved, until it is killed."""

import sys
from pathlib import Path

from edge.outbox import Outbox
from tests.edge.delivery_kit import SetClock, reading, scan


def main() -> None:
    clock = SetClock()
    outbox = Outbox(Path(sys.argv[1]), clock, node_name="pharmacy-1", telemetry_group_rows=7)
    for number in range(1, 1_000_000):
        outbox.append_telemetry(reading(number % 1000, clock))
        seq = outbox.append_event(scan(number, clock))
        sys.stdout.write(f"{seq} {number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
