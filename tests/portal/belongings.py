"""Somebody who has one of everything, and what of it stands in the database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import Flask
from sqlalchemy import Connection, Engine, insert, select
from werkzeug.routing import Rule

from tests.portal.configuring import edit, tell
from tests.portal.forwarding import paired
from tests.portal.post_office import PostOffice
from tests.portal.speaking import CAMERAS, Speaker
from tests.portal.test_devices import MAX, ZOE, claim, other
from tests.portal.visitor import Visitor
from web.portal.accounts.models import Passkey, RecoveryCode, SignIn, User
from web.portal.database import Base, now
from web.portal.devices.models import Invitation
from web.portal.devices.setting_models import SettingEdit

FLEETING = {"attempts", "challenges", "watches"}
"""Tables in which nothing belongs to anybody for longer than minutes."""

INVITED, NEW_ADDRESS = "neighbour@example.org", "zoe-new@example.org"
ACTOR, KEY_NAME, VALUE = "Ada Lovelace", "Blue key", "7.25"
PORCH, FRONT_DOOR, BEDROOM, SHED = "Porch", "Front door", "Bedroom", "Shed"
HERS = (ZOE, NEW_ADDRESS, INVITED, ACTOR, KEY_NAME, VALUE, PORCH, FRONT_DOOR, BEDROOM, SHED)
"""What nobody else gets to read."""

SHOWN_TO_GUEST = (ZOE, PORCH, FRONT_DOOR)
"""But who it is that shares what."""

PARAMETER = re.compile(r"<(?:[a-z]+:)?([a-z_]+)>")
Dump = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Belongings:
    """`parameters`: what stands in a path, by the name of the parameter, or by the whole route where the same name means
    different things. `asked`: fields of forms and addresses that would do what a route is for."""

    user: int
    device: str
    parameters: Mapping[str, str]
    asked: Mapping[str, Mapping[str, str]]

    def path(self, rule: Rule) -> str:
        """Raises `KeyError` for a parameter that is not known here."""
        return PARAMETER.sub(lambda found: quote(self._value(rule, found[1]), safe="/"), rule.rule)

    def _value(self, rule: Rule, name: str) -> str:
        return self.parameters[rule.rule] if rule.rule in self.parameters else self.parameters[name]

    def dump(self, engine: Engine) -> Dump:
        """All rows that are hers."""
        found: Dump = {}
        with engine.connect() as connection:
            for table in Base.metadata.sorted_tables:
                if table.name not in FLEETING:
                    rows = connection.execute(select(table)).mappings()
                    found[table.name] = [dict(row) for row in rows if self._is_hers(table.name, row)]
        return found

    def _is_hers(self, table: str, row: Mapping[Any, Any]) -> bool:
        """Shares are hers that others have of her device; of what else names a person, what names her."""
        if table == "users":
            return bool(row["id"] == self.user)
        for name, own in (("owner_id", self.user), ("user_id", self.user), ("device_id", self.device)):
            if name in row and not (table == "shares" and name == "user_id"):
                return bool(row[name] == own)
        return True


def one_of_everything(app: Flask, zoe: Visitor, office: PostOffice, engine: Engine) -> tuple[Belongings, Visitor]:
    """`zoe` is signed in, and her link for confirming is the newest letter. Gives her guest, too, with whom one of two
    cameras is shared."""
    links = {"/confirm/<token>": office.link(ZOE)}
    device = Speaker(app)
    scribe = paired(zoe, device, name=PORCH)
    two = [CAMERAS[0] | {"name": FRONT_DOOR}, CAMERAS[0] | {"id": "garden", "name": BEDROOM, "state": "unreachable"}]
    assert device.presence(cameras=two).status_code == 200
    scribe.did(2, actor=ACTOR)
    tell(device)
    assert edit(zoe, device, gain=VALUE).status_code == 303
    guest = other(app, office)
    _invite(zoe, device, MAX)
    assert guest.post(office.link(MAX)).status_code == 303
    _invite(zoe, device, INVITED)
    links["/invitation/<token>"] = office.link(INVITED)
    assert zoe.post("/account/email", email=NEW_ADDRESS).status_code == 303
    links["/account/email/<token>"] = office.link(NEW_ADDRESS)
    assert zoe.post("/forgot", email=ZOE).status_code == 303
    links["/reset/<token>"] = office.link(ZOE)
    nonce = {"device": device.id, "nonce": "n" * 20}
    assert zoe.get("/enter", query_string=nonce).status_code == 200
    second = Speaker(app)
    assert second.authorize(name=SHED).status_code == 200
    claim(zoe, second)
    with engine.begin() as connection:
        user, numbers = _plant(connection)
        key = connection.execute(select(SettingEdit.key).where(SettingEdit.state == "waiting")).scalar_one()
        assert connection.execute(select(Invitation.email)).scalar_one() == INVITED
    files = {"/ui/player/": "api.js", "/ui/static/": "base.css", "/portal/": "portal.css"}
    parameters = {
        "device_id": device.id,
        "key": key,
        **numbers,
        **{route: path.rpartition("/")[2] for route, path in links.items()},
        **{f"{folder}<path:filename>": name for folder, name in files.items()},
    }
    asked = {
        "/enter": {**nonce, "camera": "main"},
        "/journal": {"device": device.id},
        "/journal/export": {"device": device.id, "format": "json"},
        "/devices/<device_id>/invite": {"email": "eve@example.org", "main.view": "on"},
        "/devices/<device_id>/invitations/end": {"email": INVITED},
        "/devices/<device_id>/shares/<int:user>": {"main.view": "on", "main.talk": "on"},
        "/devices/<device_id>/settings": {"shown.gain": "[1, 0.0]", "value.gain": "9"},
    }
    return Belongings(user, device.id, parameters, asked), guest


def _invite(zoe: Visitor, device: Speaker, email: str) -> None:
    path = f"/devices/{device.id}"
    fields = {"email": email, "main.view": "on"}
    assert zoe.post(f"{path}/invite", page=f"{path}/people", **fields).status_code == 303


def _plant(connection: Connection) -> tuple[int, dict[str, str]]:
    """What only an authenticator or an app would make; her number, and the numbers that stand in paths."""
    people = {row.email: int(row.id) for row in connection.execute(select(User.id, User.email))}
    user = people[ZOE]
    passkey = {"credential_id": b"1", "public_key": b"1", "sign_count": 0, "name": KEY_NAME, "created_at": now()}
    connection.execute(insert(Passkey).values(user_id=user, **passkey))
    connection.execute(insert(RecoveryCode).values(user_id=user, code_hash="0" * 64))
    numbers = {
        "passkey": connection.execute(select(Passkey.id)).scalar_one(),
        "sign_in": connection.execute(select(SignIn.id).where(SignIn.user_id == user)).scalar_one(),
        "user": people[MAX],
    }
    return user, {name: str(number) for name, number in numbers.items()}
