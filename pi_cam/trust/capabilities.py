"""Roles, capabilities, and the one function that decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pi_cam.errors import NotAllowed, SettingError

Capability = Literal["view", "listen", "talk", "control", "record", "configure"]
CAPABILITIES: tuple[Capability, ...] = ("view", "listen", "talk", "control", "record", "configure")

ROLES: dict[str, frozenset[Capability]] = {
    "owner": frozenset(CAPABILITIES),
    "member": frozenset({"view", "listen", "talk", "control", "record"}),
    "guest": frozenset({"view", "listen"}),
}


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever makes a request: a signed-in user, or the bearer of a token. `session`: its id, or None for a token."""

    name: str
    role: str | None
    can: frozenset[Capability]
    session: str | None


def allowed(person: Person, capability: Capability) -> bool:
    """The one place where it is decided whether a person may do something."""
    return capability in person.can


def require(person: Person, capability: Capability) -> None:
    """Raises `NotAllowed` unless `allowed`."""
    if not allowed(person, capability):
        raise NotAllowed(f"This needs the right to {capability}.")


def parse_capabilities(text: str) -> frozenset[Capability]:
    """`view,listen` → capabilities. Raises `SettingError` for an unknown or missing word."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = [capability for capability in CAPABILITIES if capability in words]
    unknown = sorted(set(words) - set(known))
    if unknown or not known:
        problem = f"There is no capability named {unknown[0]}." if unknown else "Name at least one capability."
        raise SettingError(f"{problem} Choose from: {', '.join(CAPABILITIES)}.")
    return frozenset(known)


def in_order(capabilities: Iterable[Capability]) -> list[Capability]:
    """As a list, in the order in which they are always named."""
    have = set(capabilities)
    return [capability for capability in CAPABILITIES if capability in have]
