"""A few of the hard kills of `make test-kills`, natively: the next start is whole each time."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 4

pytestmark = [pytest.mark.timeout(600)]


def test_a_start_after_a_cut_is_whole(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    del copy  # says what is missing here
    command = [sys.executable, "-m", "tests.image.kills", "native", str(KILLS)]
    done = subprocess.run(command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with capsys.disabled():
        print(f"\n{done.stdout.strip().splitlines()[-1]}")  # noqa: T201 - the person reads this
    assert done.returncode == 0, done.stdout
    assert re.search(rf"^{KILLS} hard kills, native .*every next start whole", done.stdout, re.MULTILINE)
