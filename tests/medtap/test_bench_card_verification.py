"""The benchmark of judging a card counts genuine cards only, and says so for each profile."""

import pytest

from medtap.bench import card_verification
from medtap.bench.card_verification import measure_verification
from medtap.services.errors import ServiceError


def test_each_profile_has_its_figures() -> None:
    figures = measure_verification(5, pcsc=False)
    assert set(figures) == {"piv", "ntag424"}
    for profile in figures.values():
        parts = [(what, share) for what in ("verify", "none", "nfc") for share in ("p50", "p95", "p99")]
        assert set(profile) == {f"{what}_{share}_ms" for what, share in parts}
        assert 0 < profile["none_p50_ms"] <= profile["none_p99_ms"]


def test_a_refused_card_is_no_figure() -> None:
    with pytest.raises(ServiceError, match="a genuine card was refused"):
        card_verification.timed("x", lambda: False, 5)
