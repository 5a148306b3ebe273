"""The whole examination: the machine, and what the given configurations name."""

from pathlib import Path

from medtap.doctor.edge_node import examine_edge_node
from medtap.doctor.finding import Finding
from medtap.doctor.machine import examine_machine


def examine(*, edge_config: Path | None = None, gateway_config: Path | None = None) -> list[Finding]:
    """Everything found, in the order it was looked at. Changes nothing on the machine."""
    findings = list(examine_machine())
    if edge_config is not None:
        findings += examine_edge_node(edge_config)
    if gateway_config is not None:
        from medtap.doctor.gateway_server import examine_gateway  # noqa: PLC0415 - an edge node has no psycopg

        findings += examine_gateway(gateway_config)
    return findings
