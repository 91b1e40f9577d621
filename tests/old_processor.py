"""`pi-cam` as on a Raspberry Pi 4, whose processor has no instructions for AES: `python -m tests.old_processor serve …`."""

from __future__ import annotations

import sys

from pi_cam import cli
from pi_cam.transport import webrtc_ciphers

CORTEX_A72 = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU part\t: 0xd08
"""

if __name__ == "__main__":
    webrtc_ciphers.processor = lambda: CORTEX_A72
    sys.exit(cli.main())
