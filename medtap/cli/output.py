"""How a subcommand speaks: one JSON object for a script, lines for a person, errors to standard error."""

import json
import sys
from typing import Any, NoReturn

import typer


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON can say
    """One JSON object on one line of standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """One line for a person, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def fail(message: str, code: int = 1) -> NoReturn:
    """Say what is wrong and how to mend it, on standard error; end with that exit code."""
    sys.stderr.write(f"medtap: {message}\n")
    raise typer.Exit(code)
