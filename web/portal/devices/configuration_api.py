"""What a device says of its configuration, and what it is told."""

from __future__ import annotations

from flask import Blueprint, Response, g, jsonify

from web.portal import throttle
from web.portal.database import db
from web.portal.devices import configuration
from web.portal.devices.config_speech import ConfigSchema
from web.portal.devices.device_api import speaking_device
from web.portal.devices.speech import said
from web.portal.rules import rule

blueprint = Blueprint("configuration_api", __name__, url_prefix="/device/v1")

LIMIT = "120 per minute"
by_device = throttle.limiter.shared_limit(LIMIT, scope="configuration", key_func=lambda: str(g.get("device_id")))


@blueprint.post("/config")
@rule("device")
@by_device
def config() -> Response:
    """Takes the rows that changed there, and what became of the edits; gives the edits that wait."""
    given = said(ConfigSchema)
    answer = configuration.exchange(speaking_device(), given)
    db.session.commit()
    return jsonify(answer)
