"""Texts in the cells of a long table: broken between words, cut where everyone sees it, each row once and in order."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateway.reports.long_rows import CUT, LINES_MAX, CellFonts, Layout, LineBreaker, lay_out

ROOM = 60.0
FONTS = CellFonts("Helvetica", "Helvetica-Bold", 8.5, 10.6, 2.0)


class _Heading:
    """As high as a heading."""

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        """20 points."""
        return width, 20.0


@given(st.text(st.sampled_from("abcdefgh  "), max_size=120).map(lambda text: " ".join(text.split())))
def test_lines_fit_their_cell_and_lose_no_letter(text: str) -> None:
    breaker = LineBreaker("Helvetica", 8.5)
    lines = breaker.broken(text, ROOM)
    assert all(breaker.width(line) <= ROOM for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    for before, after in itertools.pairwise(lines):
        first = after.split(" ")[0]
        assert breaker.width(f"{before} {first}") > ROOM or f"{before}{first}" in text, "as many words as fit"


@given(st.integers(LINES_MAX + 1, 4000), st.sampled_from(["x" * 9 + " ", "x"]))
def test_a_text_of_more_lines_than_a_page_has_is_cut_where_everyone_sees_it(times: int, piece: str) -> None:
    breaker = LineBreaker("Helvetica", 8.5)
    text = (piece * 40 * times)[:20_000].strip()
    lines = breaker.broken(text, ROOM)
    assert len(lines) == LINES_MAX
    assert lines[-1].endswith(CUT)
    assert all(breaker.width(line) <= ROOM for line in lines)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60), st.floats(10, 400))
def test_pages_have_every_row_once_in_order_and_as_many_as_fit(heights: list[int], page: float) -> None:
    rows = [([" ".join(["word"] * 3 * lines), str(number)], False) for number, lines in enumerate(heights)]
    rest = lay_out(rows, Layout(_Heading, (ROOM, ROOM), ("left", "right"), FONTS))
    found: list[str] = []
    while rest.wrap(200.0, page)[1] > page:
        pieces = rest.split(200.0, page)
        if not pieces:
            page = 400.0  # nothing fits what is left of this page: the next one is empty
            continue
        fits, rest = pieces
        assert fits.wrap(200.0, page)[1] <= page
        assert fits.wrap(200.0, page)[1] + rest.rows[0].height > page, "one more would have fitted"
        found += [row.cells[1][0] for row in fits.rows]
    found += [row.cells[1][0] for row in rest.rows]
    assert found == [str(number) for number in range(len(heights))]
