"""Viewers that get packets made for all, without a network: what stands for the hub, the connection and the way out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpHeaderExtensionParameters,
    RTCRtpSendParameters,
)

from pi_cam.media.h264 import join_nal_units
from pi_cam.media.payloads import payloads
from pi_cam.media.units import AccessUnit
from pi_cam.subscription import MayAsk, Tap, always
from pi_cam.transport import webrtc_stream
from pi_cam.transport.rtp_packets import Run
from pi_cam.transport.webrtc_sender import SharedPictures
from pi_cam.transport.webrtc_stream import SharedGroups, SharedStream

H264 = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=106)
RTX = RTCRtpCodecParameters(mimeType="video/rtx", clockRate=90000, payloadType=107, parameters={"apt": 106})
OTHER_RTX = RTCRtpCodecParameters(mimeType="video/rtx", clockRate=90000, payloadType=109, parameters={"apt": 108})
OPUS = RTCRtpCodecParameters(mimeType="audio/opus", clockRate=48000, channels=2, payloadType=111)
EXTENSIONS = [
    RTCRtpHeaderExtensionParameters(id=9, uri="urn:ietf:params:rtp-hdrext:sdes:mid"),
    RTCRtpHeaderExtensionParameters(id=2, uri="http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"),
]


class Hub:
    """As `Origin`."""

    def __init__(self) -> None:
        self.drops = 0
        self.asked = 0
        self.past: list[AccessUnit] = []
        self.taps: list[Tap] = []

    def fast_forward(self) -> list[AccessUnit]:
        return self.past

    def request_keyframe(self) -> None:
        self.asked += 1

    def forget(self, subscription: Any) -> None:
        self.taps.remove(subscription)

    def publish(self, unit: AccessUnit) -> None:
        for tap in list(self.taps):
            tap.offer(unit)


class SilentOutlet:
    """Notes what is sent again, and reports."""

    ssrc, rtx_ssrc = 1, 2

    def __init__(self, *codecs: RTCRtpCodecParameters) -> None:
        self.parameters = RTCRtpSendParameters(codecs=list(codecs), headerExtensions=EXTENSIONS, muxId="video0")
        self.parameters.rtcp.cname = "a camera"
        self.again: list[bytes] = []
        self.reports: list[bytes] = []

    def report(self, packet: bytes) -> None:
        self.reports.append(packet)

    async def send(self, packet: bytes) -> None:
        self.again.append(packet)


class CountingWire:
    """Takes runs while it has `room`."""

    tag = 10

    def __init__(self, outlet: Any) -> None:
        self.runs: list[tuple[Run, int]] = []
        self.room = 1 << 30
        self.queue = 0
        self.closed = False

    def send(self, run: Run, sequence: int) -> bool:
        if self.room < len(run.lengths):
            return False
        self.room -= len(run.lengths)
        self.runs.append((run, sequence))
        return True

    def waiting(self) -> int:
        return self.queue

    def close(self) -> None:
        self.closed = True

    @property
    def sequences(self) -> list[int]:
        return [first + at for run, first in self.runs for at in range(len(run.lengths))]


class World:
    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.hub = Hub()
        self.groups = SharedGroups(payloads).of(self.hub)
        self.outlets: list[SilentOutlet] = []
        patch.setattr(webrtc_stream, "Wire", CountingWire)

    def viewer(self, *codecs: RTCRtpCodecParameters, begun: bool = True, may_ask: MayAsk = always) -> SharedPictures:
        tap = Tap(self.hub, may_ask)
        self.hub.taps.append(tap)
        found = SharedPictures(tap, self.groups, self.hub.request_keyframe, lambda: self.now)
        if begun:
            self.begin(found, *codecs)
        return found

    def begin(self, viewer: SharedStream, *codecs: RTCRtpCodecParameters) -> None:
        outlet: Any = SilentOutlet(*(codecs or (H264, OTHER_RTX, RTX)))
        self.outlets.append(outlet)
        viewer.begin(outlet)

    def pass_by(self, seconds: float) -> None:
        """With two pictures a second."""
        for _ in range(round(2 * seconds)):
            self.now += 0.5
            self.publish(100)

    def publish(self, size: int = 3000, *, keyframe: bool = False, pts: int = 0) -> None:
        head = b"\x65" if keyframe else b"\x41"
        self.hub.publish(AccessUnit(join_nal_units([head + b"\x07" * size]), pts, keyframe, self.now))


def wire(viewer: SharedStream) -> CountingWire:
    found: Any = viewer._wire
    return found  # type: ignore[no-any-return]


def run(story: Callable[[World], Awaitable[None]]) -> None:
    async def told() -> None:
        with pytest.MonkeyPatch.context() as patch:
            await story(World(patch))

    asyncio.run(told())
