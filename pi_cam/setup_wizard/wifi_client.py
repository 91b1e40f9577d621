"""The camera's side of the Wi-Fi: asks the helper, which has the rights. Without one this machine's Wi-Fi is `absent`."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pi_cam.setup_wizard.wifi import Network, WifiError, WifiState

SOCKET = Path("/run/pi-cam-netd/control")
ANSWER_SECONDS = 45.0
"""A scan takes some; a radio that is busy, more."""

ANSWER_BYTES_MAX = 256 * 1024
NO_HELPER = "The Wi-Fi of this device is not managed by this camera."
NO_ANSWER = "The Wi-Fi of this device does not answer; try again in a moment."


class WifiClient:
    """A `Wifi`. One connection per call: nothing is held while nobody asks."""

    def __init__(self, path: Path = SOCKET, seconds: float = ANSWER_SECONDS) -> None:
        self._path = path
        self._seconds = seconds

    def networks(self) -> Sequence[Network]:
        """As `Wifi.networks`."""
        answer = self._ask(verb="networks")
        try:
            return [Network(**one) for one in answer["networks"]]
        except (KeyError, TypeError):
            raise WifiError(NO_ANSWER) from None

    def state(self) -> WifiState:
        """As `Wifi.state`; it raises nothing when there is no helper."""
        try:
            return WifiState(**self._ask(verb="state")["state"])
        except NoHelper:
            return WifiState("absent")
        except (KeyError, TypeError):
            raise WifiError(NO_ANSWER) from None

    def join(self, ssid: str, passphrase: str | None, *, hidden: bool = False) -> None:
        """As `Wifi.join`."""
        self._ask(verb="join", ssid=ssid, passphrase=passphrase, hidden=hidden)

    def forget(self, ssid: str) -> None:
        """As `Wifi.forget`."""
        self._ask(verb="forget", ssid=ssid)

    def set_country(self, country: str) -> None:
        """As `Wifi.set_country`."""
        self._ask(verb="country", country=country)

    def hotspot(self) -> None:
        """As `Wifi.hotspot`."""
        self._ask(verb="hotspot")

    def _ask(self, **request: object) -> dict[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(self._seconds)
                connection.connect(str(self._path))
                with connection.makefile("rwb") as file:
                    file.write(json.dumps(request).encode() + b"\n")
                    file.flush()
                    line = file.readline(ANSWER_BYTES_MAX)
                    answer = json.loads(line)
            if not isinstance(answer, dict):
                raise ValueError
        except (FileNotFoundError, ConnectionRefusedError, PermissionError) as error:
            raise NoHelper(NO_HELPER) from error
        except (OSError, ValueError) as error:
            raise WifiError(NO_ANSWER) from error
        if "error" in answer:
            raise WifiError(str(answer["error"]))
        return answer


class NoHelper(WifiError):
    """It is not installed, or not running."""
