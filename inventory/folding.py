"""Text without case and accents, so that `duong huyet` finds `Đường huyết`, and words of a table are known again."""

import unicodedata


def folded(text: str) -> str:
    """Lower case, no accents, no doubled spaces.

    `đ` is a letter of its own and not a `d` with an accent (Unicode 5.2 gives it no decomposition), so it is named.
    """
    decomposed = unicodedata.normalize("NFD", text.casefold())
    bare = "".join(each for each in decomposed if not unicodedata.combining(each))
    return " ".join(unicodedata.normalize("NFC", bare).replace("đ", "d").split())


def search_text(*parts: str) -> str:
    """All that a thing is found by, folded; each part between bars, so that no hit spans two of them."""
    return "|".join(["", *dict.fromkeys(filter(None, map(folded, parts))), ""])


def like_pattern(word: str) -> str:
    """The pattern of SQL's LIKE that finds `word` anywhere, with its own signs taken literally."""
    escaped = folded(word).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
