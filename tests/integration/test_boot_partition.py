"""Two programs that write the boot partition at once, on a file system that is mounted as on the card: for reading."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.prerequisites import require

WRITE = """
import os, sys, time
from pathlib import Path
from pi_cam import boot_partition

folder, name = Path(sys.argv[1]), sys.argv[2]
for number in range(5):
    with boot_partition.writable(folder):
        with (folder / f"{name}{number}").open("w") as file:
            time.sleep(0.02)
            file.write(name)
            file.flush()
            (folder / f"{name}{number}.beside").touch()
"""
STORY = """
set -e
mount -t tmpfs -o ro,size=1m tmpfs "$1"
"$2" -c "$3" "$1" a &
"$2" -c "$3" "$1" b
wait $!
ls "$1" | wc -l
if touch "$1/after" 2>/dev/null; then exit 9; fi
"""


def test_one_waits_for_the_other_and_it_is_read_only_afterwards(tmp_path: Path) -> None:
    require("root", os.geteuid() == 0)
    own = ["unshare", "--mount", "--propagation", "private", "sh", "-c", STORY, "sh"]
    done = subprocess.run(
        [*own, str(tmp_path), sys.executable, WRITE], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "20"
