"""Roles, capabilities, and the one function that decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from pi_cam.errors import NotAllowed, SettingError

Capability = Literal["view", "listen", "talk", "control", "record", "configure"]
CAPABILITIES: tuple[Capability, ...] = ("view", "listen", "talk", "control", "record", "configure")

Role = Literal["owner", "member", "guest"]
ROLES: dict[str, frozenset[Capability]] = {
    "owner": frozenset(CAPABILITIES),
    "member": frozenset(CAPABILITIES),
    "guest": frozenset({"view", "listen", "talk", "control"}),
}
"""The most that a role may be given. The owner has all of it, on every camera and on the device; members and guests have
what was granted them, camera by camera."""

NOWHERE: Mapping[str, frozenset[Capability]] = {}


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever makes a request: a signed-in user, or the bearer of a token.

    `key`: `user 3` or `token kitchen`, so that no name can pass for another. `can`: on the device itself and on every
    camera; `on`: camera → what besides, there only. `session`: its id, or None for a token. `portal_role`: what the portal
    called who came from there.
    """

    key: str
    name: str
    role: str | None
    can: frozenset[Capability]
    session: str | None
    on: Mapping[str, frozenset[Capability]] = field(default_factory=dict)
    portal_role: str = ""


def allowed(person: Person, capability: Capability, camera: str | None = None) -> bool:
    """The one place where it is decided whether a person may do something: to a camera, or (None) to the device."""
    return capability in person.can or (camera is not None and capability in person.on.get(camera, ()))


def allowed_somewhere(person: Person, capability: Capability) -> bool:
    """Whether there is any camera on which it is `allowed`."""
    return allowed(person, capability) or any(allowed(person, capability, camera) for camera in person.on)


def rights(person: Person, camera: str) -> list[Capability]:
    """All that is allowed on one camera, in the order in which capabilities are always named."""
    return [capability for capability in CAPABILITIES if allowed(person, capability, camera)]


def require(person: Person, capability: Capability, camera: str | None = None) -> None:
    """Raises `NotAllowed` unless `allowed`."""
    if not allowed(person, capability, camera):
        raise NotAllowed(f"This needs the right to {capability}.")


def require_own(person: Person, wanted: Iterable[Capability], camera: str | None) -> None:
    """Nobody gives away what they do not have themselves. Raises `NotAllowed`."""
    for capability in wanted:
        require(person, capability, camera)


def parse_capabilities(text: str) -> frozenset[Capability]:
    """`view,listen` → capabilities. Raises `SettingError` for an unknown or missing word."""
    return known_capabilities([word.strip() for word in text.split(",") if word.strip()])


def known_capabilities(words: Iterable[str]) -> frozenset[Capability]:
    """Words → capabilities. Raises `SettingError` for an unknown word, or none at all."""
    wanted = set(words)
    known = [capability for capability in CAPABILITIES if capability in wanted]
    unknown = sorted(wanted - set(known))
    if unknown or not known:
        problem = f"There is no capability named {unknown[0]}." if unknown else "Name at least one capability."
        raise SettingError(f"{problem} Choose from: {', '.join(CAPABILITIES)}.")
    return frozenset(known)


def in_order(capabilities: Iterable[Capability]) -> list[Capability]:
    """As a list, in the order in which they are always named."""
    have = set(capabilities)
    return [capability for capability in CAPABILITIES if capability in have]
