"""`medtap gateway`: the server of one site."""

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from medtap.cli import people_keys
from medtap.cli.output import fail, print_json, say
from medtap.cli.stop_signal import stop_on_signals

if TYPE_CHECKING:
    from gateway.bootstrap import Gateway
    from gateway.config import GatewayConfig

_DATABASE_AGAIN_S: Final = 1.0

app = typer.Typer(
    no_args_is_help=True, help="The gateway: takes rows in, keeps stock, visits and alarms, serves pages."
)

app.add_typer(people_keys.app, name="people-keys")
app.add_typer(people_keys.audit_app, name="people-audit")

ConfigFile = Annotated[Path, typer.Argument(help="The gateway's TOML file (gateway/sample.toml explains each key).")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")]


@app.command()
def run(
    config_file: ConfigFile,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the gateway until SIGTERM or Ctrl-C. The first start prints a one-time link for the first administrator.

    It waits for a database that is away; what only a person can mend ends it with exit code 2.
    """
    from gateway.collector import calm_collector
    from gateway.config import load
    from gateway.errors import GatewayError

    logging.basicConfig(level=log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    stop = stop_on_signals()
    try:
        started = _start(load(config_file), stop)
    except GatewayError as error:
        fail(str(error), 2)
    if started is None:
        return
    gateway, link = started
    try:
        say(f"medtap gateway: {gateway.http_url}")
        if link:
            say(f"No account exists yet. Make the first administrator within 24 h: {link}")
        with calm_collector():
            stop.wait()
    finally:
        gateway.stop()


def _start(config: "GatewayConfig", stop: threading.Event) -> "tuple[Gateway, str | None] | None":
    """The running gateway and the first administrator's link; None: told to stop before the database was there.

    Raises:
        GatewayError: it can't start, and waiting won't help.
    """
    from gateway.bootstrap import Gateway
    from gateway.errors import DatabaseAwayError

    told = ""
    while not stop.is_set():
        gateway = Gateway(config)
        try:
            return gateway, gateway.start()
        except DatabaseAwayError as error:
            if str(error) != told:
                told = str(error)
                logging.getLogger(__name__).warning("%s; waiting for it", told)
        stop.wait(_DATABASE_AGAIN_S)
    return None


@app.command()
def migrate(
    config_file: ConfigFile,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to this program's schema."""
    from gateway.config import load
    from gateway.db.migrator import migrate as run_migrations
    from gateway.errors import GatewayError

    try:
        config = load(config_file)
        timescale = config.storage.timescale == "auto"
        report = run_migrations(config.dsn, dry_run=dry_run, timescale=timescale, time_zone=config.time_zone)
    except GatewayError as error:
        fail(str(error), 2)
    applied = [str(name) for name in report.applied]
    if as_json:
        print_json({"applied": applied, "dry_run": dry_run})
    else:
        verb = "would apply" if dry_run else "applied"
        say(f"{verb}: {', '.join(applied)}" if applied else "the schema is up to date")


@app.command("import-site")
def import_site_file(config_file: ConfigFile, site_file: Path, as_json: AsJson = False) -> None:
    """Take over places, devices, products, patients and cards from a site file (JSON or TOML); may be repeated."""
    from datetime import UTC, datetime

    import psycopg

    from gateway.config import load
    from gateway.errors import GatewayError
    from gateway.people.key_store import keys_for
    from gateway.people.people import People
    from gateway.services.site_file import import_site, load_site_file

    try:
        site, config = load_site_file(site_file), load(config_file)
        with psycopg.connect(config.dsn) as connection:
            people = None
            if site.patients:
                people = People(
                    keys_for(connection, config.people.key_file, datetime.now(UTC)), lambda: datetime.now(UTC)
                )
            counts = import_site(connection, site, people)
    except GatewayError as error:
        fail(str(error), 2)
    except psycopg.OperationalError as error:
        fail(f"the database can't be reached: {error}; is PostgreSQL running, and is 'dsn' in {config_file} right?", 2)
    if as_json:
        print_json(counts)
    else:
        say(", ".join(f"{number} {name}" for name, number in counts.items()))


@app.command("card-status-certificate")
def card_status_certificate(
    config_file: ConfigFile,
    out: Annotated[Path, typer.Option(help="Write the certificate here (PEM), for the edge nodes.")],
) -> None:
    """Write the certificate that edge nodes believe lists of lost and revoked cards by.

    It belongs into [cards] status_signer_files of each edge node; needless where the card CA has certified the key.
    """
    from datetime import UTC, datetime

    import psycopg

    from gateway.config import load
    from gateway.errors import GatewayError
    from gateway.taps.signing_keys import status_key

    try:
        config = load(config_file)
        with psycopg.connect(config.dsn) as connection:
            key = status_key(connection, config.taps.status_key_file, datetime.now(UTC))
        out.write_bytes(key.certificate_pem)
    except GatewayError as error:
        fail(str(error), 2)
    except psycopg.OperationalError as error:
        fail(f"the database can't be reached: {error}; is PostgreSQL running, and is 'dsn' in {config_file} right?", 2)
    except (psycopg.errors.UndefinedTable, OSError) as error:
        fail(f"{error}; bring the database up to date first (medtap gateway migrate), and give a file to write", 2)
    until = key.certificate.not_valid_after_utc
    say(f"{out}: for [cards] status_signer_files of edge nodes; valid until {until:%Y-%m-%d}")


@app.command("add-account")
def add_account(
    config_file: ConfigFile,
    username: str,
    role: Annotated[
        list[str], typer.Option(help="admin, pharmacist, clerk, clinician, card_issuer, on_call or viewer; repeat.")
    ],
    display_name: Annotated[str, typer.Option(help="As colleagues know the person.")] = "",
) -> None:
    """Make an account and print a one-time link with which its owner signs in."""
    from datetime import UTC, datetime

    import psycopg

    from gateway.config import load
    from gateway.errors import GatewayError
    from gateway.services.accounts import AccountError, create_account, sign_in_link

    try:
        config = load(config_file)
        with psycopg.connect(config.dsn) as connection:
            create_account(connection, username, display_name or username, None, role)
            link = sign_in_link(connection, username, config.base_url, datetime.now(UTC))
    except (GatewayError, AccountError) as error:
        fail(str(error), 2)
    except psycopg.OperationalError as error:
        fail(f"the database can't be reached: {error}; is PostgreSQL running, and is 'dsn' in {config_file} right?", 2)
    say(link)
