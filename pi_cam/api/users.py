"""The people who were let in, and what each may do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from pi_cam.api.access import current_person, note
from pi_cam.api.people_schemas import NewUserSchema, PasswordSchema, UserChangeSchema, UserSchema, UsersSchema
from pi_cam.api.rules import rule
from pi_cam.api.schemas import json_body
from pi_cam.api.services import services
from pi_cam.cameras import Cameras
from pi_cam.errors import NotFound, SettingError
from pi_cam.trust.capabilities import CAPABILITIES, in_order, known_capabilities, require_own
from pi_cam.trust.grants import Grants
from pi_cam.trust.users import UserRow

blueprint = Blueprint("users", __name__, url_prefix="/api/v1/users")


def described(row: UserRow) -> dict[str, Any]:
    """A user as JSON."""
    return {
        "id": row.id,
        "name": row.name,
        "role": row.role,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "cameras": {camera: in_order(can) for camera, can in row.grants.items()},
    }


@blueprint.get("")
@rule("All users", "configure", {200: UsersSchema})
def list_all() -> Response:
    """The owner first."""
    return jsonify(users=[described(row) for row in services().users.list()])


@blueprint.post("")
@rule("Let somebody in", "configure", {201: UserSchema, 409: None}, body=NewUserSchema)
def add() -> Response:
    """With a first password, which they change."""
    given = json_body(NewUserSchema)
    grants = _grants(given["cameras"])
    row = services().users.add(given["name"], given["password"], given["role"], grants, given["expires_at"])
    note("user-added", name=row.name, role=row.role, cameras=_flat(row))
    response = jsonify(described(row))
    response.status_code = 201
    return response


@blueprint.get("/<number:user>")
@rule("One user", "configure", {200: UserSchema})
def one(user: int) -> Response:
    """One user."""
    return jsonify(described(services().users.get(user)))


@blueprint.patch("/<number:user>")
@rule("Change what somebody may do", "configure", {200: UserSchema}, body=UserChangeSchema)
def change(user: int) -> Response:
    """Takes effect at once, on what they watch now, too."""
    given = json_body(UserChangeSchema)
    if "cameras" in given:
        given["grants"] = _grants(given.pop("cameras"))
    row = services().users.change(user, **given)
    note("user-changed", name=row.name, role=row.role, cameras=_flat(row), expires_at=row.expires_at)
    services().present.check_now()
    return jsonify(described(row))


@blueprint.put("/<number:user>/password")
@rule("A new password for somebody who forgot theirs", "configure", {204: None}, body=PasswordSchema)
def set_password(user: int) -> Response:
    """Ends all their sessions. Whoever sets it can sign in as them, now and later: it takes every right that there is."""
    given = json_body(PasswordSchema)
    require_own(current_person(), CAPABILITIES, None)
    services().users.set_password(user, given["password"], clear_factors=given["clear_factors"])
    note("password-changed", name=services().users.get(user).name, factors_cleared=given["clear_factors"])
    services().present.check_now()
    return Response(status=204)


@blueprint.delete("/<number:user>")
@rule("Take somebody's access away", "configure", {204: None})
def remove(user: int) -> Response:
    """With all their sessions."""
    note("user-removed", name=services().users.remove(user).name)
    services().present.check_now()
    return Response(status=204)


def known_cameras(wanted: Iterable[str]) -> None:
    """Raises `SettingError` for an id that no camera has."""
    for camera in wanted:
        try:
            services().loop.call(_look_for(services().cameras, camera))
        except NotFound:
            raise SettingError("There is no such camera.") from None


def _flat(row: UserRow) -> list[str]:
    return [f"{camera}: {' '.join(in_order(can))}" for camera, can in row.grants.items()]


async def _look_for(cameras: Cameras, camera: str) -> None:
    cameras.get(camera)


def _grants(given: Mapping[str, list[str]]) -> Grants:
    """Checked: cameras that exist, and rights that whoever grants them has."""
    grants = {camera: known_capabilities(can) for camera, can in given.items() if can}
    known_cameras(grants)
    for camera, can in grants.items():
        require_own(current_person(), can, camera)
    return grants
