"""What the views use, in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from flask import current_app

from web.portal.database import Clock
from web.portal.mail import Post
from web.portal.settings import Settings

EXTENSION = "portal"


@dataclass(frozen=True, slots=True)
class Services:
    """Of one application. `renewed`: told of an account whose credentials changed, within the view's transaction.
    `belongings`: what an account has beyond itself, as JSON for its export. `forgotten`: told of the address of an account
    that goes, within the view's transaction."""

    settings: Settings
    clock: Clock
    post: Post
    renewed: Callable[[int], None] = lambda _user: None
    belongings: Callable[[int], dict[str, Any]] = lambda _user: {}
    forgotten: Callable[[str], None] = lambda _email: None


def services() -> Services:
    """Those of the application that answers now."""
    return cast("Services", current_app.extensions[EXTENSION])
