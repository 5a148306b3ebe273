"""Runs many seeds, one after the other: `python -m tests.simulation.seeds FIRST COUNT` prints a summary as JSON."""

import gc
import json
import sys
import traceback
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.world import World, silence


@dataclass
class Summary:
    """What many seeds were together."""

    seeds: int = 0
    committed: int = 0
    stored: int = 0
    declared: int = 0
    steps: int = 0
    virtual_s: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    failed: dict[int, str] = field(default_factory=dict)
    """By seed: what did not hold."""


def run_seeds(first: int, count: int, world_class: type[World] = World, *, failures_max: int = 3) -> Summary:
    """Run `count` seeds from `first` on; stop after some that failed. Garbage is collected by hand: a tenth quicker."""
    silence()
    summary = Summary()
    gc.disable()
    for seed in range(first, first + count):
        if seed % 100 == 0:
            gc.collect()
        try:
            report = world_class(seed).run()
        except Exception as error:  # noqa: BLE001 - whatever shipped code raises here has failed the seed
            where = traceback.extract_tb(error.__traceback__)[-1]
            summary.failed[seed] = f"{type(error).__name__}: {error} ({where.filename}:{where.lineno})"
            if len(summary.failed) >= failures_max:
                break
            continue
        summary.seeds += 1
        summary.committed += report.committed
        summary.stored += report.stored
        summary.declared += report.declared
        summary.steps += report.steps
        summary.virtual_s += report.virtual_s
        summary.faults.update(report.faults)
    gc.enable()
    return summary


if __name__ == "__main__":
    sys.stdout.write(json.dumps(vars(run_seeds(int(sys.argv[1]), int(sys.argv[2])))) + "\n")
