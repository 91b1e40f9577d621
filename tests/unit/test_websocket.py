"""The live protocol without sockets: each message, and each way to misbehave."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.utilities import LocalProtocolError

from pi_cam.api.sockets import close_socket, send_text
from pi_cam.bitrate import Gets
from pi_cam.errors import CameraStopped, NoRelay, OfferRefused, TooManyConnections, TooManyViewers
from pi_cam.transport import websocket as protocol
from pi_cam.transport.delay import Shown, Spent
from pi_cam.transport.doors import Watchable, WebRtcDoor
from pi_cam.transport.floor import Floor
from pi_cam.transport.ice import Ice
from pi_cam.transport.viewers import Visitor
from pi_cam.transport.websocket import BURST_MESSAGES, MAX_MESSAGE_BYTES, MESSAGES_PER_SECOND, LiveSession
from tests.unit.real_offer import OFFER


@dataclass
class FakeConnection:
    """Keeps what was sent, as a browser would read it; nothing leaves after a close."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    closed: tuple[int, str] | None = None

    def send(self, message: dict[str, Any]) -> None:
        text = json.dumps(message, allow_nan=False)
        if self.closed is None:
            self.sent.append(json.loads(text))

    def close(self, code: int, reason: str) -> None:
        self.closed = self.closed or (code, reason)


@dataclass
class FakeHub:
    state: str = "idle"
    watchers: list[Callable[[], None]] = field(default_factory=list)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        self.watchers.append(changed)
        return lambda: self.watchers.remove(changed)

    def become(self, state: str) -> None:
        self.state = state
        for watcher in list(self.watchers):
            watcher()


@dataclass(eq=False)
class FakePeer:
    offer: str
    ended: Callable[[str], None]
    shown: Shown = field(default_factory=Shown)
    pair: tuple[int, float] | None = None
    candidates: list[tuple[str, str | None, int | None]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    listening: bool = True
    can_talk: bool = True
    id: str = "secret-id"
    public_id: str = "public-id"
    camera: str = "main"
    transport: str = "fake"
    visitor: Visitor = field(default_factory=lambda: Visitor("user 1", "Ada", "session", ("view", "talk")))

    def listen(self, on: bool) -> None:
        self.listening = on

    def hears(self) -> bool:
        return self.listening

    async def add_candidate(self, candidate: str, mid: str | None, index: int | None) -> None:
        if "nonsense" in candidate:
            raise OfferRefused("This candidate makes no sense.")
        self.candidates.append((candidate, mid, index))

    def gets(self) -> Gets:
        return Gets("keyframes", "weak")

    def spent(self) -> Spent:
        return Spent(4.0, 0.2, 0.1, 4.3)

    def clock_pair(self) -> tuple[int, float] | None:
        return self.pair

    async def close(self, reason: str) -> None:
        self.reasons.append(reason)
        if len(self.reasons) == 1:
            self.ended(reason)


@dataclass
class FakeDoor:
    peers: list[FakePeer] = field(default_factory=list)
    refusal: Exception | None = None
    slow: asyncio.Event | None = None
    ice: Ice | None = None
    latency: str | None = None

    async def open(
        self,
        camera: str,
        hub: Watchable,
        visitor: Visitor,
        offer: str,
        ended: Callable[[str], None],
        *,
        listening: bool,
        floor: Floor | None,
        ice: Ice,
        latency: str | None,
    ) -> tuple[FakePeer, str]:
        self.ice, self.latency = ice, latency
        assert (camera, visitor.name) == ("main", "Ada")
        if self.slow:
            await self.slow.wait()
        if self.refusal:
            raise self.refusal
        peer = FakePeer(offer, ended, listening=listening)
        self.peers.append(peer)
        return peer, f"answer to {offer}"


class FakeVoices:
    def __init__(self) -> None:
        self.talking: list[str] = []

    def join(self, talker: str) -> None:
        self.talking.append(talker)

    def leave(self, talker: str) -> None:
        self.talking.remove(talker)

    def offer(self, talker: str, sequence: int, timestamp: int, payload: bytes) -> None:
        raise AssertionError("a page says nothing by WebSocket")


AT_HOME = Ice.of_stun(["stun:stun.example.org:3478"])


class Page:
    """An open page, with everything around it."""

    def __init__(self, state: str = "idle", *, loudspeaker: bool = True, ice: Ice = AT_HOME) -> None:
        self.connection, self.hub, self.door, self.now = FakeConnection(), FakeHub(state), FakeDoor(), 50.0
        self.voices = FakeVoices()
        self.floor = Floor(self.voices, lambda: False, clock=lambda: self.now) if loudspeaker else None
        self.trouble: str | None = None
        self.lent = 0
        self.session = LiveSession(
            self.connection,
            camera="main",
            hub=cast(Watchable, self.hub),
            describe=lambda: {"id": "main", "state": self.hub.state},
            describe_sound=lambda: {
                "trouble": self.trouble,
                "talk": {"talkers": self.floor.talkers() if self.floor else []},
            },
            watch_sound=self.floor.watch if self.floor else lambda changed: lambda: None,
            floor=self.floor,
            door=cast(WebRtcDoor, self.door),
            visitor=Visitor("user 1", "Ada", "session", ("view", "control", "talk")),
            ice=ice,
            lend=self.lend,
            vouch=lambda camera, nonce, offer, answer: {"signature": f"{camera} {nonce} {offer} {answer}"},
            clock=lambda: self.now,
        )
        self.session.open()

    async def lend(self) -> Ice:
        self.lent += 1
        return Ice(({"urls": ["turn:relay.example.org"], "username": "u", "credential": "c"},), self.now + 600, "ready")

    async def say(self, kind: str, **fields: object) -> list[dict[str, Any]]:
        """Sends a message; what came back."""
        return await self.say_text(json.dumps({"v": 1, "type": kind, **fields}))

    async def say_text(self, text: str | bytes) -> list[dict[str, Any]]:
        before = len(self.connection.sent)
        await self.session.receive(text)
        return self.connection.sent[before:]


def on_a_page(conversation: Callable[[Page], Awaitable[None]], state: str = "idle") -> None:
    async def run() -> None:
        await conversation(Page(state))

    asyncio.run(run())


def test_hello_comes_first_and_says_what_a_page_needs() -> None:
    (hello,) = Page().connection.sent
    assert len(hello.pop("viewer")) >= 20
    assert hello == {
        "v": 1,
        "type": "hello",
        "camera": {"id": "main", "state": "idle"},
        "ice_servers": [{"urls": "stun:stun.example.org:3478"}],
        "can": ["view", "control", "talk"],
        "owner": False,
        "sound": {"trouble": None, "talk": {"talkers": []}},
        "ice_seconds": None,
        "relay": "none",
    }


@pytest.mark.parametrize("state", ["stopped", "privacy"])
def test_a_camera_that_shows_nothing_says_so_and_closes(state: str) -> None:
    page = Page(state)
    assert [message["type"] for message in page.connection.sent] == ["hello", "state"]
    assert page.connection.closed == (protocol.CLOSE_STOPPED, state)


def test_each_change_of_state_is_told_and_a_stop_closes() -> None:
    page = Page()
    for state in ("starting", "live", "unreachable"):
        page.hub.become(state)
        assert page.connection.sent[-1] == {"v": 1, "type": "state", "camera": {"id": "main", "state": state}}
        assert page.connection.closed is None
    page.hub.become("stopped")
    assert page.connection.sent[-1]["camera"]["state"] == "stopped"
    assert page.connection.closed == (4409, "stopped")


def test_an_offer_is_answered_under_its_id() -> None:
    async def conversation(page: Page) -> None:
        assert await page.say("offer", id="7", sdp=OFFER) == [
            {"v": 1, "type": "answer", "id": "7", "sdp": f"answer to {OFFER}", "viewer": "public-id"}
        ]

    on_a_page(conversation)


def test_an_offer_without_sense_leaves_the_connection_that_there_is() -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        (message,) = await page.say("offer", id="2", sdp="garbage")
        assert (message["type"], message["status"], message["id"]) == ("error", 422, "2")
        (peer,) = page.door.peers
        assert peer.reasons == []

    on_a_page(conversation)


def test_a_second_offer_replaces_the_first() -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        messages = await page.say("offer", id="2", sdp=OFFER + "a=two\r\n")
        assert [message["type"] for message in messages] == ["answer"]
        first, second = page.door.peers
        assert (first.reasons, second.reasons) == (["replaced"], [])
        await page.say("candidate", candidate={"candidate": "candidate:1", "sdpMid": "0"})
        assert (len(first.candidates), len(second.candidates)) == (0, 1)

    on_a_page(conversation)


def test_an_offer_with_a_nonce_gets_a_signed_answer() -> None:
    async def conversation(page: Page) -> None:
        nonce = "0123456789abcdef"
        (message,) = await page.say("offer", id="1", sdp=OFFER, nonce=nonce)
        assert message["signature"] == f"main {nonce} {OFFER} answer to {OFFER}"
        (message,) = await page.say("offer", id="2", sdp=OFFER)
        assert "signature" not in message

    on_a_page(conversation)


@pytest.mark.parametrize("nonce", ["", "short", "x" * 65, 7, "0123456789abcde\n"])
def test_an_offer_with_a_bad_nonce_is_refused_and_leaves_the_connection_alone(nonce: object) -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        (message,) = await page.say("offer", id="2", sdp=OFFER, nonce=nonce)
        assert (message["type"], message["status"]) == ("error", 422)
        (peer,) = page.door.peers
        assert peer.reasons == []

    on_a_page(conversation)


def test_at_home_no_relay_is_asked_for() -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        (message,) = await page.say("ice", id="2")
        assert (message["relay"], message["ice_seconds"], page.lent) == ("none", None, 0)
        assert page.door.ice == AT_HOME

    on_a_page(conversation)


def test_a_relay_that_is_too_old_is_lent_anew_for_page_and_camera() -> None:
    async def conversation() -> None:
        page = Page(ice=Ice(good_until=100.0, relay="missing"))
        assert page.connection.sent[0]["ice_seconds"] == 50.0
        assert (await page.say("ice", id="1"))[0]["relay"] == "missing"
        page.now = 100.0
        (message,) = await page.say("ice", id="2")
        assert (message["id"], message["relay"], message["ice_seconds"], page.lent) == ("2", "ready", 600.0, 1)
        assert message["ice_servers"][0]["credential"] == "c"
        await page.say("offer", id="3", sdp=OFFER)
        assert (page.lent, page.door.ice and page.door.ice.relay) == (1, "ready")
        page.now = 700.0
        await page.say("offer", id="4", sdp=OFFER)
        assert page.lent == 2

    asyncio.run(conversation())


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (NoRelay("None."), 503, "no-relay"),
        (OfferRefused("No pictures."), 422, "refused"),
        (TooManyViewers("Full."), 503, "too-many-viewers"),
        (TooManyConnections("Full from there."), 429, "too-many-connections"),
        (CameraStopped("Stopped."), 409, "stopped"),
    ],
)
def test_a_refused_offer_is_an_error_and_the_page_goes_on(refusal: Exception, status: int, code: str) -> None:
    async def conversation(page: Page) -> None:
        page.door.refusal = refusal
        assert await page.say("offer", id="1", sdp=OFFER) == [
            {"v": 1, "type": "error", "id": "1", "status": status, "code": code, "detail": str(refusal)}
        ]
        page.door.refusal = None
        assert (await page.say("offer", id="2", sdp=OFFER))[0]["type"] == "answer"

    on_a_page(conversation)


@pytest.mark.parametrize("sdp", [None, 7, ["v=0"], {"sdp": "x"}])
def test_an_offer_without_text_is_refused(sdp: object) -> None:
    async def conversation(page: Page) -> None:
        (message,) = await page.say("offer", id="1", sdp=sdp)
        assert (message["type"], message["status"]) == ("error", 422)
        assert page.door.peers == []

    on_a_page(conversation)


@pytest.mark.parametrize(("reason", "code"), [("lost", "lost"), ("never-connected", "no-connection")])
def test_lost_media_is_told_and_a_new_offer_is_taken(reason: str, code: str) -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        page.door.peers[0].ended(reason)
        assert page.connection.sent[-1] == {"v": 1, "type": "end", "code": code}
        assert (await page.say("offer", id="2", sdp=OFFER))[0]["type"] == "answer"

    on_a_page(conversation)


def test_bye_ends_the_media_and_not_the_socket() -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        assert await page.say("bye") == []
        assert page.door.peers[0].reasons == ["goodbye"]
        assert await page.say("bye") == []
        assert page.connection.closed is None

    on_a_page(conversation)


def test_a_socket_that_closes_takes_its_media_along() -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        await page.session.close()
        await page.session.close()
        assert page.door.peers[0].reasons == ["goodbye"]
        assert page.hub.watchers == []

    on_a_page(conversation)


def test_an_answer_that_comes_after_the_socket_closed_is_ended_at_once() -> None:
    async def conversation(page: Page) -> None:
        page.door.slow = asyncio.Event()
        offering = asyncio.create_task(page.say("offer", id="1", sdp=OFFER))
        await asyncio.sleep(0)
        await page.session.close()
        page.door.slow.set()
        assert await offering == []
        assert page.door.peers[0].reasons == ["goodbye"]

    on_a_page(conversation)


@pytest.mark.parametrize(
    ("found", "taken"),
    [
        ({"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0}, ("candidate:1", "0", 0)),
        ({"candidate": "candidate:1", "sdpMid": 7, "sdpMLineIndex": "x"}, ("candidate:1", None, None)),
        ({"candidate": ""}, None),
        (None, None),
    ],
)
def test_candidates(found: object, taken: object) -> None:
    async def conversation(page: Page) -> None:
        assert await page.say("candidate", candidate=found) == []
        await page.say("offer", id="1", sdp=OFFER)
        assert await page.say("candidate", candidate=found) == []
        assert page.door.peers[0].candidates == ([taken] if taken else [])

    on_a_page(conversation)


@pytest.mark.parametrize("found", [7, "candidate:1", [], {}, {"candidate": 7}, {"candidate": "nonsense"}])
def test_candidates_that_make_no_sense_are_an_error(found: object) -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        (message,) = await page.say("candidate", id="9", candidate=found)
        assert (message["type"], message["status"], message["id"]) == ("error", 422, "9")

    on_a_page(conversation)


def test_a_page_may_choose_its_delay() -> None:
    async def conversation(page: Page) -> None:
        for number, latency in enumerate(("low", "smooth", None)):
            (answer,) = await page.say("offer", id=str(number), sdp=OFFER, latency=latency)
            assert answer["type"] == "answer"
            assert page.door.latency == latency
        for nonsense in ("lowest", "", 0, True, ["low"], {"low": 1}):
            (refused,) = await page.say("offer", id="x", sdp=OFFER, latency=nonsense)
            assert (refused["status"], refused["code"]) == (422, "refused")
        assert page.door.peers[-1].reasons == [], "the connection that there is goes on"

    on_a_page(conversation)


def test_the_clock_is_echoed_with_the_time_here_and_that_of_a_picture() -> None:
    async def conversation(page: Page) -> None:
        expected = {"v": 1, "type": "clock", "id": "1", "sent": 12.5, "server": 50_000.0, "rtp": None}
        expected["stages"] = dict.fromkeys(("encode", "hub", "send", "camera"))
        expected["rendition"] = expected["why"] = None
        assert await page.say("clock", id="1", sent=12.5) == [expected]
        await page.say("offer", id="2", sdp=OFFER)
        page.door.peers[0].pair = (90_000, 49.9)
        (answer,) = await page.say("clock", id="3", sent=1, delay_ms=180.4)
        assert answer["rtp"] == {"timestamp": 90_000, "captured": 49_900.0}
        assert (answer["rendition"], answer["why"]) == ("keyframes", "weak")
        assert answer["stages"] == {"encode": 4.0, "hub": 0.2, "send": 0.1, "camera": 4.3}
        assert page.door.peers[0].shown == Shown(180)
        await page.say("clock", id="4", sent=1, delay_ms=None, stages={"network": 150.04, "display": 26})
        assert page.door.peers[0].shown == Shown(None, 150.0, 26)
        await page.say("clock", id="5", sent=1, delay_ms=9, stages={"network": None, "display": 8})
        assert page.door.peers[0].shown == Shown(9, None, 8)

    on_a_page(conversation)


@pytest.mark.parametrize(
    "text", ["-1", "-0.9", "600000", "1e999", "NaN", "-Infinity", '"100"', "[1]", "1" + "0" * 400, "{}"]
)
def test_delays_that_make_no_sense_are_not_believed(text: str) -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        known = page.door.peers[0].shown = Shown(5, 3.0, 2.0)
        stages = f'{{"network": {text}, "display": {text}, "encode": 1, "moon": {text}}}'
        await page.say_text(f'{{"v": 1, "type": "clock", "sent": 1, "delay_ms": {text}, "stages": {stages}}}')
        assert page.door.peers[0].shown == known
        assert page.connection.closed is None

    on_a_page(conversation)


@pytest.mark.parametrize(
    "text", ["NaN", "1e999", "-Infinity", "[" * 900 + "]" * 900, '{"a": 1}', '"x"', "1" + "0" * 400]
)
def test_only_numbers_are_echoed(text: str) -> None:
    async def conversation(page: Page) -> None:
        (answer,) = await page.say_text(f'{{"v": 1, "type": "clock", "sent": {text}}}')
        assert answer["sent"] is None or isinstance(answer["sent"], int)

    on_a_page(conversation)


def test_an_unknown_type_is_an_error_and_not_the_end() -> None:
    async def conversation(page: Page) -> None:
        (message,) = await page.say("dance", id="x" * 64)
        assert (message["type"], message["code"], message["id"]) == ("error", "unknown-type", "x" * 64)
        assert page.connection.closed is None

    on_a_page(conversation)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "7",
        "null",
        '"v"',
        "{}",
        '{"v": 2, "type": "bye"}',
        '{"v": "1", "type": "bye"}',
        '{"type": "bye"}',
        '{"v": 1}',
        '{"v": 1, "type": 7}',
        '{"v": 1, "type": ["offer"]}',
        '{"v": 1, "type": "bye", "id": 7}',
        '{"v": 1, "type": "bye", "id": {"a": 1}}',
        json.dumps({"v": 1, "type": "bye", "id": "x" * 65}),
        '{"v": 1, "type": "bye"',
        '{"v": 1, "type": "bye"} {}',
        "[" * 30_000,
        '{"v":1,"type":"bye","a":' + "[" * 20_000 + "]" * 20_000 + "}",
        '{"v": 1, "type": "clock", "sent": ' + "9" * 10_000 + "}",
        json.dumps({"v": 1, "type": "offer", "sdp": "x" * MAX_MESSAGE_BYTES}),
        b'{"v": 1, "type": "bye"}',
        b"\xff\x00",
    ],
    ids=range(24),
)
def test_what_is_not_a_message_closes_the_socket(text: str | bytes) -> None:
    async def conversation(page: Page) -> None:
        assert await page.say_text(text) == []
        assert page.connection.closed is not None
        assert page.connection.closed[0] == protocol.CLOSE_BAD_MESSAGE

    on_a_page(conversation)


def test_a_flood_closes_the_socket() -> None:
    async def conversation(page: Page) -> None:
        closed = []
        for _ in range(BURST_MESSAGES + 1):
            await page.say("bye")
            closed.append(page.connection.closed)
        assert set(closed[:-1]) == {None}
        assert closed[-1] == (protocol.CLOSE_TOO_MANY, "too many messages")

    on_a_page(conversation)


def test_a_lively_page_may_go_on_for_ever() -> None:
    async def conversation(page: Page) -> None:
        for _ in range(1_000):
            page.now += 1 / MESSAGES_PER_SECOND
            await page.say("clock", sent=1)
        assert page.connection.closed is None

    on_a_page(conversation)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


FIELDS = ["id", "sdp", "candidate", "sent", "delay_ms", "stages", "latency", "on", "take"]


@given(
    st.sampled_from(["offer", "candidate", "clock", "bye", "hello", "sound", "talk"]),
    st.dictionaries(st.sampled_from(FIELDS), JSON),
)
def test_whatever_the_fields_hold_is_answered_or_closes(kind: str, fields: dict[str, object]) -> None:
    async def conversation(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        await page.say(kind, **fields)
        assert page.connection.closed is None or page.connection.closed[0] == protocol.CLOSE_BAD_MESSAGE

    on_a_page(conversation)


def test_sound_is_turned_on_and_off_without_another_offer() -> None:
    async def talk(page: Page) -> None:
        (refused,) = await page.say("sound", id="0", on=True)
        assert (refused["status"], refused["code"], refused["id"]) == (422, "refused", "0")
        await page.say("offer", id="1", sdp=OFFER, sound=False)
        (peer,) = page.door.peers
        assert not peer.hears()
        (answer,) = await page.say("sound", id="2", on=True)
        assert answer == {"v": 1, "type": "sound", "id": "2", "sound": {"trouble": None, "talk": {"talkers": []}}}
        assert peer.hears()
        await page.say("sound", on="yes")
        assert not peer.hears()

    on_a_page(talk)


@pytest.mark.parametrize("said", [None, True, 0, "false"])
def test_an_offer_that_says_nothing_else_gets_sound(said: object) -> None:
    async def talk(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER, **({} if said is None else {"sound": said}))
        assert page.door.peers[0].hears()

    on_a_page(talk)


def test_the_floor_is_asked_for_and_given_back_and_everybody_is_told() -> None:
    async def talk(page: Page) -> None:
        (answered,) = await page.say("offer", id="1", sdp=OFFER)
        told, answer = await page.say("talk", id="2", on=True)
        assert told["sound"]["talk"]["talkers"] == [{"viewer": answered["viewer"], "name": "Ada"}]
        assert answer == {"v": 1, "type": "talk", "id": "2", "on": True}
        assert page.voices.talking == ["secret-id"]
        assert await page.say("talk", id="3", on=True) == [{"v": 1, "type": "talk", "id": "3", "on": True}]
        told, answer = await page.say("talk", id="4", on=False)
        assert told["sound"]["talk"]["talkers"] == []
        assert answer["on"] is False
        assert page.voices.talking == []

    on_a_page(talk)


def test_who_may_not_talk_is_told_why() -> None:
    async def talk(page: Page) -> None:
        await page.say("offer", id="1", sdp=OFFER)
        peer = page.door.peers[0]
        peer.visitor = Visitor("user 1", "Ada", None, ("view",))
        (refused,) = await page.say("talk", id="2", on=True)
        assert (refused["status"], refused["code"]) == (403, "not-allowed")
        peer.can_talk = False
        (refused,) = await page.say("talk", id="3", on=True)
        assert refused["detail"] == "This camera has no loudspeaker to talk through."
        other = FakePeer("", lambda reason: None, id="other", public_id="other")
        assert page.floor is not None
        page.floor.ask(cast(Any, other))
        peer.can_talk, peer.visitor = True, other.visitor
        (refused,) = (await page.say("talk", id="4", on=True))[-1:]
        assert (refused["status"], refused["code"]) == (409, "floor-taken")

    on_a_page(talk)


def test_without_a_loudspeaker_nobody_talks() -> None:
    async def run() -> None:
        page = Page(loudspeaker=False)
        await page.say("offer", id="1", sdp=OFFER)
        (refused,) = await page.say("talk", id="2", on=True)
        assert (refused["status"], refused["code"]) == (409, "no-loudspeaker")

    asyncio.run(run())


def test_trouble_with_the_sound_is_told_once() -> None:
    async def talk(page: Page) -> None:
        page.trouble = "The microphone is unplugged."
        page.connection.sent.clear()
        page.hub.become("idle")
        page.hub.become("idle")
        kinds = [message["type"] for message in page.connection.sent]
        assert kinds == ["state", "sound", "state"]

    on_a_page(talk)


def test_what_is_said_while_a_client_says_goodbye_is_no_error() -> None:
    class Leaving:
        """Between the client's close frame and ours."""

        connected = True
        sock = None

        def send(self, text: str) -> None:
            raise LocalProtocolError("cannot be sent in state REMOTE_CLOSING")

        def close(self, code: int, reason: str) -> None:
            raise LocalProtocolError("cannot be sent in state REMOTE_CLOSING")

    leaving: Any = Leaving()
    assert send_text(leaving, "x") is False
    close_socket(leaving, 1001, "restarting")
    assert not leaving.connected
