"""Both languages say everything: no sentence of the pages is missing, empty, left over, or short of a placeholder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract
from jinja2.ext import babel_extract

import web.ui
from web.ui import texts
from web.ui.server_sentences import SENTENCES

UI = Path(web.ui.__file__).parent
PLACEHOLDER = re.compile(r"%\(\w+\)s")


def used_sentences() -> dict[str, set[str]]:
    """Each sentence and the files that say it."""
    used: dict[str, set[str]] = {sentence: {"server_sentences.py"} for sentence in SENTENCES}
    for path in UI.glob("templates/*.html"):
        with path.open("rb") as file:
            found: Any = babel_extract(file, ["_"], [], {"silent": "false"})
            for sentence in (sentence for _, _, sentence, _ in found if sentence):  # None: what a server sends
                used.setdefault(sentence, set()).add(f"templates/{path.name}")
    for path in UI.glob("player/*.js"):
        with path.open("rb") as file:
            for _, sentence, *_ in extract("javascript", file, {"text": None}, [], {}):
                assert isinstance(sentence, str)
                used.setdefault(sentence, set()).add(f"player/{path.name}")
    return used


def translations(language: str) -> dict[str, str]:
    return {str(message.id): str(message.string or "") for message in texts.catalogue(language) if message.id}


def test_something_is_extracted() -> None:
    used = used_sentences()
    assert "templates/live.html" in used["Snapshot"]
    assert "player/words.js" in used["Live"]


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_catalogue_has_exactly_what_is_said(language: str) -> None:
    assert sorted(translations(language)) == sorted(used_sentences())


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_catalogue_knows_who_says_it(language: str) -> None:
    known = {str(one.id): {file for file, _ in one.locations} for one in texts.catalogue(language) if one.id}
    assert known == used_sentences()


def test_everything_is_translated() -> None:
    assert [english for english, french in translations("fr").items() if not french.strip()] == []


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_placeholders_survive(language: str) -> None:
    for english, said in translations(language).items():
        if said:
            assert sorted(PLACEHOLDER.findall(said)) == sorted(PLACEHOLDER.findall(english)), english


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_nothing_is_fuzzy_or_obsolete(language: str) -> None:
    assert not [message.id for message in texts.catalogue(language) if message.id and message.fuzzy]
    assert not texts.catalogue(language).obsolete


def test_french_has_one_word_for_a_microphone() -> None:
    said = [french for french in translations("fr").values() if re.search("micro", french, re.IGNORECASE)]
    assert len(said) > 20
    assert not [french for french in said if re.search("microphone", french, re.IGNORECASE)]


def test_french_typography() -> None:
    for french in translations("fr").values():
        assert not re.search(r"(?<![\u00a0\u202f])[;!?]", french), french
        assert not re.search(r"(?<!\u00a0):", french), french
        assert "'" not in french, french
        assert "..." not in french, french


def test_translates_and_lets_the_unknown_through() -> None:
    french = texts.translator("fr")
    assert french("Start") == "Démarrer"
    assert french("Nobody wrote this sentence.") == "Nobody wrote this sentence."
    assert texts.translator("en")("Start") == "Start"
    assert texts.translator("xx")("Start") == "Start"


def test_recognises_sentences_with_a_changing_part() -> None:
    said = texts.translator("fr")("The camera at 192.168.1.40, port 554 does not answer.")
    assert said == "La caméra à l’adresse 192.168.1.40, port 554 ne répond pas."
    hostile = "There is no host named 100%(host)s.local."
    assert texts.translator("fr")(hostile) == "Aucune machine ne s’appelle 100%(host)s.local."


@pytest.mark.parametrize(
    ("english", "french"),
    [
        (
            "The folder /srv/a: b cannot be written: Read-only file system.",
            "On ne peut pas écrire dans le dossier /srv/a: b : le système de fichiers est en lecture seule.",
        ),
        (
            "settings.json cannot be read (Not a directory): the defaults are used.",
            "settings.json ne peut pas être lu (ce n’est pas un dossier) : les valeurs par défaut sont utilisées.",
        ),
        ("The database is damaged: it is gone.", "La base de données est endommagée : elle a disparu."),
        ("This could not be looked at: Xyzzy.", "Ceci n’a pas pu être examiné : Xyzzy."),
        ("A microphone is there: it is gone.", "Un micro est branché : it is gone."),
    ],
)
def test_a_cause_is_said_in_the_same_language_and_a_name_as_it_is(english: str, french: str) -> None:
    assert texts.translator("fr")(english).replace("\u00a0", " ") == french


@pytest.mark.parametrize("day", ["2031-11-01", "2026-01-31"])
def test_a_day_is_written_as_in_its_language(day: str) -> None:
    written = {language: texts.day_writer(language)(day) for language in ("en", "fr", "xx")}
    assert written["en"] == written["xx"] == {"2031-11-01": "Nov 1, 2031", "2026-01-31": "Jan 31, 2026"}[day]
    assert written["fr"] == {"2031-11-01": "1 nov. 2031", "2026-01-31": "31 janv. 2026"}[day]


def test_the_browser_gets_what_its_modules_say() -> None:
    messages = texts.browser_messages("fr")
    assert messages["Live"] == "En direct"
    assert messages["There is no host named %(host)s."] == "Aucune machine ne s’appelle %(host)s."
    assert "Setup code" not in messages
    assert texts.browser_messages("en")["Live"] == "Live"


@pytest.mark.parametrize(
    ("header", "cookie", "chosen"),
    [
        (None, None, "en"),
        ("", "", "en"),
        ("fr-CA,en;q=0.5", None, "fr"),
        ("de,en-GB;q=0.8,fr;q=0.4", None, "en"),
        ("de,fr;q=0.4", None, "fr"),
        ("en;q=0.1,fr", None, "fr"),
        ("fr", "en", "en"),
        ("fr", "tlh", "fr"),
        ("*;q=0.5, ;;,fr;q=no", None, "en"),
        ("x" * 5000, None, "en"),
    ],
)
def test_language_is_the_persons_then_the_browsers(header: str | None, cookie: str | None, chosen: str) -> None:
    assert texts.choose_language(header, cookie) == chosen
