"""The CSI camera, held to the one contract of all sources."""

from __future__ import annotations

import pytest

from tests.contract.source_contract import SourceContract


class TestCamera(SourceContract):
    @pytest.fixture
    def address(self) -> str:
        return "camera:?size=1280x720&fps=30"
