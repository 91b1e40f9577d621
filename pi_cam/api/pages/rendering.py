"""A page in the person's language, with the way to the other pages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import g, render_template, request

import pi_cam
from pi_cam.api.access import form_token
from pi_cam.api.services import services
from pi_cam.trust.capabilities import Capability, Person, allowed, allowed_somewhere
from web.ui import texts

HTML = "text/html"
LANGUAGE_COOKIE = "language"


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One row of the menu. `needs`: None for everybody who is signed in; `anywhere`: on any one camera is enough."""

    path: str
    title: str
    needs: Capability | None
    anywhere: bool = False


NAVIGATION = (
    NavigationItem("/", "Live", "view", anywhere=True),
    NavigationItem("/privacy", "Privacy", "control"),
    NavigationItem("/cameras", "Cameras", "configure"),
    NavigationItem("/people", "People", "configure"),
    NavigationItem("/journal", "Journal", "configure"),
    NavigationItem("/settings", "Settings", "configure"),
    NavigationItem("/remote", "From anywhere", "configure"),
    NavigationItem("/system", "This device", "configure"),
    NavigationItem("/account", "My account", None),
)


def render(template: str, **values: Any) -> str:
    """A page in the person's language."""
    asked, chosen, settings = (
        request.headers.get("Accept-Language"),
        request.cookies.get(LANGUAGE_COOKIE),
        services().settings,
    )
    language = texts.choose_language(asked, chosen, settings.text("language"))
    person: Person | None = g.get("person")
    return render_template(
        template,
        language=language,
        _=texts.translator(language),
        day=texts.day_writer(language),
        countries=texts.countries(language),
        messages_json=texts.browser_messages(language),
        form_token=form_token(),
        time_zone=settings.text("time_zone"),
        person=person.name if person else None,
        navigation=navigation(person),
        version=pi_cam.__version__,
        **values,
    )


def navigation(person: Person | None) -> list[NavigationItem]:
    """The pages that are open to this person."""
    return [item for item in NAVIGATION if person is not None and person.session and _open_to(person, item)]


def error_page(status: int, title: str, detail: str) -> str:
    """What a person sees of an error."""
    return render("error.html", status=status, title=title, detail=detail)


def _open_to(person: Person, item: NavigationItem) -> bool:
    if item.needs is None:
        return True
    return allowed_somewhere(person, item.needs) if item.anywhere else allowed(person, item.needs)
