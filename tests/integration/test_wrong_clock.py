"""A clock of 1970, of 2038, and one that jumps from one to the other: everything works, and the journal keeps its order."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.server import pi_cam

CLOCKS = (30.0, 2.0**31 - 2, 2.0**31 + 1e6, 1.8e9, 5.0)
"""Soon after the power came on without a network; two seconds before 32 bits end; after that; now; 1970 again."""


def test_the_camera_works_whatever_the_clock_says(tmp_path: Path) -> None:
    for clock in CLOCKS:
        done = subprocess.run(
            [sys.executable, "-m", "tests.wrong_clock", str(tmp_path), str(clock)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (clock, done.stderr[-4000:])
    assert pi_cam("journal", "verify", "--data", tmp_path).startswith("The journal is whole")
    rows = json.loads(pi_cam("journal", "export", "--data", tmp_path))
    assert [row["id"] for row in rows] == list(range(1, len(rows) + 1))
    changed = [row["at"] for row in rows if row["action"] == "setting-changed"]
    assert [round(at / 1e6) for at in changed] == [round(clock / 1e6) for clock in CLOCKS]
    assert len([row for row in rows if row["action"] == "database-restored"]) == len(CLOCKS)
