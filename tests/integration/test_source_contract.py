"""Every kind of source that runs here, held to the one contract. (The CSI camera's row is in tests/camera.)"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clips import HTTP_STREAMS, http_stream, real_clip
from tests.contract.source_contract import SourceContract
from tests.http_camera import HttpCamera
from tests.rtsp_camera import rtsp


class TestSynthetic(SourceContract):
    @pytest.fixture
    def address(self) -> str:
        return "synthetic:?size=320x240&fps=25"


class TestClip(SourceContract):
    @pytest.fixture
    def address(self) -> str:
        return f"file:{real_clip()}"


class TestTranscodedClip(SourceContract):
    @pytest.fixture
    def address(self) -> str:
        return f"file:{real_clip('bikes')}"


class TestRtsp(SourceContract):
    @pytest.fixture
    def address(self) -> Iterator[str]:
        with rtsp(real_clip()) as camera:
            yield camera.url()


class TestTranscodedRtsp(SourceContract):
    @pytest.fixture
    def address(self) -> Iterator[str]:
        with rtsp(real_clip("bikes")) as camera:
            yield camera.url()


class TestHttp(SourceContract):
    @pytest.fixture(params=sorted(HTTP_STREAMS))
    def address(self, request: pytest.FixtureRequest) -> Iterator[str]:
        with HttpCamera(http_stream(request.param)) as camera:
            yield camera.url(request.param)
