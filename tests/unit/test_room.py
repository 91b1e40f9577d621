"""Who may watch beside whom."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.errors import TooManyConnections, TooManyViewers
from pi_cam.transport.room import check
from pi_cam.transport.viewers import Visitor

LIMIT = 8


def at(address: str, name: str = "Ada", session: str | None = "session") -> Visitor:
    return Visitor(f"user {name}", name, session, address=address)


HOME, OTHER = at("192.168.1.7"), at("192.168.1.8")


def may(comer: Visitor, watching: list[Visitor], connecting: int = 0, limit: int = LIMIT) -> str:
    """The first `connecting` of them are."""
    try:
        check(comer, watching, watching[:connecting], limit)
    except TooManyConnections:
        return "too many from there"
    except TooManyViewers:
        return "too many"
    return "yes"


def test_three_quarters_may_come_from_one_address() -> None:
    assert may(HOME, [HOME] * 5) == "yes"
    assert may(HOME, [HOME] * 6) == "too many from there"
    assert may(at("192.168.1.7", "Zoé"), [HOME] * 6) == "too many from there", "whoever it is"
    assert may(OTHER, [HOME] * 6) == "yes"
    assert may(OTHER, [HOME] * 6 + [OTHER] * 2) == "too many"


def test_half_may_be_about_to_connect_from_one_address_and_three_quarters_in_all() -> None:
    assert may(HOME, [HOME] * 4, 3) == "yes"
    assert may(HOME, [HOME] * 4, 4) == "too many from there"
    assert may(OTHER, [HOME] * 4, 4) == "yes"
    assert may(at("192.168.1.9"), [HOME, HOME, HOME, OTHER, OTHER, OTHER], 6) == "too many"


@pytest.mark.parametrize("shared", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "127.8.0.1", "", "unix"])
def test_behind_a_tunnel_people_are_told_apart(shared: str) -> None:
    ada, zoe = at(shared, "Ada"), at(shared, "Zoé")
    assert may(ada, [ada] * 6) == "too many from there"
    assert may(zoe, [ada] * 6) == "yes"
    assert may(ada, [ada] * 4, 4) == "too many from there"
    assert may(zoe, [ada] * 4, 4) == "yes"


def test_a_program_behind_it_may_watch_for_many_once_it_is_connected() -> None:
    restreamer = at("127.0.0.1", "token 1", session=None)
    assert may(restreamer, [restreamer] * 7) == "yes"
    assert may(restreamer, [restreamer] * 4, 4) == "too many from there"
    assert may(at("192.168.1.7", "token 1", session=None), [HOME] * 6) == "too many from there"


def test_few_places_are_shared_all_the_same() -> None:
    assert may(HOME, [], limit=1) == "yes"
    assert may(HOME, [HOME], limit=1) == "too many"
    assert may(HOME, [HOME], 1, limit=2) == "yes"
    assert may(HOME, [OTHER, HOME], 2, limit=3) == "too many"


@given(st.integers(4, 100), st.integers(0, 40))
def test_one_place_alone_never_keeps_all_others_out(limit: int, tries: int) -> None:
    """Whether it connects or not."""
    for connects in (True, False):
        watching: list[Visitor] = []
        for _ in range(tries + limit):
            if may(HOME, watching, 0 if connects else len(watching), limit) == "yes":
                watching.append(HOME)
        assert may(OTHER, watching, 0 if connects else len(watching), limit) == "yes"
