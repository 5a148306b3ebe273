"""What is refused about incidents, in one family: a stable `code` with `values`, said in each language by the pages."""

from typing import Final

from gateway.errors import GatewayError

REFUSALS: Final = {
    "comment_missing": "a comment is missing: say what was found or done",
    "incident_not_found": "there is no such open incident: %(which)s",
    "incident_over": "incident %(which)s is over: nothing is left to silence",
    "end_is_past": "%(until)s is not later than now: give an end in the future",
    "silenced_too_long": "silenced for too long: at most %(hours)s hours; do it again then if it is still needed",
    "not_a_subject": "%(subject)s: expected 'place:<id>' or 'device:<key>'",
    "limit_unknown": "there is no figure %(name)s of %(kind)s",
    "limit_range": "%(kind)s.%(name)s: got %(value)s, expected %(least)s to %(most)s",
}


class IncidentRefusedError(GatewayError):
    """Nothing was changed; the caller tells the person."""

    def __init__(self, code: str, **values: str) -> None:
        """`code` is one of `REFUSALS`, `values` fill its sentence in."""
        super().__init__(REFUSALS[code] % values)
        self.code: Final = code
        self.values: Final = values
