"""What is on the other side of both doors, WHEP and the page's WebSocket: a camera is found, an offer becomes a viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pi_cam.errors import NoRelay
from pi_cam.transport.floor import Floor
from pi_cam.transport.ice import Ice
from pi_cam.transport.offers import check_offer
from pi_cam.transport.senders import Senders, Stream
from pi_cam.transport.viewers import Viewers, Visitor
from pi_cam.transport.webrtc_peer import WebRtcPeer


class Stats(Protocol):
    """What an answer depends on."""

    @property
    def profile_level_id(self) -> str | None:
        """What the camera sends, once known."""


class Watchable(Stream, Protocol):
    """What a door needs of a camera's hub."""

    @property
    def state(self) -> str:
        """In one word."""

    def stats(self) -> Stats:
        """What flows."""

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Tells of changes."""


class WebRtcDoor:
    """Turns offers into viewers. `small_of`: the small rendition of a camera, by its id."""

    def __init__(
        self,
        viewers: Viewers,
        ice_servers: Callable[[], list[str]],
        connect_seconds: Callable[[], float],
        senders: Senders,
        small_of: Callable[[str], Stream | None] = lambda camera: None,
    ) -> None:
        self.viewers = viewers
        self.ice_servers = ice_servers
        self._connect_seconds = connect_seconds
        self.senders = senders
        self._small_of = small_of

    async def open(
        self,
        camera: str,
        hub: Watchable,
        visitor: Visitor,
        offer: str,
        ended: Callable[[str], None],
        *,
        listening: bool = True,
        floor: Floor | None = None,
        ice: Ice | None = None,
        latency: str | None = None,
    ) -> tuple[WebRtcPeer, str]:
        """A viewer and the answer for it. `listening`: whether it hears from the beginning, if it may; `floor`: where it
        asks before it talks, None where it cannot; `ice`: how it is found, if not as everybody at home is; `latency`: as in
        `Senders.of`. Raises `CameraStopped`, `TooManyViewers`, `OfferRefused`, `NoRelay`; nothing is left then."""
        check_offer(offer)  # before anything opens for it
        ice = self._reachable(ice)
        self.viewers.check_room(visitor)
        peer: WebRtcPeer | None = None

        def over(reason: str) -> None:
            if peer is not None:
                if floor is not None:
                    floor.give_back(peer)
                self.viewers.remove(peer, reason)
            ended(reason)

        def hears() -> None:
            if peer is not None:
                self.viewers.hears(peer)

        def says(sequence: int, timestamp: int, payload: bytes) -> None:
            if peer is not None and floor is not None:
                floor.heard(peer, sequence, timestamp, payload)

        may_listen = "listen" in visitor.can
        small = self._small_of(camera)
        pictures, ear = self.senders.of(
            hub, small, key=visitor.key, may_listen=may_listen, hears=hears, latency=latency
        )
        try:
            peer = WebRtcPeer(
                camera=camera,
                visitor=visitor,
                pictures=pictures,
                ice=ice,
                connect_seconds=self._connect_seconds(),
                connected=self.viewers.connected,
                ended=over,
                ear=ear,
                may_listen=may_listen,
                listening=listening,
                voice=says if floor is not None and "talk" in visitor.can else None,
            )
            self.viewers.add(peer)
            answer = await peer.answer(offer, hub.stats().profile_level_id)
            self.viewers.began(peer, visitor.address)
            return peer, answer
        except BaseException:  # also when whoever asked did not wait for the answer: a place would stay taken
            pictures.close()
            if peer is not None:
                await peer.close("refused")
            raise

    def _reachable(self, ice: Ice | None) -> Ice:
        ice = ice or Ice.of_stun(self.ice_servers())
        if ice.relay_only and not ice.own_servers():
            raise NoRelay("You see this camera through a relay only, and the portal lends none at the moment.")
        return ice
