"""`medtap bench`: speed and memory, measured here and now beside the raw limit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from medtap.cli.output import fail, print_json, say

app = typer.Typer(no_args_is_help=True, help="Benchmarks; each starts what it needs and cleans up.")


@app.callback()
def bench() -> None:
    """Benchmarks; each starts what it needs and cleans up."""


def _tell(measure: Callable[[], Mapping[str, Any]], *, as_json: bool) -> None:
    """Measure, then say the figures; a service that did not come up is told in one line."""
    from medtap.services.errors import ServiceError

    try:
        figures = measure()
    except ServiceError as error:
        fail(str(error))
    if as_json:
        print_json(figures)
        return
    for name, value in figures.items():
        say(f"{name}: {value}")


@app.command()
def tap(
    taps: Annotated[int, typer.Option("--taps", min=5, help="How many cards are tapped.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the simulated hospital.")] = 1,
    dsn: Annotated[str | None, typer.Option(help="Use this (empty) database, not an embedded one.")] = None,
    broker: Annotated[str | None, typer.Option(help="Use this MQTT broker (host:port), not an embedded one.")] = None,
    fleet: Annotated[
        int,
        typer.Option("--fleet", min=0, max=200, help="So many edge nodes send ten readings a second each meanwhile."),
    ] = 0,
    series: Annotated[
        int, typer.Option("--series", min=0, help="Taps of each profile over each transport, besides; 0: none.")
    ] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """From the card's arrival at the reader to the row committed and the event out of the SSE endpoint."""
    from medtap.bench.tap import measure_taps

    _tell(
        lambda: measure_taps(taps=taps, seed=seed, dsn=dsn, broker=broker, fleet=fleet, series=series),
        as_json=as_json,
    )


@app.command()
def ingest(
    readings: Annotated[int, typer.Option("--readings", min=1000, help="How many readings, in full frames.")] = 400_000,
    messages: Annotated[int, typer.Option("--messages", min=100, help="How many messages of one reading.")] = 40_000,
    dsn: Annotated[str | None, typer.Option(help="Use this (empty) database, not an embedded one.")] = None,
    broker: Annotated[str | None, typer.Option(help="Use this MQTT broker (host:port), not an embedded one.")] = None,
    overload_s: Annotated[
        int, typer.Option("--overload-s", min=0, help="Then offer five times what the database takes, so long.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Readings and messages a second from outbox frames to committed and acknowledged, beside plain binary COPY."""
    from medtap.bench.ingest import IngestOptions, measure_ingest

    _tell(lambda: measure_ingest(IngestOptions(readings, messages, dsn, broker, overload_s)), as_json=as_json)


@app.command()
def alarm(
    alarms: Annotated[int, typer.Option("--alarms", min=5, help="How many fridges become too warm.")] = 60,
    sensors_per_minute: Annotated[
        int, typer.Option("--sensors-per-minute", min=0, help="Readings a minute of other sensors meanwhile.")
    ] = 200_000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """From the reading that matures a condition to the page in the channel's hands, under load."""
    from medtap.bench.alarm import AlarmOptions, measure_alarms

    _tell(lambda: measure_alarms(AlarmOptions(alarms, sensors_per_minute)), as_json=as_json)


@app.command()
def query(
    sensors: Annotated[int, typer.Option(min=1, help="How many thermometers.")] = 1000,
    days: Annotated[
        int, typer.Option(min=1, help="Days of five-minute data of each; 1000 x 365 are 105 M rows.")
    ] = 365,
    runs: Annotated[int, typer.Option(min=5, help="How often each query is timed.")] = 200,
    seed: Annotated[int, typer.Option(help="Draws which sensor and which span is asked for.")] = 1,
    dsn: Annotated[
        str | None, typer.Option(help="Use this database (empty, or filled by an earlier run), not an embedded one.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep the filled database in this directory; a later run begins with it.")
    ] = None,
    stock: Annotated[bool, typer.Option("--stock", help="The warehouse's pages and API reads instead.")] = False,
    movements: Annotated[
        int, typer.Option("--movements", min=1000, help="With --stock: two years of so many movements (11 GB at most).")
    ] = 5_000_000,
    only: Annotated[str, typer.Option("--only", help="With --stock: only reads whose name holds this text.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """The pages' queries on a year of five-minute data (the full size takes 16 GB of disk and many minutes).

    With --stock: every page and API read of the warehouse, and the acts that a pharmacist waits for, on 5 million
    movements of 1,500 products, proven first. Which reads these are the application itself says.
    """
    from medtap.bench.query import measure_queries
    from medtap.bench.stock import StockOptions, measure_stock

    def progress(line: str) -> None:
        typer.echo(line, err=True)

    if stock:
        options = StockOptions(movements, runs, seed, dsn, keep, only)
        _tell(lambda: measure_stock(options, progress), as_json=as_json)
        return
    _tell(
        lambda: measure_queries(sensors=sensors, days=days, runs=runs, seed=seed, dsn=dsn, say=progress, keep=keep),
        as_json=as_json,
    )


@app.command()
def people(
    patients: Annotated[int, typer.Option("--patients", min=100, help="How many are registered.")] = 200_000,
    searches: Annotated[int, typer.Option("--searches", min=5, help="How often each is asked for.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of names and numbers.")] = 1,
    dsn: Annotated[str | None, typer.Option(help="Use this (empty) database, not an embedded one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Sealed patients: how fast they are registered, read and found by number and by name."""
    from medtap.bench.people import measure_people

    def progress(line: str) -> None:
        typer.echo(line, err=True)

    _tell(
        lambda: measure_people(patients=patients, searches=searches, seed=seed, dsn=dsn, say=progress), as_json=as_json
    )


@app.command()
def peers(
    messages: Annotated[int, typer.Option("--messages", min=100, help="How many messages of one reading.")] = 20_000,
    node_red: Annotated[
        Path | None, typer.Option(help="Directory with node_modules/node-red and node_modules/pg; else from PATH.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """The same messages through medtap and through each peer that is installed (paho script, collectd, Node-RED)."""
    from medtap.bench.peers.comparison import PeerOptions, measure_peers

    _tell(lambda: measure_peers(PeerOptions(messages, node_red)), as_json=as_json)


@app.command()
def outbox(
    readings: Annotated[
        int, typer.Option("--readings", min=500, help="How many readings, for each group size.")
    ] = 50_000,
    events: Annotated[int, typer.Option("--events", min=10, help="How many events, each committed alone.")] = 5000,
    start_mb: Annotated[
        int, typer.Option("--start-mb", min=0, help="Size of the file of which a start is measured; 0: none.")
    ] = 1000,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="A directory on the disk to be measured; else the temporary one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """An edge node's outbox: rows a second, each durable, beside bare SQLite on the same disk."""
    from medtap.bench.outbox import OutboxOptions, measure_outbox

    figures = measure_outbox(OutboxOptions(readings, events, start_mb, directory))
    if as_json:
        print_json(figures)
        return
    for name, value in figures.items():
        say(f"{name}: {value}")


@app.command()
def count(
    tags: Annotated[int, typer.Option("--tags", min=100, help="How many tagged packs stand in the store.")] = 10_000,
    passes: Annotated[int, typer.Option("--passes", min=1, max=20, help="Looks at the store in each count.")] = 3,
    runs: Annotated[int, typer.Option("--runs", min=1, help="How many counts, one after the other.")] = 7,
    seed: Annotated[int, typer.Option(help="Draws which tags a pass misses.")] = 1,
    dsn: Annotated[str | None, typer.Option(help="Use this (empty) database, not an embedded one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """An RFID count: from the last read to the findings committed, beside the comparison alone and the raw SELECT."""
    from medtap.bench.count import CountOptions, measure_count

    _tell(lambda: measure_count(CountOptions(tags, passes, runs, seed, dsn)), as_json=as_json)
