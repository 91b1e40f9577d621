"""A machine without Wi-Fi, or without anything that manages it: the wizard leaves the step out."""

from __future__ import annotations

from collections.abc import Sequence

from pi_cam.setup_wizard.wifi import Network, WifiError, WifiState

NO_WIFI = "This machine has no Wi-Fi that this camera may manage."


class NoWifi:
    """A `Wifi`."""

    def networks(self) -> Sequence[Network]:
        """None."""
        return ()

    def state(self) -> WifiState:
        """Absent."""
        return WifiState("absent")

    def join(self, ssid: str, passphrase: str | None, *, hidden: bool = False) -> None:
        """Raises `WifiError`."""
        raise WifiError(NO_WIFI)

    def forget(self, ssid: str) -> None:
        """Nothing is known."""
