"""What every route must say of itself: who may use it and what it answers. A route that says nothing is closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from marshmallow import Schema

from pi_cam.trust.capabilities import Capability

Access = Literal["public", "setup", "wizard", "person"] | Capability
"""`public`: anybody. `setup`, `wizard`: anybody, until there is an owner; from then on whoever may configure the device (by
`setup` strangers are told that there is an owner, by `wizard` they are asked to sign in). `person`: whoever is signed in.
Else: the capability."""

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Rule:
    """`answers`: status → JSON schema, media types, or None for an empty answer. `body`: JSON schema or media type taken.
    `bearer_only`: a cookie does not count (the route is open to other origins). `websocket`: refusals are close codes.
    `anywhere`: the capability on any one camera is enough, and the view shows what belongs to those. Without it, a
    capability counts for the camera that the address names, and where it names none (or with `device`), for the device.
    `query`: the parameters behind the question mark.
    `lan_only`: does not exist for who comes through the tunnel; `tunnel_only`: for who comes in the home.
    `from_elsewhere`: another site may send people here, because what they bring proves itself."""

    summary: str
    access: Access
    answers: dict[int, type[Schema] | str | None] = field(default_factory=dict)
    body: type[Schema] | str | None = None
    bearer_only: bool = False
    websocket: bool = False
    anywhere: bool = False
    device: bool = False
    query: type[Schema] | None = None
    lan_only: bool = False
    tunnel_only: bool = False
    from_elsewhere: bool = False


ATTRIBUTE = "_pi_cam_rule"


def rule(
    summary: str,
    access: Access,
    answers: dict[int, type[Schema] | str | None],
    **more: Any,
) -> Callable[[View], View]:
    """Decorates a view, below the route decorator. `more`: further fields of `Rule`."""

    def attach(view: View) -> View:
        setattr(view, ATTRIBUTE, Rule(summary, access, answers, **more))
        return view

    return attach


def rule_of(view: Callable[..., Any] | None) -> Rule | None:
    """What a view says of itself."""
    return getattr(view, ATTRIBUTE, None)
