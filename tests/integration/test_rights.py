"""Live sockets and media of everybody with every role: who gets in, and how a right that ends, ends them."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from tests import network
from tests.live_page import LivePage
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.server import OWNER, PASSWORD, Server, serving

SOURCE = "synthetic:?size=160x120&fps=10"
EVERYTHING = ["view", "listen", "talk", "control", "record", "configure"]
GUEST = ["view", "listen"]
DAY = 86_400.0


class People:
    """A server, and ways to come to it as this one or that one."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.token = server.token(",".join(EVERYTHING))
        self.ids: dict[str, int] = {}
        self.tell("POST", "/api/v1/cameras", name="Other", address="rtsp://camera.invalid/")

    def tell(self, method: str, path: str, **fields: Any) -> dict[str, Any]:
        body = json.dumps(fields).encode()
        kind = {"Content-Type": "application/json"}
        answer = self.server.request(method, path, token=self.token, body=body, headers=kind)
        assert answer.status < 300, answer.body
        found: dict[str, Any] = answer.json() if answer.body else {}
        return found

    def add(self, name: str, cameras: dict[str, list[str]], role: str = "member") -> None:
        end = time.time() + DAY if role == "guest" else None
        user = {"name": name, "password": PASSWORD, "role": role, "expires_at": end, "cameras": cameras}
        self.ids[name] = self.tell("POST", "/api/v1/users", **user)["id"]

    def cookie(self, name: str) -> dict[str, str]:
        body = json.dumps({"name": name, "password": PASSWORD}).encode()
        kind = {"Content-Type": "application/json"}
        answer = self.server.request("POST", "/api/v1/sessions", body=body, headers=kind)
        assert answer.status == 201, answer.body
        return {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}

    def access_ended(self, name: str) -> None:
        """What the clock does to a guest."""
        with closing(sqlite3.connect(self.server.data / "pi-cam.db", timeout=5)) as database, database:
            database.execute("UPDATE users SET expires_at = ? WHERE id = ?", (time.time() - 1, self.ids[name]))

    def token_for(self, can: list[str], cameras: list[str] | None) -> str:
        name = f"test {time.time_ns()}"
        return str(self.tell("POST", "/api/v1/tokens", name=name, can=can, cameras=cameras)["token"])


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[People]:
    folder = tmp_path_factory.mktemp("rights")
    with serving(folder, SOURCE, owner=True, environment={"PI_CAM_GRACE_SECONDS": "0.2"}) as server:
        people = People(server)
        people.add("member", {"main": ["view", "control"]})
        people.add("elsewhere", {"other": EVERYTHING})
        people.add("guest", {"main": GUEST}, role="guest")
        yield people


WHO: dict[str, tuple[Callable[[People], str | None], Callable[[People], dict[str, str]], int | list[str]]] = {
    "nobody": (lambda _: None, lambda _: {}, 4401),
    "unknown token": (lambda _: "pct_made-up", lambda _: {}, 4401),
    "unknown cookie": (lambda _: None, lambda _: {"Cookie": "sid=made-up"}, 4401),
    "view token": (lambda people: people.token_for(["view"], None), lambda _: {}, ["view"]),
    "control token": (lambda people: people.token_for(["control"], None), lambda _: {}, 4403),
    "token for another camera": (lambda people: people.token_for(EVERYTHING, ["other"]), lambda _: {}, 4403),
    "owner": (lambda _: None, lambda people: people.cookie(OWNER), EVERYTHING),
    "member": (lambda _: None, lambda people: people.cookie("member"), ["view", "control"]),
    "member of another camera": (lambda _: None, lambda people: people.cookie("elsewhere"), 4403),
    "guest": (lambda _: None, lambda people: people.cookie("guest"), GUEST),
}
"""Token, cookie, and what comes of it: a close code, or what the greeting says that they can."""

MESSAGES: list[tuple[str, dict[str, Any], str | None]] = [
    ("clock", {"sent": 1}, "clock"),
    ("candidate", {"candidate": None}, None),
    ("offer", {"sdp": "garbage"}, "error"),
    ("bye", {}, None),
    ("configure", {"setting": 1}, "error"),
]
"""Each message of docs/protocol.md (and one that is none), and the type of its answer."""


@pytest.mark.parametrize("name", WHO)
def test_each_comes_in_by_the_socket_as_their_rights_say(people: People, name: str) -> None:
    token, cookie, outcome = WHO[name]
    with LivePage(people.server, token(people), headers=cookie(people)) as page:
        if isinstance(outcome, int):
            assert page.wait_closed(3) == outcome
            return
        assert page.next("hello")["can"] == outcome
        for number, (kind, fields, answered) in enumerate(MESSAGES):
            page.send(kind, id=str(number), **fields)
            if answered is not None:
                answer = page.next(answered)
                assert answer["id"] == str(number)
        assert page.is_open()


def test_a_message_never_gives_more_than_the_greeting_said(people: People) -> None:
    """A second socket, another camera's id in a message: nothing of it is looked at."""
    with LivePage(people.server, None, headers=people.cookie("member")) as page:
        page.next("hello")
        page.send("clock", id="1", sent=1, camera="other", can=EVERYTHING)
        assert page.next("clock")["id"] == "1"
        page.send("offer", id="2", sdp="garbage", camera="other")
        assert page.next("error")["status"] == 422


def session_of(people: People, cookie: dict[str, str]) -> str:
    rows = people.server.request("GET", "/api/v1/sessions", headers=cookie).json()["sessions"]
    (current,) = (row["id"] for row in rows if row["current"])
    return str(current)


def end_session_elsewhere(people: People, name: str, cookie: dict[str, str]) -> None:
    own = {**people.cookie(name), "X-Pi-Cam": "1"}
    session = session_of(people, cookie)
    assert people.server.request("DELETE", f"/api/v1/sessions/{session}", headers=own).status == 204


ENDINGS: dict[str, tuple[Callable[[People, str, dict[str, str]], object], int]] = {
    "the session is ended from elsewhere": (end_session_elsewhere, 4401),
    "the user is removed": (lambda p, n, _: p.tell("DELETE", f"/api/v1/users/{p.ids[n]}"), 4401),
    "the right to view is taken": (
        lambda p, n, _: p.tell("PATCH", f"/api/v1/users/{p.ids[n]}", cameras={"other": ["view"]}),
        4403,
    ),
    "another right is taken": (
        lambda p, n, _: p.tell("PATCH", f"/api/v1/users/{p.ids[n]}", cameras={"main": ["view"]}),
        1001,
    ),
    "the password is set anew": (
        lambda p, n, _: p.tell("PUT", f"/api/v1/users/{p.ids[n]}/password", password=PASSWORD + "!"),
        4401,
    ),
    "the guest's time is over": (lambda p, n, _: p.access_ended(n), 4401),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_a_right_that_ends_ends_the_page_within_two_seconds(people: People, how: str) -> None:
    name = f"person {list(ENDINGS).index(how)}"
    people.add(name, {"main": GUEST}, role="guest")
    end, code = ENDINGS[how]
    cookie = people.cookie(name)
    with LivePage(people.server, None, headers=cookie) as page:
        page.next("hello")
        end(people, name, cookie)
        began = time.monotonic()
        assert page.wait_closed(4) == code
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("kept", [[], ["view"]], ids=["all", "sound"])
def test_a_token_that_is_worth_less_ends_its_media(people: People, kept: list[str]) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    token = people.token_for(GUEST, None)
    name = people.tell("GET", "/api/v1/tokens")["tokens"][-1]["name"]

    def take() -> None:
        if not kept:
            assert people.server.request("DELETE", f"/api/v1/tokens/{name.replace(' ', '%20')}", token=people.token)
            return
        with closing(sqlite3.connect(people.server.data / "pi-cam.db", timeout=5)) as database, database:
            database.execute("UPDATE tokens SET can = ? WHERE name = ?", (",".join(kept), name))

    async def run() -> None:
        async with WhepPeer(people.server, token, decode=False) as viewer:
            await viewer.until(lambda: len(viewer.packets) > 3)
            await asyncio.to_thread(take)
            await asyncio.sleep(2)
            count = len(viewer.packets)
            await asyncio.sleep(0.7)
            assert len(viewer.packets) == count

    asyncio.run(run())


def test_who_watches_is_seen_by_those_who_may_watch_and_ended_by_the_owner_only(people: People) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)

    async def run() -> None:
        async with WhepPeer(people.server, people.token_for(["view"], None), decode=False) as viewer:
            await viewer.until(lambda: len(viewer.packets) > 3)
            member = {**people.cookie("member"), "X-Pi-Cam": "1"}
            path = "/api/v1/cameras/main/viewers"
            (row,) = people.server.request("GET", path, headers=member).json()["viewers"]
            assert row["transport"] == "webrtc"
            assert row["id"] not in viewer.location  # that address is a secret of its viewer
            assert people.server.request("DELETE", f"{path}/{row['id']}", headers=member).status == 403
            elsewhere = people.cookie("elsewhere")
            assert people.server.request("GET", path, headers=elsewhere).status == 403
            assert people.server.request("DELETE", f"{path}/{row['id']}", token=people.token).status == 204
            assert people.server.request("GET", path, headers=member).json()["viewers"] == []

    asyncio.run(run())


def test_members_cannot_give_themselves_or_others_anything(people: People) -> None:
    people.add("chief", {"main": EVERYTHING})
    chief = {**people.cookie("chief"), "X-Pi-Cam": "1", "Content-Type": "application/json"}
    attempts: list[tuple[str, str, dict[str, Any]]] = [
        ("PATCH", f"/api/v1/users/{people.ids['chief']}", {"cameras": {"other": EVERYTHING}}),
        ("PATCH", f"/api/v1/users/{people.ids['chief']}", {"role": "owner"}),
        ("POST", "/api/v1/users", {"name": "x", "password": PASSWORD, "role": "member", "cameras": {"main": ["view"]}}),
        ("POST", "/api/v1/tokens", {"name": "x", "can": ["view"]}),
        ("POST", "/api/v1/tokens", {"name": "x", "can": ["view"], "cameras": ["main"]}),
        ("PATCH", "/api/v1/settings", {"viewers_max": 1}),
        ("POST", "/api/v1/cameras", {"name": "x", "address": "rtsp://camera.invalid/"}),
        ("POST", "/api/v1/cameras/check", {"address": "rtsp://camera.invalid/"}),
        ("PATCH", "/api/v1/cameras/other", {"name": "x"}),
        ("PATCH", "/api/v1/cameras/main", {"allow_lan": True}),
        ("DELETE", "/api/v1/cameras/other", {}),
        ("DELETE", f"/api/v1/users/{people.ids['member']}", {}),
    ]
    for method, path, fields in attempts:
        answer = people.server.request(method, path, body=json.dumps(fields).encode(), headers=chief)
        assert answer.status == 403, f"{method} {path}: {answer.status} {answer.body!r}"
    renamed = json.dumps({"name": "Camera"}).encode()
    assert people.server.request("PATCH", "/api/v1/cameras/main", body=renamed, headers=chief).status == 200


def test_a_token_gives_away_no_more_than_it_has(people: People) -> None:
    token = people.token_for(["configure"], None)
    kind = {"Content-Type": "application/json"}
    for path, fields in (
        ("/api/v1/tokens", {"name": "y", "can": ["view"]}),
        ("/api/v1/users", {"name": "y", "password": PASSWORD, "role": "member", "cameras": {"main": ["view"]}}),
    ):
        answer = people.server.request("POST", path, token=token, body=json.dumps(fields).encode(), headers=kind)
        assert answer.status == 403, answer.body
    taken_over = json.dumps({"password": PASSWORD + "!", "clear_factors": True}).encode()
    path = f"/api/v1/users/{people.ids['member']}/password"
    assert people.server.request("PUT", path, token=token, body=taken_over, headers=kind).status == 403
    assert people.cookie("member")
