"""What the page *This device* and the journal say of an update."""

from __future__ import annotations

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from pi_cam.api import system
from pi_cam.updates.manifest import Manifest
from pi_cam.updates.outcome import Outcome
from pi_cam.updates.places import Places
from pi_cam.updates.trial import NO_PICTURES
from tests.contract.application import Application, running

UPDATE = Manifest("0.2.0", 7, 0, "any", "any", "any", 1, "0" * 64, 1)


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    with running(tmp_path_factory.mktemp("outcome")) as application:
        application.owner()
        yield application


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    places = Places(kept=tmp_path)
    monkeypatch.setattr(system, "HERE", places)
    return places


def test_before_the_first_there_is_nothing(owned: Application, places: Places) -> None:
    assert owned.owner().get("/api/v1/system").get_json()["update"] is None
    assert "data-update=" not in owned.owner().get("/system").get_data(as_text=True)


@pytest.mark.parametrize(
    ("outcome", "english", "french"),
    [
        (
            Outcome.now("installed", UPDATE),
            "Version 0.2.0 was installed, and works.",
            "La version 0.2.0 a été installée, et fonctionne.",
        ),
        (
            Outcome.now("refused", None, "This update (release 3) is older than what runs (release 7)."),
            "It was refused: This update (release 3) is older than what runs (release 7).",
            "Elle a été refusée\u00a0: Cette mise à jour (numéro 3) est plus ancienne que ce qui tourne (numéro 7).",
        ),
        (
            Outcome.now("rolled-back", UPDATE, NO_PICTURES),
            "Version 0.2.0 was tried and taken back; the version before it runs. "
            "A camera that gave pictures before gave none.",
            "La version 0.2.0 a été essayée, puis retirée\u202f; la version précédente tourne. "
            "Une caméra qui donnait des images avant n’en a plus donné.",
        ),
    ],
)
def test_the_page_says_how_it_went(
    owned: Application, places: Places, outcome: Outcome, english: str, french: str
) -> None:
    outcome.write(places.outcome)
    owner = owned.owner()
    assert owner.get("/api/v1/system").get_json()["update"]["result"] == outcome.result
    for language, sentence in (("en", english), ("fr", french)):
        page = html.unescape(owner.get("/system", headers={"Accept-Language": language}).get_data(as_text=True))
        shown = page.partition(f'data-update="{outcome.result}"')[2].partition("</dd>")[0]
        assert sentence in " ".join(shown.split(" ")).replace("\n", " ").replace("  ", " "), shown
