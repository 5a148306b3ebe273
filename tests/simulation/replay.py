"""Replays one seed with everything that happens in it: `python -m tests.simulation.replay SEED`."""

import sys
import traceback

from tests.simulation.oracle import BrokenPromiseError
from tests.simulation.world import World, silence


def replay(seed: int, world_class: type[World] = World) -> int:
    """Print what happens; 0 if all promises held, else 1."""
    silence()
    world = world_class(seed, trace=True)
    try:
        report = world.run()
    except BrokenPromiseError as error:
        sys.stdout.write("\n".join(world.trace.lines))
        sys.stdout.write(f"\n\nseed {seed}: BROKEN PROMISE: {error}\n")
        return 1
    except Exception:  # noqa: BLE001 - whatever shipped code raises here has failed the seed, as in `seeds`
        sys.stdout.write("\n".join(world.trace.lines))
        sys.stdout.write(f"\n\nseed {seed}: {traceback.format_exc()}\n")
        return 1
    sys.stdout.write("\n".join(report.trace))
    sys.stdout.write(
        f"\n\nseed {seed}: {report.committed} rows committed, {report.stored} stored, {report.declared} declared lost,"
        f" {report.steps} steps, {report.virtual_s:.0f} virtual seconds\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(replay(int(sys.argv[1])))
