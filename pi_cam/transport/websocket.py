"""The page's live WebSocket, subprotocol `pi-cam.v1` (docs/protocol.md), without sockets: it is handed a `Connection`."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from pi_cam.errors import NoLoudspeaker, NotAllowed, OfferRefused, PiCamError
from pi_cam.transport.delay import Spent, is_number
from pi_cam.transport.doors import Watchable, WebRtcDoor
from pi_cam.transport.floor import Floor
from pi_cam.transport.ice import Ice
from pi_cam.transport.offers import check_offer, checked_latency
from pi_cam.transport.refusals import status_and_code
from pi_cam.transport.viewers import Visitor, new_viewer_id
from pi_cam.transport.webrtc_peer import WebRtcPeer
from pi_cam.trust.media_identity import checked_nonce

log = logging.getLogger(__name__)

SUBPROTOCOL = "pi-cam.v1"
MAX_MESSAGE_BYTES = 64 * 1024
BURST_MESSAGES = 100
MESSAGES_PER_SECOND = 20.0

CLOSE_BAD_MESSAGE = 4400
CLOSE_NOT_SIGNED_IN = 4401
CLOSE_NOT_ALLOWED = 4403
CLOSE_NOT_FOUND = 4404
CLOSE_SILENT = 4408
CLOSE_STOPPED = 4409
CLOSE_TOO_MANY = 4429

ENDS = {"lost": "lost", "never-connected": "no-connection"}
"""Why media ended by themselves → what the page is told."""

Message = dict[str, Any]
Vouch = Callable[[str, str, str, str], dict[str, str]]
"""`trust.media_identity.MediaIdentity.vouch`."""


class Connection(Protocol):
    """A WebSocket as seen from the media loop: both calls return at once."""

    def send(self, message: Message) -> None:
        """Queues a message; a peer that does not read is closed when too many wait."""

    def close(self, code: int, reason: str) -> None:
        """Closes after what is queued."""


class LiveSession:
    """One open page on one camera. Lives in the media loop.

    `watch_sound` tells of what changes for sound on any camera. `floor`: where its person asks before talking; None for a
    camera without a loudspeaker. `vouch` signs answers. `ice`: how its browser finds this device; `lend`: the same again,
    when that is too old.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        camera: str,
        hub: Watchable,
        describe: Callable[[], Message],
        describe_sound: Callable[[], Message],
        watch_sound: Callable[[Callable[[], None]], Callable[[], None]],
        floor: Floor | None,
        door: WebRtcDoor,
        visitor: Visitor,
        vouch: Vouch,
        ice: Ice,
        lend: Callable[[], Awaitable[Ice]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._camera = camera
        self._hub = hub
        self._describe = describe
        self._describe_sound = describe_sound
        self._watch_sound = watch_sound
        self._floor = floor
        self._door = door
        self._visitor = visitor
        self._vouch = vouch
        self._ice = ice
        self._lend = lend
        self._clock = clock
        self._peer: WebRtcPeer | None = None
        self._forget: Callable[[], None] | None = None
        self._forget_sound: Callable[[], None] | None = None
        self._told: Message = {}
        self._allowance, self._counted_at = float(BURST_MESSAGES), clock()

    def open(self) -> None:
        """Says hello; a stopped camera says so and closes."""
        self._forget = self._hub.watch(self._state_changed)
        self._forget_sound = self._watch_sound(self._sound_changed)
        self._told = self._describe_sound()
        self._send(
            "hello",
            viewer=new_viewer_id(),
            camera=self._describe(),
            can=list(self._visitor.can),
            owner=self._visitor.owner,
            sound=self._told,
            **self._ice.described(self._clock()),
        )
        if self._is_stopped():
            self._state_changed()

    async def receive(self, text: str | bytes) -> None:
        """One message from the browser."""
        if not self._within_rate():
            self._connection.close(CLOSE_TOO_MANY, "too many messages")
            return
        message = _parsed(text)
        if message is None:
            self._connection.close(CLOSE_BAD_MESSAGE, "not a pi-cam.v1 message")
            return
        try:
            await self._dispatch(message)
        except PiCamError as error:
            self._refuse(message, error)

    async def close(self) -> None:
        """The socket is gone: so is the viewer."""
        if self._forget is not None:
            self._forget()
            self._forget = None
        if self._forget_sound is not None:
            self._forget_sound()
            self._forget_sound = None
        await self._end_peer("goodbye")

    async def _dispatch(self, message: Message) -> None:
        kind = message["type"]
        if kind == "offer":
            await self._offer(message)
        elif kind == "candidate":
            await self._candidate(message)
        elif kind == "ice":
            await self._fresh_ice()
            self._send("ice", id=message.get("id"), **self._ice.described(self._clock()))
        elif kind == "bye":
            await self._end_peer("goodbye")
        elif kind in ("clock", "sound", "talk"):
            {"clock": self._answer_clock, "sound": self._turn_sound, "talk": self._talk}[kind](message)
        else:
            self._send("error", id=message.get("id"), status=422, code="unknown-type", detail="Unknown message type.")

    async def _offer(self, message: Message) -> None:
        sdp = message.get("sdp")
        if not isinstance(sdp, str):
            raise OfferRefused("An offer has a text field sdp.")
        check_offer(sdp)  # the connection that there is goes on beside an offer without sense
        nonce, latency = checked_nonce(message.get("nonce")), checked_latency(message.get("latency"))
        ice = await self._fresh_ice()
        await self._end_peer("replaced")
        opened: list[WebRtcPeer] = []

        def ended(reason: str) -> None:
            if opened and self._peer is opened[0]:
                self._peer = None
                if reason in ENDS:
                    self._send("end", code=ENDS[reason])

        peer, answer = await self._door.open(
            self._camera,
            self._hub,
            self._visitor,
            sdp,
            ended,
            listening=message.get("sound") is not False,
            floor=self._floor,
            ice=ice,
            latency=latency,
        )
        opened.append(peer)
        if self._forget is None:  # the socket closed while the answer was made
            await peer.close("goodbye")
            return
        self._peer = peer
        proof = self._vouch(self._camera, nonce, sdp, answer) if nonce else {}
        self._send("answer", id=message.get("id"), sdp=answer, viewer=peer.public_id, **proof)

    async def _fresh_ice(self) -> Ice:
        if self._ice.is_old(self._clock()):
            self._ice = await self._lend()
        return self._ice

    async def _candidate(self, message: Message) -> None:
        found = message.get("candidate")
        if found is None or self._peer is None:
            return
        if not isinstance(found, dict) or not isinstance(found.get("candidate"), str):
            raise OfferRefused("A candidate is an object with a text field candidate.")
        if found["candidate"]:
            mid, index = found.get("sdpMid"), found.get("sdpMLineIndex")
            await self._peer.add_candidate(
                found["candidate"], mid if isinstance(mid, str) else None, index if isinstance(index, int) else None
            )

    def _turn_sound(self, message: Message) -> None:
        self._watching().listen(message.get("on") is True)
        self._send("sound", id=message.get("id"), sound=self._describe_sound())

    def _talk(self, message: Message) -> None:
        """Asks for the floor, or gives it back."""
        peer = self._watching()
        if "talk" not in self._visitor.can:
            raise NotAllowed("This needs the right to talk.")
        if self._floor is None or not peer.can_talk:
            raise NoLoudspeaker("This camera has no loudspeaker to talk through.")
        if message.get("on") is True:
            self._floor.ask(peer, take=message.get("take") is True)
        else:
            self._floor.give_back(peer)
        self._send("talk", id=message.get("id"), on=self._floor.has(peer))

    def _watching(self) -> WebRtcPeer:
        if self._peer is None:
            raise OfferRefused("There is no picture and sound yet: offer first.")
        return self._peer

    def _sound_changed(self) -> None:
        sound = self._describe_sound()
        if sound != self._told:
            self._told = sound
            self._send("sound", sound=sound)

    def _answer_clock(self, message: Message) -> None:
        peer, sent = self._peer, message.get("sent")
        if peer is not None:
            peer.shown = peer.shown.told(message.get("delay_ms"), message.get("stages"))
        pair = peer.clock_pair() if peer else None
        gets = peer.gets() if peer else None
        self._send(
            "clock",
            id=message.get("id"),
            sent=sent if is_number(sent) else None,
            server=self._clock() * 1000,
            rtp={"timestamp": pair[0], "captured": pair[1] * 1000} if pair else None,
            stages=(peer.spent() if peer else Spent()).described(),
            rendition=gets.rendition if gets else None,
            why=gets.why if gets else None,
        )

    async def _end_peer(self, reason: str) -> None:
        peer, self._peer = self._peer, None
        if peer is not None:
            await peer.close(reason)

    def _state_changed(self) -> None:
        self._send("state", camera=self._describe())
        self._sound_changed()
        if self._is_stopped():
            self._connection.close(CLOSE_STOPPED, self._hub.state)

    def _is_stopped(self) -> bool:
        return self._hub.state in ("stopped", "privacy")

    def _refuse(self, message: Message, error: PiCamError) -> None:
        status, code = status_and_code(error)
        self._send("error", id=message.get("id"), status=status, code=code, detail=str(error))

    def _send(self, kind: str, **fields: object) -> None:
        self._connection.send({"v": 1, "type": kind, **fields})

    def _within_rate(self) -> bool:
        now = self._clock()
        refill = (now - self._counted_at) * MESSAGES_PER_SECOND
        self._allowance, self._counted_at = min(self._allowance + refill, BURST_MESSAGES) - 1, now
        return self._allowance >= 0


def _parsed(text: str | bytes) -> Message | None:
    if not isinstance(text, str) or len(text) > MAX_MESSAGE_BYTES:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("v") != 1 or not isinstance(message.get("type"), str):
        return None
    if not isinstance(message.get("id"), str | None) or len(message.get("id") or "") > 64:
        return None
    return message
