"""Pages and mails in the person's language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from flask import g, get_flashed_messages, has_request_context, render_template, request
from flask_login import current_user
from flask_wtf.csrf import generate_csrf

from web.ui import texts

TRANSLATIONS = Path(__file__).parent / "translations"
LANGUAGE_COOKIE = "language"
SHARED_MODULES = frozenset({"player/forms.js", "player/login.js"})
"""Those of `web.ui` that the portal's pages load, or say the same as."""


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One row of the menu."""

    path: str
    title: str


NAVIGATION = (
    NavigationItem("/cameras", "Cameras"),
    NavigationItem("/journal", "Journal"),
    NavigationItem("/account", "My account"),
)


def language() -> str:
    """That of the present request: chosen, else what the browser asks for."""
    if not has_request_context():
        return texts.DEFAULT_LANGUAGE
    return texts.choose_language(request.headers.get("Accept-Language"), request.cookies.get(LANGUAGE_COOKIE))


@cache
def translator(spoken: str) -> Callable[..., str]:
    """`_("… %(name)s …", name=value)`."""
    translate = texts.translator(spoken, TRANSLATIONS)

    def said(sentence: str, **values: object) -> str:
        return translate(sentence) % values if values else translate(sentence)

    return said


def render(template: str, **values: Any) -> str:
    """A page. `notes`: what a step before had to say, as pairs of a kind and a sentence."""
    spoken = language()
    person = g.get("person")
    return render_template(
        template,
        language=spoken,
        _=translator(spoken),
        messages_json=browser_messages(spoken),
        form_token=generate_csrf() if not values.pop("bare", False) else "",
        person=person,
        navigation=NAVIGATION if person is not None else (),
        notes=get_flashed_messages(with_categories=True),
        **values,
    )


def render_mail(template: str, spoken: str, **values: Any) -> tuple[str, str]:
    """Subject and text of a mail; the template's first line is the subject."""
    text = render_template(f"mails/{template}", _=translator(spoken), **values)
    subject, _, body = text.strip().partition("\n")
    return subject.strip(), body.strip() + "\n"


@cache
def browser_messages(spoken: str) -> dict[str, str]:
    """What the modules on the portal's pages say, by their English."""
    said = translator(spoken)
    own = texts.catalogue(texts.DEFAULT_LANGUAGE, TRANSLATIONS)
    return {
        str(one.id): said(str(one.id))
        for one in (*own, *texts.catalogue(texts.DEFAULT_LANGUAGE))
        if one.id and any(file.startswith("static/") or file in SHARED_MODULES for file, _ in one.locations)
    }


def signed_in() -> bool:
    """Whether somebody is."""
    return bool(current_user.is_authenticated)
