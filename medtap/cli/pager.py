"""`medtap pager`: who is on call, how the channels are, drills, tests, and the watcher on another machine."""

import logging
import secrets
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from medtap.cli.output import fail, print_json, say
from medtap.cli.stop_signal import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from gateway.config import GatewayConfig

app = typer.Typer(no_args_is_help=True, help="Who is woken, by which way, and whether that works.")
schedule_app = typer.Typer(no_args_is_help=True, help="The on-call schedule.")
app.add_typer(schedule_app, name="schedule")

ConfigFile = Annotated[Path, typer.Argument(help="The gateway's TOML file.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]
_POLL_S: Final = 0.5


@contextmanager
def _database(config_file: Path) -> "Iterator[tuple[GatewayConfig, psycopg.Connection[Any]]]":
    """The configuration and its database; what is wrong is told in one line."""
    import psycopg

    from gateway.config import load
    from gateway.errors import GatewayError

    try:
        config = load(config_file)
        with psycopg.connect(config.dsn, autocommit=True) as connection:
            yield config, connection
    except GatewayError as error:
        fail(str(error), 2)
    except psycopg.OperationalError as error:
        fail(f"the database can't be reached: {error}; is PostgreSQL running, and is 'dsn' in {config_file} right?", 2)


@app.command()
def status(config_file: ConfigFile, as_json: AsJson = False) -> None:
    """How each channel is, what waits, what is being paged now. Exit code 1 if a channel is dead."""
    from gateway.pager.health import channel_states

    with _database(config_file) as (config, connection):
        states = channel_states(connection)
        row = connection.execute(
            "SELECT (SELECT count(*) FROM page WHERE delivered_at IS NULL AND withdrawn_at IS NULL),"
            " (SELECT count(*) FROM pager_run WHERE ended_at IS NULL)"
        ).fetchone()
    waiting, runs = row if row is not None else (0, 0)
    names = ["log", *(["webhook"] if config.webhook_url else []), *(each.name for each in config.pager.channel)]
    names += [config.pager.relay.name] if config.pager.relay else []
    channels = {name: states[name].state if name in states else "unknown" for name in names}
    if as_json:
        errors = {name: states[name].last_error for name in names if name in states and states[name].last_error}
        print_json({"channels": channels, "last_errors": errors, "waiting": waiting, "being_paged": runs})
    else:
        for name, state in channels.items():
            error = f"  {states[name].last_error}" if state in {"failing", "dead"} else ""
            say(f"{name}: {state}{error}")
        say(f"{waiting} messages wait, {runs} incidents are being paged")
    if "dead" in channels.values():
        raise typer.Exit(1)


@app.command()
def who(config_file: ConfigFile, as_json: AsJson = False) -> None:
    """Who is on call now. Exit code 1 in a hole of the schedule."""
    from gateway.pager.week import read_schedule

    now = datetime.now(UTC)
    with _database(config_file) as (config, connection):
        schedule = read_schedule(connection, config.pager, config.zone, now, since=now)
    rows = [
        {
            "level": each.level,
            "username": each.person.username if each.person else None,
            "display_name": each.person.display_name if each.person else None,
            "phones": list(each.person.phones) if each.person else [],
            "until": each.until,
        }
        for each in schedule.now
    ]
    if as_json:
        print_json({"on_call": rows})
    else:
        for row in rows:
            until = f" until {row['until']:%Y-%m-%d %H:%M}" if isinstance(row["until"], datetime) else ""
            say(f"level {row['level']}: {row['display_name'] or 'NOBODY'} {', '.join(row['phones'] or [])}{until}")  # type: ignore[arg-type]  # a list of texts
    if rows[0]["username"] is None:
        raise typer.Exit(1)


@schedule_app.command("show")
def show(
    config_file: ConfigFile,
    days: Annotated[int, typer.Option("--days", min=1, max=366, help="How many days from now.")] = 14,
    as_json: AsJson = False,
) -> None:
    """Every shift of the days to come. Exit code 1 if there is a hole at the first level."""
    from gateway.pager.rota import LEVELS
    from gateway.pager.week import read_schedule

    now = datetime.now(UTC)
    with _database(config_file) as (config, connection):
        schedule = read_schedule(connection, config.pager, config.zone, now, since=now)
    end = now + timedelta(days=days)
    shifts = [shift for level in LEVELS for shift in schedule.rota.shifts(level, now, end)]
    if as_json:
        fields = ("level", "starts_at", "ends_at", "username", "source", "why")
        print_json({"shifts": [{name: getattr(shift, name) for name in fields} for shift in shifts]})
    else:
        for shift in shifts:
            start, finish = (at.astimezone(config.zone) for at in (shift.starts_at, shift.ends_at))
            name = shift.username or f"HOLE ({shift.why})"
            say(f"level {shift.level}: {start:%Y-%m-%d %H:%M} - {finish:%Y-%m-%d %H:%M} {name}")
    if any(shift.username is None for shift in shifts if shift.level == 1):
        raise typer.Exit(1)


@app.command("contact")
def add_contact_command(
    config_file: ConfigFile,
    username: str,
    channel: Annotated[str, typer.Argument(help="A configured channel, or 'phone' for people to call.")],
    address: Annotated[str, typer.Argument(help="A number, a mailbox, a topic.")],
) -> None:
    """Add a way to reach somebody; the first one is tried first."""
    from gateway.pager.people import NewContact, add_contact

    with _database(config_file) as (config, connection), connection.transaction():
        channels = {each.name: each.kind for each in config.pager.channel if each.to_people}
        new = NewContact(username, channel, address)
        add_contact(connection, new, channels, config.pager.country_code, datetime.now(UTC))
    say(f"{username}: {channel} {address}")


@app.command("test")
def send_test(
    config_file: ConfigFile,
    channel: str,
    username: Annotated[str, typer.Option(help="Whose contacts on this channel get it.")] = "",
    timeout_s: Annotated[float, typer.Option(min=1, help="How long to wait for it to be taken.")] = 60.0,
    as_json: AsJson = False,
) -> None:
    """Send a test by a channel, through the running gateway. Exit code 1 if it was not taken in time."""
    from gateway.pager.trial import write_trial

    with _database(config_file) as (config, connection):
        people = {each.name for each in config.pager.channel if each.to_people}
        if channel in people and not username:
            fail(f"{channel} reaches people: say whose contacts with --username", 2)
        at = datetime.now(config.zone)
        with connection.transaction():
            written = write_trial(connection, channel, username or None, has_people=channel in people, at=at)
        if not written:
            fail(f"{username!r} has no contact on {channel}: add one with 'medtap pager contact'", 2)
        row = None
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            row = connection.execute(
                "SELECT bool_and(delivered_at IS NOT NULL), max(last_error), bool_and(receipt_at IS NOT NULL) FROM page"
                " WHERE kind = 'test' AND channel = %s AND created_at = %s",
                (channel, at),
            ).fetchone()
            if row is not None and row[0]:
                break
            time.sleep(_POLL_S)
    taken, error, arrived = row if row is not None else (False, "", False)
    if as_json:
        print_json({"channel": channel, "messages": written, "taken": taken, "arrived": arrived, "last_error": error})
    else:
        outcome = "taken" if taken else f"NOT taken: {error or 'is the gateway running?'}"
        say(f"{channel}: {written} messages, {outcome}")
    if not taken:
        raise typer.Exit(1)


@app.command()
def drill(
    config_file: ConfigFile,
    timeout_s: Annotated[float, typer.Option(min=1, help="How long to wait for its end.")] = 1000.0,
    as_json: AsJson = False,
) -> None:
    """Begin a drill on the running gateway, wait for its end, say when each step was reached. Exit code 1: failed."""
    from gateway.pager.drill import STEPS, drill_of, start_drill

    with _database(config_file) as (_, connection):
        with connection.transaction():
            drill_id = start_drill(connection, "command", datetime.now(UTC))
        found = drill_of(connection, drill_id)
        deadline = time.monotonic() + timeout_s
        while found is not None and found.state == "running" and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            found = drill_of(connection, drill_id)
    if found is None:
        fail("the drill was not written", 2)
    seconds = found.seconds()
    if as_json:
        print_json({"drill_id": drill_id, "state": found.state, "why": found.why, "seconds": seconds})
    else:
        for step in STEPS:
            say(f"{step}: {'-' if seconds[step] is None else f'{seconds[step]:.2f} s'}")
        say(f"{found.state}{f': {found.why} was not reached' if found.why else ''}")
    if found.state != "passed":
        raise typer.Exit(1)


@app.command()
def watch(
    watch_file: Annotated[Path, typer.Argument(help="The watcher's own TOML file (see gateway/pager/README.md).")],
    once: Annotated[bool, typer.Option("--once", help="Ask once, say what was found, page nobody.")] = False,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Watch the gateway from another machine; page by own ways when its signed heartbeat stops."""
    from gateway.errors import GatewayError
    from gateway.pager.build import build_channels
    from gateway.pager.config import PagerConfig
    from gateway.pager.watch import Watcher, load_watch, watch_until

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        config = load_watch(watch_file)
        channels = build_channels(PagerConfig(channel=config.channel), "")
        watcher = Watcher(config, channels, lambda: datetime.now(UTC))
    except GatewayError as error:
        fail(str(error), 2)
    try:
        if once:
            seen, bad = watcher.ask()
            say(f"{seen}: {', '.join(bad)}" if bad else seen)
            raise typer.Exit(0 if seen == "well" else 1)
        watch_until(watcher, config.every_s, stop_on_signals())
    finally:
        watcher.close()


@app.command("make-key")
def make_key(file: Path) -> None:
    """Make the key that a gateway and its watchers share; readable by its owner alone."""
    try:
        file.touch(mode=0o600, exist_ok=False)
        file.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
    except FileExistsError:
        fail(f"{file} is there already: it is never overwritten", 2)
    except OSError as error:
        fail(f"{file} can't be written: {error}", 2)
    say(f"{file}: name it as pager.heartbeat.key_file, and copy it to each watcher")
