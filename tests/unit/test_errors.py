"""The tree of errors: as drawn, and each with an HTTP status."""

from __future__ import annotations

import inspect
import re

import pytest

from pi_cam import errors
from pi_cam.api.problems import STATUS, status_of

CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.PiCamError) and kind.__module__ == errors.__name__
}


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes() -> None:
    drawn: dict[str, list[str]] = {}
    branch: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([ │├└─]*)([A-Z]\w+)(?: +\((\w+)\))?(?:  |$)", line)
        if found:
            depth = len(found[1]) // 4
            drawn[found[2]] = [*branch[depth - 1 : depth], *([found[3]] if found[3] else [])]
            branch[depth:] = [found[2]]
    written = {name: [base.__name__ for base in kind.__bases__] for name, kind in CLASSES.items()}
    written["PiCamError"] = []
    assert drawn == written


@pytest.mark.parametrize("kind", CLASSES.values(), ids=CLASSES.keys())
def test_each_has_a_status_of_its_own_or_of_its_parent(kind: type[errors.PiCamError]) -> None:
    if kind is errors.PiCamError:
        return
    assert any(issubclass(kind, row) for row, _ in STATUS)
    arguments = ("Wait.", 1.0) if kind is errors.TooManyTries else ("A sentence.",)
    assert 400 <= status_of(kind(*arguments)) < 600


def test_no_row_hides_a_later_one() -> None:
    kinds = [kind for kind, _ in STATUS]
    for index, kind in enumerate(kinds):
        assert not any(issubclass(kind, earlier) for earlier in kinds[:index])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.NotSignedIn(""), 401),
        (errors.NotAllowed(""), 403),
        (errors.NotFound(""), 404),
        (errors.CameraStopped(""), 409),
        (errors.Conflict(""), 409),
        (errors.OfferRefused(""), 422),
        (errors.SettingError(""), 422),
        (errors.AddressRefused(""), 422),
        (errors.TooManyTries("", 1), 429),
        (errors.TooManyViewers(""), 503),
        (errors.TooManyConnections(""), 429),
        (errors.SourceForbidden(""), 503),
        (errors.PictureTimeout(""), 503),
    ],
)
def test_statuses_that_others_rely_on(error: errors.PiCamError, status: int) -> None:
    assert status_of(error) == status
