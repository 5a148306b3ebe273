"""The MQTT broker's own process: `python -m medtap.services.broker_process CONFIG.toml`."""

import logging
import sys


def main() -> None:
    """Run rumqttd (from the iotcore wheel) with the given configuration until killed; it has no other end."""
    from iotcore import Broker  # noqa: PLC0415 - only the demo extra has it

    logging.basicConfig(level=logging.WARNING)
    # rumqttd opens an error-level span for each packet; its log would be one line a message.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    Broker(config_path=sys.argv[1]).run_forever()


if __name__ == "__main__":
    main()
