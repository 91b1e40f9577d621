"""What a person takes along of their devices, and of what others share with them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import select

from web.portal.accounts.models import User
from web.portal.database import db
from web.portal.devices import configuration, shares
from web.portal.devices.models import Device, Share
from web.portal.devices.setting_models import DeviceSetting, SettingEdit


def of(user: int) -> dict[str, Any]:
    """Moments in ISO 8601, UTC."""
    devices = db.session.execute(
        select(Device).where(Device.owner_id == user).order_by(Device.name, Device.id)
    ).scalars()
    return {"devices": [_device(device) for device in devices], "shared_with_me": _shared_with(user)}


def _device(device: Device) -> dict[str, Any]:
    known = configuration.of(device)
    return {
        "id": device.id,
        "name": device.name,
        "model": device.model,
        "version": device.version,
        "public_name": device.public_name,
        "claimed_at": _moment(device.claimed_at),
        "seen_at": _moment(device.seen_at),
        "cameras": [{"id": camera.camera, "name": camera.name} for camera in device.cameras],
        "settings": [_setting(row) for row in known.rows.values()],
        "setting_edits": [_edit(edit) for edit in known.edits],
        "shares": [{"email": email, **_share(share)} for email, rows in shares.of(device).items() for share in rows],
        "invitations": [
            {"email": one.email, "cameras": json.loads(one.cameras), "until": _moment(one.until)}
            for one in shares.waiting(device)
        ],
    }


def _setting(row: DeviceSetting) -> dict[str, Any]:
    return {
        "name": row.name,
        "value": json.loads(row.value),
        "version": row.version,
        "edited_at": _moment(row.edited_at),
        "edited_by": row.edited_by,
    }


def _edit(edit: SettingEdit) -> dict[str, Any]:
    return {
        "name": edit.name,
        "value": json.loads(edit.value),
        "origin": edit.origin,
        "state": edit.state,
        "why": edit.why,
        "version": edit.version,
        "made_by": edit.made_by,
        "made_at": _moment(edit.made_at),
        "settled_at": _moment(edit.settled_at),
    }


def _shared_with(user: int) -> list[dict[str, Any]]:
    rows = db.session.execute(
        select(Share, Device.name, User.email)
        .join(Device, Device.id == Share.device_id)
        .join(User, User.id == Device.owner_id)
        .where(Share.user_id == user)
        .order_by(Device.name, Device.id, Share.camera)
    )
    return [{"device": name, "owner": owner, **_share(share)} for share, name, owner in rows]


def _share(share: Share) -> dict[str, Any]:
    return {
        "camera": share.camera,
        "can": share.can.split(","),
        "until": _moment(share.until),
        "since": _moment(share.created_at),
    }


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
