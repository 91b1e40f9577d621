"""Which way a viewer's pictures and sound take: packets made once for all viewers, or the library's own sender for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from pi_cam.media.payloads import payloads
from pi_cam.media.units import AudioPacket
from pi_cam.subscription import MayAsk, SoundTap, Tap, always
from pi_cam.transport.adaptation import Adaptations, Steered
from pi_cam.transport.allowance import Arrivals
from pi_cam.transport.webrtc_adapted import AdaptedPictures, Feed
from pi_cam.transport.webrtc_peer import Ear, Pictures
from pi_cam.transport.webrtc_seam_sender import can_substitute
from pi_cam.transport.webrtc_sound import SharedSound
from pi_cam.transport.webrtc_stream import SharedGroups
from pi_cam.transport.webrtc_tracks import PlainPictures, PlainSound, Sound, Units

WAITING_UNITS = 30
"""One second at 30 fps: a viewer of the library's own sender that lags more jumps to the present."""


class Stream(Steered, Protocol):
    """What a viewer takes of a camera's hub."""

    def subscribe(self, limit: int = 60, *, armed: bool = True, may_ask: MayAsk = always) -> Units:
        """Opens the camera."""

    def tap(self, may_ask: MayAsk = always) -> Tap:
        """The same, for a viewer that takes each unit at once."""

    def listen(self, limit: int = 10) -> Sound:
        """Its sound."""

    def tap_sound(self, take: Callable[[AudioPacket], None]) -> SoundTap:
        """The same, for a listener that takes each packet at once."""

    def request_keyframe(self) -> None:
        """Asks for one."""


class Senders:
    """`wish`, `latency`: the settings, looked at for each viewer; `adapts`: another, looked at all the time."""

    def __init__(
        self, wish: Callable[[], str], latency: Callable[[], str], adapts: Callable[[], bool] = lambda: False
    ) -> None:
        self._wish, self._latency = wish, latency
        self._adaptations = Adaptations(adapts)
        self._arrivals = Arrivals()
        self._pictures, self._sound = SharedGroups(payloads), SharedGroups(lambda packet: [packet])

    @property
    def kind(self) -> Literal["shared", "plain"]:
        """That of the next viewer. `plain` as wished, or because this release of the library lets no other in."""
        return "plain" if self._wish() == "plain" or not can_substitute() else "shared"

    def of(
        self,
        hub: Stream,
        small: Stream | None = None,
        *,
        key: str,
        may_listen: bool,
        hears: Callable[[], None],
        latency: str | None = None,
    ) -> tuple[Pictures, Ear]:
        """For one viewer; opens the camera. `small`: its small rendition, if it has one. `key`: as `Visitor.key`. `hears` is
        called with the first sound. `latency`: its own choice (None: as the setting says). Raises `CameraStopped`,
        `CameraPrivate`."""
        adaptation = self._adaptations.of(hub, small)
        may_ask = self._arrivals.of(key).take
        at_once = (latency or self._latency()) == "low"
        if self.kind == "plain":
            units = hub.subscribe(WAITING_UNITS, armed=False, may_ask=may_ask)
            pictures = PlainPictures(units, hub.request_keyframe, adaptation, at_once=at_once)
            return pictures, PlainSound(hub.listen if may_listen else None, hears)
        main = Feed(hub, self._pictures.of(hub))
        other = Feed(small, self._pictures.of(small, hub)) if small is not None else None
        shared = AdaptedPictures(main, other, adaptation, may_ask=may_ask, at_once=at_once)
        listen = hub.tap_sound if may_listen else None
        return shared, SharedSound(listen, self._sound.of(hub), hears, lambda: shared.is_silent)
