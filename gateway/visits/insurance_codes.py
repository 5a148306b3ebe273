"""What the insurance's portal answers, as data: each known result code, what it comes to, and what to do then.

The codes and their meaning are those of the look-up of BHYT cards as public hospital software lists them
(github.com/tracnn/qlbv_public, config/__tech.php, `insurance_error_code`); the portal's own document is not public.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Verdict = Literal["good", "good_new_card", "not_good", "compare", "child", "ask_card", "service", "ours"]
"""good: pays. good_new_card: pays, and there is a newer card to see. not_good: does not pay. compare: written otherwise
there than here. child: without a card, by papers. ask_card: managed by the army's or the police's insurance. service:
the service's own trouble, asked again by itself. ours: our account or program is wrong, asked again by itself."""

VERDICTS: Final[Mapping[str, Verdict]] = MappingProxyType(
    {
        "000": "good",
        "001": "ask_card",
        "002": "ask_card",
        "003": "good_new_card",
        "004": "good_new_card",
        "010": "not_good",
        "050": "not_good",
        "051": "compare",
        "052": "compare",
        "053": "compare",
        "054": "ours",
        "055": "ours",
        "060": "compare",
        "061": "compare",
        "070": "compare",
        "100": "service",
        "101": "service",
        "110": "not_good",
        "120": "not_good",
        "121": "not_good",
        "122": "not_good",
        "123": "not_good",
        "124": "not_good",
        "130": "child",
        "205": "ours",
        "401": "ours",
        "500": "service",
    }
)
ASKED_AGAIN: Final[frozenset[Verdict]] = frozenset({"service", "ours"})
"""These say nothing of the patient: the question waits and is asked again."""
CHILD_WITHOUT_CARD: Final = "130"


def verdict_of(code: str) -> Verdict:
    """Of a code that nobody has described: a person compares."""
    return VERDICTS.get(code, "compare")
