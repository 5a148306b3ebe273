"""`medtap doctor`: what is missing or misconfigured on this machine, and how to mend it."""

from pathlib import Path
from typing import Annotated

import typer

from medtap.cli.output import print_json, say


def doctor(
    edge_config: Annotated[Path | None, typer.Option(help="Also look at this edge node's configuration.")] = None,
    gateway_config: Annotated[Path | None, typer.Option(help="Also look at this gateway's configuration.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for scripts.")] = False,
) -> None:
    """Say what is missing or misconfigured on this machine and how to mend it."""
    from medtap.doctor.examination import examine

    findings = examine(edge_config=edge_config, gateway_config=gateway_config)
    broken = [finding for finding in findings if finding.state == "broken"]
    if as_json:
        print_json({"ok": not broken, "findings": [finding.to_json_dict() for finding in findings]})
    else:
        signs = {"ok": "ok      ", "optional": "optional", "broken": "BROKEN  "}
        for finding in findings:
            say(f"{signs[finding.state]}  {finding.what}: {finding.found}")
            if finding.mend:
                say(f"          mend: {finding.mend}")
        say("Everything that must be here is here." if not broken else f"{len(broken)} to mend.")
    if broken:
        raise typer.Exit(1)
