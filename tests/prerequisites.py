"""What a test needs besides Python: a build machine must have it, a laptop may lack it."""

from __future__ import annotations

import os

import pytest


def require(name: str, available: bool) -> None:
    """Skips the test that needs `name` where it is missing, and fails it on a build machine (`CI=true`)."""
    if available:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(f"this build machine lacks {name}", pytrace=False)
    pytest.skip(f"needs {name}")
