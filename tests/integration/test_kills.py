"""Power lost in any write: settings, accounts, tokens and the journal are whole at the next start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import kills

KILLS = 200


def run(*arguments: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.kills", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]


def test_each_of_many_kills_at_random_moments_is_followed_by_a_clean_start(tmp_path: Path) -> None:
    run("random", tmp_path, str(KILLS))


@pytest.mark.parametrize("what", kills.STEPS)
def test_a_kill_before_any_step_leaves_the_old_state_or_the_new_one(tmp_path: Path, what: str) -> None:
    run(what, tmp_path)
