"""The words of the pages: catalogues of both languages, read from .po files once, when the application starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from babel.messages.pofile import read_po

LANGUAGES: Final = ("vi", "en")
DEFAULT_LANGUAGE: Final = "vi"


def N_(msgid: str) -> str:  # noqa: N802 - gettext's own name for "a text to translate later"; extractors know it
    """Mark a text that is translated where it is shown."""
    return msgid


@dataclass(frozen=True)
class Catalogue:
    """Every text of one language, by its msgid (the English text as the code spells it)."""

    language: str
    texts: Mapping[str, str]

    def text(self, msgid: str, /, **values: object) -> str:
        """The text in this language, with its `%(name)s` filled in.

        Raises:
            KeyError: the msgid is not in the catalogue (a test finds each before it is released).
        """
        translated = self.texts[msgid]
        return translated % values if values else translated


def read_catalogue(language: str) -> Catalogue:
    """Read one language's .po file.

    Raises:
        ValueError: no such language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"Language {language!r}: expected one of {', '.join(LANGUAGES)}")
    with (files("gateway.pages") / "locale" / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    texts = {str(message.id): str(message.string) for message in catalogue if message.id and message.string}
    return Catalogue(language, MappingProxyType(texts))


def read_catalogues() -> Mapping[str, Catalogue]:
    """Both languages."""
    return MappingProxyType({language: read_catalogue(language) for language in LANGUAGES})
