"""One viewer's sound by packets that all viewers share."""

from __future__ import annotations

from collections.abc import Callable

from pi_cam.errors import PiCamError
from pi_cam.media.units import AudioPacket
from pi_cam.subscription import SoundTap
from pi_cam.transport import webrtc_seam_sender as seam
from pi_cam.transport.rtp_packets import Groups
from pi_cam.transport.webrtc_stream import SharedStream


class SharedSound(SharedStream):
    """Sound for one viewer, as `Ear` in webrtc_peer. While it is turned off it costs a report a second, at most.

    `listen` hands its taker the camera's sound (None: it stays off), no sooner than somebody can hear it. `hears` is called
    with the first packet. While `is_gone()` nothing is sent.
    """

    def __init__(
        self,
        listen: Callable[[Callable[[AudioPacket], None]], SoundTap] | None,
        groups: Groups,
        hears: Callable[[], None],
        is_gone: Callable[[], bool],
    ) -> None:
        super().__init__(groups)
        self._listen, self._is_gone = listen, is_gone
        self._hears: Callable[[], None] | None = hears
        self._tap: SoundTap | None = None
        self._is_on = False

    def begin(self, outlet: seam.Outlet) -> None:
        """As `Substitute.begin`."""
        super().begin(outlet)
        try:
            self.turn(self._is_on)
        except PiCamError:  # stopped since: the whole connection is about to end
            self._is_on = False

    def turn(self, on: bool) -> None:
        """On or off; raises what `listen` raises."""
        self._is_on = on and self._listen is not None and not self._is_closed
        tap = self._tap
        if self._is_on and self._wire is not None and (tap is None or tap.closed) and self._listen is not None:
            self._tap = self._listen(self._take)
        elif not self._is_on and tap is not None:
            self._tap = None
            tap.close()

    def close(self) -> None:
        """As `SharedStream.close`."""
        self._is_closed = True
        self.turn(on=False)
        super().close()

    def _take(self, packet: AudioPacket) -> None:
        group, wire = self._group, self._wire
        if group is None or wire is None or self._is_gone():
            return
        hears, self._hears = self._hears, None
        if hears is not None:
            hears()
        burst = group.burst(packet)
        (run,) = burst.runs(wire.tag)
        wire.send(run, self._count(packet, burst))  # where there is no room for 20 ms, they are lost
