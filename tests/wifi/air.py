"""What is around the camera: a home's router (hostapd, dnsmasq), a phone (wpa_supplicant, udhcpc), each in its network."""

from __future__ import annotations

import json
import shlex
import time
from typing import Any

from tests.wifi.machine import Machine

HOME, HOME_ADDRESS = "Maison d'Été", "192.168.77.1"
PASSWORD = "un mot de passe $(id) \"'"
PYTHON = "/opt/pi-cam/current/bin/python"
LEASE = """#!/bin/sh
# udhcpc tells here what it got.
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev $interface; ip addr add $ip/${mask:-24} dev $interface
[ -z "$router" ] || ip route replace default via ${router%% *}
mkdir -p /etc/netns/phone; echo "nameserver ${dns%% *}" >/etc/netns/phone/resolv.conf
env >/srv/lease
"""


class Air:
    """All by commands in the machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        for line in (
            "modprobe mac80211_hwsim radios=3",
            "ip netns add home && ip netns add phone",
            "iw phy $(cat /sys/class/net/wlan1/phy80211/name) set netns name home",
            "iw phy $(cat /sys/class/net/wlan2/phy80211/name) set netns name phone",
            "ip -n home link set lo up; ip -n phone link set lo up",
            f"printf %s {shlex.quote(LEASE)} >/srv/lease.sh && chmod +x /srv/lease.sh",
        ):
            machine.run(line)

    def home_on(
        self, ssid: bytes = HOME.encode(), passphrase: str | None = PASSWORD, *more: str, dhcp: bool = True
    ) -> None:
        """The router sends, as `ssid`."""
        self.home_off()
        lines = ["interface=wlan1", "driver=nl80211", f"ssid2={ssid.hex()}", "hw_mode=g", "channel=1", *more]
        if passphrase is not None:
            lines += ["wpa=2", "wpa_key_mgmt=WPA-PSK", "rsn_pairwise=CCMP", f"wpa_passphrase={passphrase}"]
        text = shlex.quote("\n".join(lines) + "\n")
        self._machine.run(f"printf %s {text} >/srv/hostapd.conf")
        self._machine.run("ip netns exec home hostapd -B -P /run/hostapd.pid -f /srv/hostapd.log /srv/hostapd.conf")
        self._machine.run(f"ip -n home addr replace {HOME_ADDRESS}/24 dev wlan1")
        if dhcp:
            ranged = "--dhcp-range=192.168.77.10,192.168.77.99 --port=0 --conf-file=/dev/null"
            self._machine.run(f"ip netns exec home dnsmasq --interface=wlan1 --pid-file=/run/home-dns.pid {ranged}")

    def home_off(self) -> None:
        """No router."""
        for name in ("hostapd", "home-dns"):
            self._machine.attempt(f"test -e /run/{name}.pid && kill $(cat /run/{name}.pid); rm -f /run/{name}.pid")
        self._machine.attempt("while pgrep -x hostapd; do sleep 0.2; done", 20)

    def phone_joins(self, ssid: str, passphrase: str | None = None, seconds: float = 90.0) -> dict[str, str]:
        """Returns when it has an address: what it was told by DHCP."""
        self.phone_leaves()
        key = f'psk="{passphrase}"' if passphrase else "key_mgmt=NONE"
        text = f'network={{\nssid="{ssid}"\n{key}\n}}\n'
        self._machine.run(f"printf %s {shlex.quote(text)} >/srv/phone.conf; rm -f /srv/lease")
        self._machine.run("ip netns exec phone wpa_supplicant -B -i wlan2 -c /srv/phone.conf -P /run/phone.pid")
        self._machine.until("iw --help >/dev/null; ip netns exec phone iw dev wlan2 link | grep -q Connected", seconds)
        self._machine.run("ip netns exec phone busybox udhcpc -i wlan2 -n -q -t 20 -O 114 -s /srv/lease.sh", seconds)
        lines = self._machine.run("cat /srv/lease").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def phone_leaves(self) -> None:
        """It forgets all."""
        self._machine.attempt("test -e /run/phone.pid && kill $(cat /run/phone.pid); rm -f /run/phone.pid; sleep 0.5")
        self._machine.attempt("ip -n phone addr flush dev wlan2")

    def phone(self, *words: str, seconds: float = 90.0) -> str:
        """What `phone.py` prints."""
        said = " ".join(shlex.quote(word) for word in words)
        return self._machine.run(f"ip netns exec phone {PYTHON} /srv/phone.py {said}", seconds)

    def phase(self, wanted: str, seconds: float = 150.0) -> dict[str, Any]:
        """Waits for it; the camera's state then."""
        deadline = time.monotonic() + seconds
        while True:
            state: dict[str, Any] = self.camera_says("state()")
            if state["phase"] == wanted:
                return state
            assert time.monotonic() < deadline, f"{state}\n{self._machine.log()}"
            time.sleep(1)

    def listed(self, ssid: str, seconds: float = 90.0) -> dict[str, Any]:
        """Waits until the camera hears a network; its row."""
        deadline = time.monotonic() + seconds
        while True:
            rows = self.camera_says("networks()")
            for row in rows:
                if row["ssid"] == ssid:
                    return dict(row)
            assert time.monotonic() < deadline, f"{rows}\n{self._machine.log()}"
            time.sleep(3)

    def camera_joins(self, ssid: str, passphrase: str | None, *, hidden: bool = False) -> dict[str, Any]:
        """From its setup pages; its state when that has ended."""
        self.camera_says(f"join({ssid!r}, {passphrase!r}, hidden={hidden})")
        while True:
            state: dict[str, Any] = self.camera_says("state()")
            if state["phase"] != "joining":
                return state
            time.sleep(1)

    def camera_says(self, method: str) -> Any:
        """What the camera itself hears from the helper: as its user, by its client."""
        code = (
            "import json, dataclasses; from pi_cam.setup_wizard.wifi_client import WifiClient;"
            f"found = WifiClient().{method}; one = dataclasses.asdict;"
            "print(json.dumps([one(x) for x in found] if isinstance(found, list) else found and one(found)))"
        )
        return json.loads(self._machine.run(f"runuser -u pi-cam -- {PYTHON} -c {shlex.quote(code)}"))
