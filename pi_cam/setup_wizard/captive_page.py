"""The hotspot's page with what it loads, made ready when a hotspot comes up for the first time."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass, field

from pi_cam.setup_wizard.wifi import WifiError

SECONDS = 120.0
NOT_READY = "The page of the camera's own Wi-Fi could not be made; its log says more."


@dataclass(slots=True)
class CaptivePage:
    """`html` by language, `files` by name; both empty before `prepare`."""

    html: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    async def prepare(self) -> None:
        """In another process, which ends again: what it takes to fill in a template stays in nobody's memory."""
        if self.html:
            return
        command = [sys.executable, "-m", "web.ui.captive"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(SECONDS):
                written, _ = await process.communicate()
            if process.returncode:
                raise ValueError
            made = json.loads(written)
        except (TimeoutError, ValueError):
            if process.returncode is None:
                process.kill()
            raise WifiError(NOT_READY) from None
        self.files = {name: text.encode() for name, text in made["files"].items()}
        self.html = made["pages"]
