"""The device's own sound: its microphone and its loudspeaker, and who talks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from marshmallow import Schema, fields, validate

from pi_cam.api.rules import rule
from pi_cam.api.services import Services, services
from pi_cam.audio import devices
from pi_cam.camera_book import MAIN
from pi_cam.cameras import Camera
from pi_cam.errors import PiCamError
from pi_cam.transport.floor import Floor

blueprint = Blueprint("audio", __name__, url_prefix="/api/v1/audio")


TROUBLE = {"description": "What is wrong with it, in a sentence."}


class TalkerSchema(Schema):
    """Somebody who talks."""

    viewer = fields.String(required=True)
    name = fields.String(required=True)


class TalkSchema(Schema):
    """Talking through a camera."""

    possible = fields.Boolean(
        required=True, metadata={"description": "Whether it has a loudspeaker that people may use."}
    )
    muted = fields.Boolean(required=True)
    trouble = fields.String(required=True, allow_none=True, metadata=TROUBLE)
    duplex = fields.String(
        required=True,
        validate=validate.OneOf(["full", "half", "none"]),
        metadata={
            "description": "full: both sides at once; half: the microphone is lowered while somebody talks; none: both "
            "sides at once, but nothing takes the echo out of the sound that the camera brings itself."
        },
    )
    several = fields.Boolean(required=True, metadata={"description": "Whether several may talk at once."})
    talkers = fields.List(fields.Nested(TalkerSchema), required=True)


class SoundSchema(Schema):
    """A camera's sound. `source`: what is heard."""

    source = fields.String(required=True, validate=validate.OneOf(["microphone", "camera", "off"]))
    muted = fields.Boolean(required=True)
    trouble = fields.String(required=True, allow_none=True, metadata=TROUBLE)
    talk = fields.Nested(TalkSchema, required=True)


class DeviceSchema(Schema):
    """A sound device of this machine, by the name under which a setting chooses it."""

    name = fields.String(required=True)
    inputs = fields.Integer(required=True)
    outputs = fields.Integer(required=True)


class AudioSchema(SoundSchema):
    """The device's own sound, its figures, and what else is connected (`problem`: why that cannot be told)."""

    listeners = fields.Integer(required=True)
    level_dbfs = fields.Float(required=True, metadata={"description": "Of what is heard; -96 for silence."})
    microphone = fields.Dict(keys=fields.String(), required=True)
    loudspeaker = fields.Dict(keys=fields.String(), required=True)
    devices = fields.List(fields.Nested(DeviceSchema), required=True)
    problem = fields.String(required=True, allow_none=True)


@blueprint.get("")
@rule("The device's own sound", "configure", {200: AudioSchema}, device=True)
def audio() -> Response:
    """What is heard and played now, and the devices that there are."""
    here = services()
    found, problem = _devices()
    return jsonify(here.loop.call(_described(here)) | {"devices": found, "problem": problem})


def floor_of(here: Services, camera: Camera) -> Floor | None:
    """Where people ask before they talk through this camera; None for one that has no loudspeaker of this device."""
    return here.floor if camera.id == MAIN else None


def describe_sound(here: Services, camera: Camera) -> dict[str, Any]:
    """As `SoundSchema`; called in the media loop."""
    own = camera.id == MAIN
    sound = camera.hub.sound
    by_microphone = sound.has_microphone
    floor = floor_of(here, camera)
    mouth_trouble = here.intercom.mouth.trouble
    return {
        "source": "off" if here.intercom.is_off else "microphone" if by_microphone else "camera",
        "muted": here.settings.flag("microphone_muted"),
        "trouble": str(sound.trouble) if sound.trouble else None,
        "talk": {
            "possible": own and here.intercom.has_loudspeaker,
            "muted": here.settings.flag("loudspeaker_muted"),
            "trouble": str(mouth_trouble) if own and mouth_trouble else None,
            "duplex": here.intercom.duplex(by_microphone),
            "several": here.settings.flag("talk_several"),
            "talkers": floor.talkers() if floor else [],
        },
    }


async def _described(here: Services) -> dict[str, Any]:
    camera = here.cameras.get(MAIN)
    ear = here.intercom.ear.stats()
    return describe_sound(here, camera) | {
        "listeners": camera.hub.sound.listeners,
        "level_dbfs": ear["level_dbfs"],
        "microphone": ear,
        "loudspeaker": here.intercom.mouth.stats(),
    }


def _devices() -> tuple[list[dict[str, Any]], str | None]:
    try:
        return [{"name": one.name, "inputs": one.inputs, "outputs": one.outputs} for one in devices.devices()], None
    except PiCamError as error:
        return [], str(error)
