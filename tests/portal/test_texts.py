"""The portal says everything in both languages."""

from __future__ import annotations

import re

import pytest

from tests.portal.said import PORTAL, used
from tests.unit.test_ui_texts import PLACEHOLDER
from web.portal import rendering
from web.ui import texts


def translations(language: str) -> dict[str, str]:
    catalogue = texts.catalogue(language, rendering.TRANSLATIONS)
    return {str(message.id): str(message.string or "") for message in catalogue if message.id}


def test_something_is_extracted() -> None:
    found = used()
    assert found["Make the account"] == {"templates/portal/signup.html"}
    assert found["The address or the password is wrong."] == {"accounts/people.py"}
    assert "static/passkeys.js" in found["The portal does not answer. Check your own connection."]
    assert "templates/mails/reset.txt" in found["Hello,"]


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_catalogue_has_exactly_what_is_said_and_by_whom(language: str) -> None:
    catalogue = texts.catalogue(language, rendering.TRANSLATIONS)
    known = {str(one.id): {file for file, _ in one.locations} for one in catalogue if one.id}
    assert known == used()


def test_everything_is_translated_and_nothing_twice() -> None:
    shared = {str(one.id) for one in texts.catalogue("fr") if one.id}
    assert [english for english, french in translations("fr").items() if not french.strip()] == []
    assert not shared & set(translations("fr"))


def test_placeholders_and_typography() -> None:
    for english, french in translations("fr").items():
        assert sorted(PLACEHOLDER.findall(french)) == sorted(PLACEHOLDER.findall(english)), english
        assert not re.search(r"(?<![\u00a0\u202f])[;!?]", french), french
        assert not re.search(r"(?<!\u00a0):", french), french
        assert "'" not in french, french
        assert "..." not in french, french


def test_values_are_put_into_translated_sentences() -> None:
    said = rendering.translator("fr")
    assert said("An account has at most %(count)s passkeys; remove one first.", count=20).startswith("Un compte")
    assert "20" in said("An account has at most %(count)s passkeys; remove one first.", count=20)
    assert said("100% of it") == "100% of it"


def test_every_sentence_of_the_browser_modules_reaches_the_page() -> None:
    messages = rendering.browser_messages("fr")
    modules = (PORTAL / "static").glob("*.js")
    assert messages["The portal does not answer. Check your own connection."].startswith("Le portail")
    said = {sentence for path in modules for sentence in re.findall(r'text\("([^"]+)"', path.read_text("utf-8"))}
    assert said <= set(messages)
