"""The sentences of the pages in both languages.

English sentences are the keys. The catalogues are gettext .po files, read when the program starts, so that a translator's
edit needs no compile step. The locations in a catalogue say who uses a sentence: a template, a module of the player, or
the server.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.dates import format_date
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from web.ui.server_sentences import SENTENCES

LANGUAGES = ("en", "fr")
DEFAULT_LANGUAGE = "en"
NO_COUNTRIES = frozenset({"EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"})
"""Two letters that stand for several, or for none."""

_TRANSLATIONS = Path(__file__).parent / "translations"


@cache
def catalogue(language: str, folder: Path = _TRANSLATIONS) -> Catalog:
    """The catalogue of one of `LANGUAGES`. `folder`: where a program keeps its own."""
    with (folder / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=Locale.parse(language), abort_invalid=True)


def translator(language: str, own: Path | None = None) -> Callable[[str], str]:
    """Translates English sentences; those that the catalogue does not have come back as they are. A server's sentence with a
    number or an address in it is recognised by the rest. `own`: the catalogues of a program that says more than the pages
    here do."""
    known = _known(language)
    sentences = _sentences(known) | (_sentences(known, own) if own else {})

    return lambda sentence: _said(sentence, sentences)


def browser_messages(language: str) -> dict[str, str]:
    """The sentences that the player's modules say or receive from the server, by their English."""
    sentences = _sentences(_known(language))
    used = (str(message.id) for message in catalogue(DEFAULT_LANGUAGE) if _reaches_player(message.locations))
    return {sentence: sentences.get(sentence, sentence) for sentence in used}


def day_writer(language: str) -> Callable[[str], str]:
    """Writes a day (ISO 8601) as the browser writes moments in this language."""
    return lambda day: format_date(date.fromisoformat(day), "medium", _known(language))


@cache
def countries(language: str) -> dict[str, str]:
    """Code (ISO 3166-1 alpha-2) to name, in the order of the names, as CLDR has them."""
    named = Locale.parse(_known(language)).territories
    own = {code: name for code, name in named.items() if re.fullmatch("[A-Z]{2}", code) and code not in NO_COUNTRIES}
    return dict(sorted(own.items(), key=lambda one: _plain(one[1])))


def choose_language(accept_language_header: str | None, cookie: str | None, otherwise: str = DEFAULT_LANGUAGE) -> str:
    """One of `LANGUAGES`: what the person chose, else the best of those that the browser asks for, else `otherwise`."""
    if cookie in LANGUAGES:
        return cookie
    wanted = parse_accept_header(accept_language_header, LanguageAccept).values()
    preferred = [language.replace("-", "_") for language in wanted]
    return negotiate_locale(preferred, LANGUAGES) or otherwise


def _plain(name: str) -> str:
    """Without accents, as lists of names are ordered."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()


def _known(language: str) -> str:
    return language if language in LANGUAGES else DEFAULT_LANGUAGE


@cache
def _sentences(language: str, folder: Path = _TRANSLATIONS) -> dict[str, str]:
    return {str(one.id): str(one.string) for one in catalogue(language, folder) if one.id and one.string}


def _reaches_player(locations: Sequence[tuple[str, int | None]]) -> bool:
    return any(file.startswith("player/") or file == "server_sentences.py" for file, _ in locations)


def _said(sentence: str, sentences: dict[str, str]) -> str:
    return sentences.get(sentence) or _filled(sentence, sentences)


def _filled(sentence: str, sentences: dict[str, str]) -> str:
    for pattern, english in _patterns():
        found = pattern.fullmatch(sentence)
        if found:
            return sentences.get(english, english) % _parts(found.groupdict(), sentences)
    return sentence


def _parts(parts: dict[str, str], sentences: dict[str, str]) -> dict[str, str]:
    """A `cause` is a sentence, or the end of one; everything else is a name, a number or an address."""
    return {name: _said(part, sentences) if name == "cause" else part for name, part in parts.items()}


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return [(_pattern(english), english) for english in SENTENCES if "%(" in english]


def _pattern(english: str) -> re.Pattern[str]:
    """`At %(host)s.` becomes `At (?P<host>.+)\\.`."""
    pieces = re.split(r"%\((\w+)\)s", english)
    return re.compile("".join(f"(?P<{one}>.+)" if index % 2 else re.escape(one) for index, one in enumerate(pieces)))
