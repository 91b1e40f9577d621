"""What happens once, when the camera begins to serve."""

from __future__ import annotations

import subprocess
import sys

MEASURED = """
import gc, time
gc.disable()
import pi_cam.app
from pi_cam.serving import keep_what_is_here
def whole():
    begun = time.thread_time()
    gc.collect()
    return time.thread_time() - begun
before = whole()
keep_what_is_here()
print(gc.isenabled(), gc.get_freeze_count(), before / whole())
"""


def test_the_collector_of_garbage_does_not_go_through_what_stays() -> None:
    """In a process of its own: what is frozen there would be so for all tests."""
    said = subprocess.run(
        [sys.executable, "-c", MEASURED], check=True, capture_output=True, text=True, timeout=60
    ).stdout
    enabled, kept, times = said.split()
    assert enabled == "True"
    assert int(kept) > 50_000
    assert float(times) > 20, said
