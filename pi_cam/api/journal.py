"""The journal: filtered, newest first; and as a file."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields, validate

from pi_cam.api.access import current_person, visitor_address
from pi_cam.api.rules import rule
from pi_cam.api.schemas import query_values
from pi_cam.api.services import services
from pi_cam.journal import PAGE_ROWS
from pi_cam.journal.actions import ACTIONS, MAX_WORD, RESULTS
from pi_cam.journal.export import FORMATS
from pi_cam.journal.ledger import Filter

blueprint = Blueprint("journal", __name__, url_prefix="/api/v1/journal")

DEFAULT_ROWS = 100
_WORD = validate.Length(1, MAX_WORD)


class JournalQuerySchema(Schema):
    """Which rows."""

    actor = fields.String(validate=_WORD)
    action = fields.String(validate=validate.OneOf(list(ACTIONS)))
    camera = fields.String(validate=_WORD)
    result = fields.String(validate=validate.OneOf(RESULTS))
    since = fields.Float(metadata={"description": "Seconds since 1970, included."})
    until = fields.Float(metadata={"description": "Seconds since 1970, not included."})
    before = fields.Integer(validate=validate.Range(1, 2**53), metadata={"description": "Rows older than this one."})
    limit = fields.Integer(validate=validate.Range(1, PAGE_ROWS), load_default=DEFAULT_ROWS)


class ExportQuerySchema(Schema):
    """In which form."""

    format = fields.String(validate=validate.OneOf(list(FORMATS)), load_default="json")


class JournalRowSchema(Schema):
    """One row. `at`: seconds since 1970, as the clock then said; the order is that of the ids."""

    id = fields.Integer(required=True)
    at = fields.Float(required=True)
    actor = fields.String(required=True)
    action = fields.String(required=True)
    camera = fields.String(required=True)
    address = fields.String(required=True)
    result = fields.String(required=True)
    detail = fields.Dict(required=True)


class JournalSchema(Schema):
    """Rows, newest first. `next`: what `before` must be for the older ones; null at the end."""

    rows = fields.List(fields.Nested(JournalRowSchema), required=True)
    next = fields.Integer(required=True, allow_none=True)
    problem = fields.String(
        required=True, allow_none=True, metadata={"description": "Why rows cannot be written now, in a sentence."}
    )


@blueprint.get("")
@rule("The journal", "configure", {200: JournalSchema}, query=JournalQuerySchema)
def show() -> Response:
    """Who did what."""
    return jsonify(page_of(query_values(JournalQuerySchema)))


def page_of(asked: dict[str, Any]) -> dict[str, Any]:
    """The rows that `asked` names (as `JournalQuerySchema` loads it), as `JournalSchema` has them."""
    wanted = dict(asked)
    limit = wanted.pop("limit")
    journal = services().journal
    rows = journal.rows(Filter(**wanted), limit)
    return {
        "rows": [row.as_dict() for row in rows],
        "next": rows[-1].id if len(rows) == limit else None,
        "problem": journal.problem(),
    }


@blueprint.get("/export")
@rule("The journal as a file", "configure", {200: "application/json, text/csv"}, query=ExportQuerySchema)
def export() -> Response:
    """All of it, from the oldest row on, sent as it is read."""
    name = query_values(ExportQuerySchema)["format"]
    mimetype, write = FORMATS[name]
    journal = services().journal
    journal.append("journal-exported", actor=current_person().name, address=visitor_address(), format=name)
    journal.rows(Filter(), 1)  # so that a file that cannot be read is an answer of its own, not half a file
    disposition = f"attachment; filename=journal.{name}"
    return Response(write(journal.all_rows(Filter())), mimetype=mimetype, headers={"Content-Disposition": disposition})
