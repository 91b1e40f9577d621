"""What somebody typed into a form, kept while they prove that it is still they; the page of the form then shows it again."""

from __future__ import annotations

import json

from flask import request, session

KEY = "typed"
LONGEST = 16 * 1024
"""In JSON: a row of `sign_ins` holds 64 KiB."""


def keep(page: str) -> None:
    """The present form, for this page."""
    fields = {name: value for name, value in request.form.items() if name != "form_token"}
    if len(json.dumps(fields)) <= LONGEST:
        session[KEY] = [page, fields]


def again(page: str) -> dict[str, str]:
    """What was typed for this page, once; empty when nothing was."""
    kept = session.get(KEY)
    if not isinstance(kept, list) or kept[0] != page:
        return {}
    del session[KEY]
    return dict(kept[1])
