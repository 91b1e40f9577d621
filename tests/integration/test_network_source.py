"""Network cameras against a real RTSP server (gst-rtsp-server) and real HTTP servers, all on loopback."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path

import pytest

from pi_cam.capture.network import NetworkSource
from pi_cam.capture.relay import MAX_BYTES_WITHOUT_PICTURE
from pi_cam.errors import AddressRefused, SourceForbidden, SourceUnreachable, SourceUnsupported
from pi_cam.media.h264 import NAL_DELIMITER, NAL_IDR, NAL_PPS, NAL_SPS, nal_type, split_nal_units
from pi_cam.media.units import AccessUnit
from tests.clips import HTTP_STREAMS, clip_1080p, http_stream, nal_units_of, real_clip
from tests.http_camera import HttpCamera
from tests.rtsp_camera import rtsp
from tests.watching import Watcher, pictures, watching


def assert_same_pictures(units: list[AccessUnit], clip: Path, *, at_least: int) -> None:
    """Each unit is a picture of the file, untouched but for delimiters and repeated parameter sets, in its order."""
    left_out = (NAL_DELIMITER, NAL_SPS, NAL_PPS)
    originals = [tuple(unit for unit in units if nal_type(unit) not in left_out) for units in nal_units_of(clip)]
    assert len(units) >= at_least
    first = tuple(unit for unit in split_nal_units(units[0].data) if nal_type(unit) not in left_out)
    position = originals.index(first)
    for unit in units:
        found = list(split_nal_units(unit.data))
        assert tuple(nal for nal in found if nal_type(nal) not in left_out) == originals[position % len(originals)]
        assert unit.keyframe == any(nal_type(nal) == NAL_IDR for nal in found)
        assert not unit.keyframe or {NAL_SPS, NAL_PPS} <= {nal_type(nal) for nal in found}
        position += 1
    assert units[0].keyframe
    assert all(earlier.pts < later.pts for earlier, later in pairwise(units))
    assert all(earlier.captured_at <= later.captured_at for earlier, later in pairwise(units))
    assert abs(units[-1].captured_at - time.monotonic()) < 2


@pytest.mark.rtsp
@pytest.mark.parametrize("options", [(), ("--no-inband-parameter-sets",)])
def test_h264_over_rtsp_passes_untouched(options: tuple[str, ...]) -> None:
    with rtsp(clip_1080p(), *options) as server, watching(server.url()) as watcher:
        watcher.until(lambda: len(watcher.units) >= 90)
        assert_same_pictures(watcher.units[:], clip_1080p(), at_least=90)
        assert watcher.reports == [None]
        assert watcher.source.capabilities.transcoded is watcher.source.capabilities.askable is False
        distances = [later.pts - earlier.pts for earlier, later in pairwise(watcher.units[5:90])]
        assert all(abs(distance - 3_000) <= 2 for distance in distances)


@pytest.mark.rtsp
def test_a_real_clip_over_rtsp_passes_untouched_also_across_its_end() -> None:
    with rtsp(real_clip()) as server, watching(server.url()) as watcher:
        watcher.until(lambda: len(watcher.units) >= 150, 15)
        assert_same_pictures(watcher.units[:], real_clip(), at_least=150)


@pytest.mark.rtsp
def test_a_password_is_used_and_a_wrong_one_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with rtsp(real_clip(), "--user", "bob", "--password", "s@cret/word") as server:
        with watching(server.url("bob:s%40cret%2Fword@")) as watcher:
            watcher.until(lambda: len(watcher.units) > 5)
        with watching(server.url("bob:wr0ngw0rd@")) as watcher:
            problem = watcher.problem()
            assert isinstance(problem, SourceForbidden)
            assert problem.__cause__ is None
    for secret in ("s@cret", "s%40cret", "wr0ngw0rd"):
        assert secret not in caplog.text + str(problem)


@pytest.mark.rtsp
def test_a_server_that_is_killed_is_told_and_taken_up_again() -> None:
    with rtsp(real_clip()) as server, watching(server.url()) as watcher:
        watcher.until(lambda: len(watcher.units) > 25)
        server.kill()
        assert isinstance(watcher.problem(5), SourceUnreachable)
        before = len(watcher.units)
        server.start()
        watcher.until(lambda: len(watcher.units) > before + 25)
        assert watcher.reports[-1] is None
        assert watcher.units[before].keyframe
        assert all(earlier.pts < later.pts for earlier, later in pairwise(watcher.units))


@pytest.mark.rtsp
def test_a_server_that_hangs_is_noticed() -> None:
    with rtsp(real_clip()) as server, watching(server.url()) as watcher:
        watcher.until(lambda: len(watcher.units) > 25)
        server.signal(signal.SIGSTOP)
        assert isinstance(watcher.problem(5), SourceUnreachable)
        assert "silent" in str(watcher.problem())
        server.signal(signal.SIGCONT)
        before = len(watcher.units)
        watcher.until(lambda: len(watcher.units) > before, 15)
        assert watcher.reports[-1] is None


@pytest.mark.rtsp
def test_it_can_be_stopped_while_the_server_hangs() -> None:
    with rtsp(real_clip()) as server, watching(server.url()) as watcher:
        watcher.until(lambda: len(watcher.units) > 5)
        server.signal(signal.SIGSTOP)


@pytest.mark.rtsp
@pytest.mark.parametrize(("clip", "codec"), [("bigbuckbunny", "h265"), ("bigbuckbunny", "mjpeg"), ("bikes", "h264")])
def test_what_a_browser_cannot_show_is_encoded_once(clip: str, codec: str) -> None:
    with rtsp(real_clip(clip), "--codec", codec) as server, watching(server.url()) as watcher:
        watcher.until(lambda: len(watcher.units) > 30, 15)
        assert_transcoded(watcher)


def assert_transcoded(watcher: Watcher) -> None:
    found = watcher.source.capabilities
    assert (found.transcoded, found.askable, found.adjustable) == (True, True, True)
    assert watcher.units[0].keyframe
    assert all(earlier.pts < later.pts for earlier, later in pairwise(watcher.units[:]))
    sps = next(split_nal_units(watcher.units[0].data))
    assert sps[:3] == b"\x67\x42\xc0"
    before = len(watcher.units)
    watcher.source.request_keyframe()
    watcher.until(lambda: any(unit.keyframe for unit in watcher.units[before : before + 4]), 2)


@pytest.fixture(scope="module")
def streams() -> dict[str, Path]:
    return {name: http_stream(name) for name in HTTP_STREAMS}


@pytest.mark.parametrize("name", ["live.ts", "live.mp4"])
def test_h264_over_http_passes_untouched(streams: dict[str, Path], name: str) -> None:
    with HttpCamera(streams[name]) as camera, watching(camera.url(name)) as watcher:
        watcher.until(lambda: len(watcher.units) >= 90)
        assert_same_pictures(watcher.units[:], streams[name], at_least=90)
        assert not watcher.source.capabilities.transcoded


def test_mjpeg_over_http_is_encoded(streams: dict[str, Path]) -> None:
    camera = HttpCamera(streams["live.mjpeg"], user="bob", password="secret")
    with camera, watching(camera.url("live.mjpeg", "bob:secret@")) as watcher:
        watcher.until(lambda: len(watcher.units) >= 60)
        assert_transcoded(watcher)


def test_the_end_of_an_http_stream_is_told_and_it_is_asked_again(streams: dict[str, Path]) -> None:
    with HttpCamera(streams["live.ts"], seconds=3) as camera, watching(camera.url("live.ts")) as watcher:
        assert isinstance(watcher.problem(), SourceUnreachable)
        before = len(watcher.units)
        watcher.until(lambda: len(watcher.units) > before + 10)
        assert all(earlier.pts < later.pts for earlier, later in pairwise(watcher.units))


def test_a_redirect_is_not_followed(streams: dict[str, Path]) -> None:
    with HttpCamera(streams["live.ts"]) as inside:
        with HttpCamera(elsewhere=inside.url("live.ts")) as camera:
            for path in ("redirect", "playlist"):
                with watching(camera.url(path)) as watcher:
                    assert isinstance(watcher.problem(), SourceUnsupported)
        assert inside.asked == []


def test_http_answers_that_are_no_stream() -> None:
    with HttpCamera(user="bob", password="secret") as camera, watching(camera.url("x", "bob:wr0ng@")) as watcher:
        assert isinstance(watcher.problem(), SourceForbidden)
    with HttpCamera() as camera:
        with watching(camera.url("nothing")) as watcher:
            assert isinstance(watcher.problem(), SourceUnreachable)
        with watching(camera.url("garbage")) as watcher:
            assert isinstance(watcher.problem(), SourceUnsupported)
        with watching(camera.url("silent")) as watcher:
            assert isinstance(watcher.problem(6), SourceUnreachable)


@contextmanager
def answering(answer: bytes, *, times: int = 100) -> Iterator[int]:
    """A server that answers every connection with the same bytes; its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.recv(4096)
                for _ in range(times):
                    connection.sendall(answer)

    thread = threading.Thread(target=serve, name="answering")
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@pytest.mark.parametrize(
    "answer", [os.urandom(1000), b"HTTP/1.1 200 OK\r\n\r\nhello", b"\x00" * 999, b"$" * 99, b"A\r\n"]
)
def test_garbage_is_told_as_such(answer: bytes) -> None:
    with answering(answer) as port, watching(f"rtsp://127.0.0.1:{port}/") as watcher:
        assert isinstance(watcher.problem(), SourceUnsupported)
        assert watcher.units == []


@pytest.mark.parametrize(
    "status", [b"RTSP/1.0 302 Found\r\n", b" RTSP/1.0\t301 Moved\r\n", b"RTSP/1.0 3\r05 x\n", b"RTSP/1.0   +303 x\n"]
)
def test_an_rtsp_redirect_is_not_followed(status: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.setblocking(False)
        location = f"Location: rtsp://127.0.0.1:{inside.getsockname()[1]}/\r\n".encode()
        answer = status + b"CSeq: 1\r\n" + location + b"\r\n"
        with answering(answer, times=1) as port, watching(f"rtsp://127.0.0.1:{port}/") as watcher:
            assert isinstance(watcher.problem(), SourceUnsupported)
        with pytest.raises(BlockingIOError):
            inside.accept()


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with watching(f"rtsp://bob:secret@127.0.0.1:{port}/") as watcher:
        problem = watcher.problem()
        assert isinstance(problem, SourceUnreachable)
        assert "refuses" in str(problem)
        watcher.until(lambda: len(watcher.reports) >= 3)
        gaps = [later - earlier for earlier, later in pairwise(watcher.reported_at)]
        assert gaps[0] < gaps[1]


def test_no_such_host() -> None:
    with watching("rtsp://camera.invalid/live") as watcher:
        assert isinstance(watcher.problem(15), SourceUnreachable)


def test_an_address_from_the_api_may_not_be_loopback() -> None:
    with watching("rtsp://bob:secret@localhost/live", by_operator=False) as watcher:
        assert isinstance(watcher.problem(), AddressRefused)
    with pytest.raises(AddressRefused):
        NetworkSource("rtsp://bob:secret@0x7f.1/live", by_operator=False)


def test_a_camera_that_accepts_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with watching(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/") as watcher:
            assert isinstance(watcher.problem(6), SourceUnreachable)
        with watching(f"rtsp://127.0.0.1:{mute.getsockname()[1]}/") as watcher:
            time.sleep(0.3)  # stopped in the middle of opening
    assert watcher.units == []


def test_start_and_stop_may_be_repeated(streams: dict[str, Path]) -> None:
    with HttpCamera(streams["live.ts"]) as camera:
        watcher = Watcher(camera.url("live.ts"))
        for _ in range(3):
            before = len(watcher.units)
            watcher.source.start(pictures(watcher.units.append), watcher.report)
            watcher.until(lambda before=before: len(watcher.units) > before + 5)  # type: ignore[misc]
            watcher.source.stop()
        watcher.source.stop()
        assert all(earlier.pts < later.pts for earlier, later in pairwise(watcher.units))


def test_an_endless_picture_is_cut_off(streams: dict[str, Path]) -> None:
    with HttpCamera(streams["live.ts"]) as camera, watching(camera.url("endless")) as watcher:
        problem = watcher.problem(15)
        assert isinstance(problem, SourceUnsupported), problem
        assert "far more than a picture" in str(problem)
        assert camera.sent < 3 * MAX_BYTES_WITHOUT_PICTURE
