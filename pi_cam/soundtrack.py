"""One camera's sound, and everybody who listens to it.

Lives in the media loop. The sound is what the camera itself brings or, where one is attached, what a microphone hears; the
microphone is open only while somebody listens.
"""

from __future__ import annotations

from collections.abc import Callable

from pi_cam.errors import PiCamError
from pi_cam.media.units import AccessUnit, AudioPacket
from pi_cam.opening import Bridge, BringsSound, Device, Opening
from pi_cam.subscription import SoundSubscription, SoundTap

GRACE_SECONDS = 2.0
"""A page that connects anew must not make the microphone click."""


class Soundtrack:
    """`microphone`: a device that emits `AudioPacket`s, or None. `changed` is called when its trouble changes. `camera` is
    told whether its sound is wanted. While `muted()` nobody hears what the camera brings either."""

    def __init__(
        self,
        bridge: Bridge,
        changed: Callable[[], None],
        microphone: Device | None = None,
        camera: BringsSound | None = None,
        muted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.drops = 0
        self.trouble: PiCamError | None = None
        self._changed = changed
        self._muted = muted
        self._camera = camera if microphone is None else None
        self._listeners: set[SoundSubscription | SoundTap] = set()
        self._opening = Opening(microphone, bridge, self) if microphone is not None else None

    @property
    def has_microphone(self) -> bool:
        """Whether a microphone is heard, and not what the camera brings."""
        return self._opening is not None

    @property
    def needs_pictures(self) -> bool:
        """Whether somebody hears what the camera brings, which ends when nobody takes its pictures."""
        return self._opening is None and bool(self._listeners)

    @property
    def listeners(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    def listen(self, limit: int) -> SoundSubscription:
        """`limit`: packets of 20 ms that may wait. Opens the microphone, if it is not open."""
        listener = SoundSubscription(self, limit)
        self._listeners.add(listener)
        self._want(True)
        return listener

    def tap(self, take: Callable[[AudioPacket], None]) -> SoundTap:
        """The same, for a listener that takes packets as they come."""
        tap = SoundTap(self, take)
        self._listeners.add(tap)
        self._want(True)
        return tap

    def from_camera(self, packet: AudioPacket) -> None:
        """Sound that the camera brings; where there is a microphone, that is heard instead."""
        if self._opening is None and not self._muted():
            self._hand_out(packet)

    def forget_listener(self, subscription: SoundSubscription | SoundTap) -> None:
        """A listener left."""
        self._listeners.discard(subscription)
        self.drops += subscription.dropped
        if not self._listeners and self._camera is not None:
            self._camera.bring_sound(False)
        if not self._listeners and self._opening is not None:
            self._opening.let_go(GRACE_SECONDS)

    def silence(self) -> None:
        """Ends every listener, and closes the microphone at once."""
        for listener in tuple(self._listeners):
            listener.close()
        self._want(False)

    async def settled(self) -> None:
        """Waits until the microphone is where it is wanted."""
        if self._opening is not None:
            await self._opening.settled()

    # What the microphone brings

    def publish(self, unit: AccessUnit | AudioPacket) -> None:
        """Sound of the microphone."""
        if isinstance(unit, AudioPacket):
            self._hand_out(unit)

    def troubled(self, trouble: PiCamError | None) -> None:
        """The microphone says what is wrong, or that nothing is any more."""
        if str(trouble) != str(self.trouble):
            self.trouble = trouble
            self._changed()

    def closed(self) -> None:
        """The microphone is closed."""
        self.troubled(None)

    def _hand_out(self, packet: AudioPacket) -> None:
        for listener in tuple(self._listeners):
            listener.offer(packet)

    def _want(self, wanted: bool) -> None:
        if self._camera is not None:
            self._camera.bring_sound(wanted)
        if self._opening is not None:
            self._opening.want(wanted)
