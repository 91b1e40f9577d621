"""What is on the other side of both doors, WHEP and the page's WebSocket: a camera is found, an offer becomes a viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from pi_cam.errors import NoRelay
from pi_cam.subscription import Tap
from pi_cam.transport.floor import Floor
from pi_cam.transport.ice import Ice
from pi_cam.transport.offers import check_offer
from pi_cam.transport.viewers import Viewers, Visitor
from pi_cam.transport.webrtc_peer import Pictures, WebRtcPeer
from pi_cam.transport.webrtc_seam_sender import can_substitute
from pi_cam.transport.webrtc_sender import SharedGroups, SharedPictures
from pi_cam.transport.webrtc_tracks import PlainPictures, Sound, Units

WAITING_UNITS = 30
"""One second at 30 fps: a viewer that lags more jumps to the present."""


class Stats(Protocol):
    """What an answer depends on."""

    @property
    def profile_level_id(self) -> str | None:
        """What the camera sends, once known."""


class Watchable(Protocol):
    """What a door needs of a camera's hub."""

    @property
    def state(self) -> str:
        """In one word."""

    def subscribe(self, limit: int = 60, *, armed: bool = True) -> Units:
        """Opens the camera."""

    def tap(self) -> Tap:
        """The same, for a viewer that takes each unit at once."""

    def listen(self, limit: int = 10) -> Sound:
        """Its sound."""

    def request_keyframe(self) -> None:
        """Asks for one."""

    def stats(self) -> Stats:
        """What flows."""

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Tells of changes."""


class WebRtcDoor:
    """Turns offers into viewers."""

    def __init__(
        self,
        viewers: Viewers,
        ice_servers: Callable[[], list[str]],
        connect_seconds: Callable[[], float],
        sender: Callable[[], str] = lambda: "shared",
    ) -> None:
        self.viewers = viewers
        self.ice_servers = ice_servers
        self._connect_seconds = connect_seconds
        self._sender = sender
        self._groups = SharedGroups()

    @property
    def sender(self) -> str:
        """How the next viewer gets its pictures: `shared`, or `plain`: by aiortc's own sender, as wished, or because this
        release of it lets no other in."""
        return "plain" if self._sender() == "plain" or not can_substitute() else "shared"

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
    ) -> tuple[WebRtcPeer, str]:
        """A viewer and the answer for it. `listening`: whether it hears from the beginning, if it may; `floor`: where it
        asks before it talks, None where it cannot; `ice`: how it is found, if not as everybody at home is. Raises
        `CameraStopped`, `TooManyViewers`, `OfferRefused`, `NoRelay`; nothing is left then."""
        check_offer(offer)  # before anything opens for it
        ice = self._reachable(ice)
        self.viewers.check_room()
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

        pictures = self._pictures(hub)
        try:
            peer = WebRtcPeer(
                camera=camera,
                visitor=visitor,
                pictures=pictures,
                ice=ice,
                connect_seconds=self._connect_seconds(),
                ended=over,
                listen=hub.listen if "listen" in visitor.can else None,
                listening=listening,
                hears=hears,
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

    def _pictures(self, hub: Watchable) -> Pictures:
        if self.sender == "plain":
            return PlainPictures(hub.subscribe(WAITING_UNITS, armed=False), hub.request_keyframe)
        return SharedPictures(hub.tap(), self._groups.of(hub), hub.request_keyframe)

    def _reachable(self, ice: Ice | None) -> Ice:
        ice = ice or Ice.of_stun(self.ice_servers())
        if ice.relay_only and not ice.own_servers():
            raise NoRelay("You see this camera through a relay only, and the portal lends none at the moment.")
        return ice
