"""The sound of real network cameras and clips: it is there, in step with the picture, and never harms it."""

from __future__ import annotations

import asyncio
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pytest

from pi_cam.capture.sound import HEARABLE
from pi_cam.capture.source import VideoSource, open_source
from pi_cam.media.opus import BLOCK_SAMPLES, packet_samples
from pi_cam.opening import BringsSound
from tests import network
from tests.clips import clip_1080p
from tests.contract.source_contract import Watched, watching
from tests.flashing import apart, assert_on_the_grid, flashing
from tests.http_camera import HttpCamera
from tests.peer import WhepPeer
from tests.prerequisites import require
from tests.rtsp_camera import rtsp
from tests.server import Server, serving

TOGETHER_SECONDS = 0.045
"""Sound ahead of, or behind, its picture by less than this is not noticed (ITU-R BT.1359)."""

FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
FILES: dict[str, tuple[str, int, dict[str, str]]] = {
    "aac.ts": ("aac", 48_000, {}),
    "opus.ts": ("libopus", 48_000, {}),
    "mp2.ts": ("mp2", 44_100, {}),
    "aac.mp4": ("aac", 44_100, FRAGMENTS),
    "opus.mp4": ("libopus", 48_000, FRAGMENTS),
}


def listening(url: str) -> VideoSource:
    source = open_source(url, by_operator=True)
    assert isinstance(source, BringsSound)
    source.bring_sound(True)
    return source


def assert_together(watched: Watched, seconds: float) -> None:
    """Plays for so long; then each beep was heard with its flash."""
    time.sleep(seconds)
    sound, units = watched.sound[:], watched.units[:]
    assert len(sound) > (seconds - 1.5) * 50
    assert_on_the_grid(sound)
    assert all(packet_samples(packet.data) == BLOCK_SAMPLES for packet in sound)
    found = apart(units, sound)
    assert len(found) >= 2
    assert abs(median(found)) < TOGETHER_SECONDS, found
    assert not any(watched.reports)


@pytest.mark.rtsp
@pytest.mark.parametrize("codec", ["opus", "opus60", "aac", "alaw", "mulaw", "l16"])
def test_sound_over_rtsp_fits_the_picture(codec: str) -> None:
    with rtsp(flashing("flashing.mp4"), "--sound", codec) as camera, watching(listening(camera.url())) as watched:
        assert_together(watched, 5)
        assert watched.source.capabilities.sound in HEARABLE


@pytest.mark.parametrize("name", sorted(FILES))
def test_sound_over_http_fits_the_picture(name: str) -> None:
    codec, rate, options = FILES[name]
    file = flashing(f"flashing-{name}", codec, rate, **options)
    with HttpCamera(file) as camera, watching(listening(camera.url(file.name))) as watched:
        assert_together(watched, 6)


def spoilt(file: Path) -> Path:
    """A transport stream (ISO/IEC 13818-1) whose sound, the packets of PID 0x101, is noise from its 40th packet on."""
    data, seen, chance = bytearray(file.read_bytes()), 0, random.Random(7)
    for start in range(0, len(data), 188):
        begins, pid = data[start + 1] & 0x40, (data[start + 1] & 0x1F) << 8 | data[start + 2]
        seen += pid == 0x101
        if pid == 0x101 and seen > 40 and not begins:
            data[start + 20 : start + 188] = chance.randbytes(168)
    target = file.with_name(f"spoilt-{file.name}")
    target.write_bytes(data)
    return target


def test_noise_instead_of_sound_never_harms_the_pictures(tmp_path: Path) -> None:
    file = tmp_path / "noise.ts"
    file.write_bytes(flashing("flashing-mp2.ts", "mp2", 44_100).read_bytes())
    with HttpCamera(spoilt(file)) as camera, watching(listening(camera.url("spoilt-noise.ts"))) as watched:
        watched.until(lambda: len(watched.units) > 150)
        steps = [later.pts - earlier.pts for earlier, later in pairwise(watched.units[:])]
        assert set(steps) == {3_000}
        assert watched.reports == [None]
        assert len(watched.sound) > 0
        assert_on_the_grid(watched.sound[:])


def test_the_sound_of_a_clip_fits_the_picture_also_across_its_end() -> None:
    file = flashing("flashing-aac.mp4", "aac", 44_100, **FRAGMENTS)
    with watching(listening(f"file:{file}")) as watched:
        assert_together(watched, 12.5)


@pytest.mark.rtsp
def test_sound_costs_no_time_until_the_first_picture() -> None:
    took = {}
    for options in ((), ("--sound", "aac")):
        with rtsp(clip_1080p(), *options) as camera:
            for _ in range(2):  # the first visit waits until the server has made its pipeline
                began = time.monotonic()
                with watching(listening(camera.url())) as watched:
                    watched.until(lambda watched=watched: bool(watched.units))  # type: ignore[misc]
                    took[options] = time.monotonic() - began
    assert took["--sound", "aac"] < took[()] + 0.3, took


@pytest.mark.rtsp
def test_it_is_quiet_until_somebody_listens() -> None:
    with rtsp(flashing("flashing.mp4"), "--sound", "alaw") as camera:
        source = listening(camera.url())
        assert isinstance(source, BringsSound)
        source.bring_sound(False)
        with watching(source) as watched:
            watched.until(lambda: len(watched.units) > 30)
            assert watched.sound == []
            source.bring_sound(True)
            watched.until(lambda: len(watched.sound) > 25, 2)
            assert_on_the_grid(watched.sound[:])


@pytest.mark.rtsp
def test_a_camera_that_is_killed_is_heard_again() -> None:
    with rtsp(flashing("flashing.mp4"), "--sound", "aac") as camera, watching(listening(camera.url())) as watched:
        watched.until(lambda: len(watched.sound) > 50)
        camera.kill()
        watched.until(lambda: any(watched.reports))
        before = len(watched.sound)
        camera.start()
        watched.until(lambda: len(watched.sound) > before + 50)
        assert_on_the_grid(watched.sound[:])


@pytest.mark.rtsp
def test_a_viewer_hears_each_beep_once(tmp_path: Path) -> None:
    require(f"a network namespace ({network.problem()})", network.problem() is None)

    async def listen(server: Server) -> float:
        async with WhepPeer(server, server.token("view,listen")) as peer:
            await peer.until(lambda: len(peer.pictures) > 10 and len(peer.sound) > 10)
            peer.sound.clear()
            await asyncio.sleep(4)
            heard = np.concatenate([frame.to_ndarray().reshape(-1)[::2] for _, frame in peer.sound])
            return float(np.mean(np.abs(heard) > 2_000)) / float(np.mean(np.abs(np.sin(np.arange(1_000))) > 0.25))

    with (
        rtsp(flashing("flashing.mp4"), "--sound", "aac") as camera,
        serving(tmp_path, camera.url()) as server,
    ):
        assert 0.07 < asyncio.run(listen(server)) < 0.13


@contextmanager
def refusing_sound(port: int) -> Iterator[int]:
    """A door to the camera at `port` that answers as it does, but fails when it is asked for its second stream."""
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(origin: socket.socket, target: socket.socket, *, asks: bool) -> None:
        with suppress(OSError):
            while piece := origin.recv(65_536):
                if asks and piece.startswith(b"SETUP") and b"stream=1" in piece.partition(b"\r\n")[0]:
                    number = piece.partition(b"CSeq: ")[2].partition(b"\r\n")[0]
                    origin.sendall(b"RTSP/1.0 500 Internal Server Error\r\nCSeq: " + number + b"\r\n\r\n")
                else:
                    target.sendall(piece)
        for end in (origin, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with suppress(OSError):
            while True:
                client = listener.accept()[0]
                camera = socket.create_connection(("127.0.0.1", port))
                pair = [threading.Thread(target=copy, args=(client, camera), kwargs={"asks": True})]
                pair += [threading.Thread(target=copy, args=(camera, client), kwargs={"asks": False})]
                for way in pair:
                    way.start()
                for way in pair:
                    way.join()
                client.close()
                camera.close()

    thread = threading.Thread(target=serve, name="refusing-sound")
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.rtsp
def test_a_camera_that_fails_when_asked_for_sound_is_seen_all_the_same() -> None:
    with (
        rtsp(flashing("flashing.mp4"), "--sound", "aac") as camera,
        refusing_sound(camera.port) as port,
        watching(listening(camera.url().replace(f":{camera.port}/", f":{port}/"))) as watched,
    ):
        watched.until(lambda: len(watched.units) > 30)
        assert watched.reports == [None]
        assert watched.sound == []
        assert watched.source.capabilities.sound is None
