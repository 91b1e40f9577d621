"""What NetworkManager is told of every network at home: by the wizard over D-Bus, by the first boot in a keyfile."""

from __future__ import annotations

DHCP_SECONDS = 30
POWERSAVE_OFF = 2
"""A radio that sleeps between pictures makes live pictures stutter."""

RETRIES_FOREVER = 0
"""After a power cut routers are slow; a camera that gave up would wait for somebody who never comes."""

HOME: dict[str, dict[str, tuple[str, int | str]]] = {
    "connection": {"autoconnect-retries": ("i", RETRIES_FOREVER)},
    "802-11-wireless": {"mode": ("s", "infrastructure"), "powersave": ("u", POWERSAVE_OFF)},
    "ipv4": {"method": ("s", "auto"), "dhcp-timeout": ("i", DHCP_SECONDS)},
    "ipv6": {"method": ("s", "auto")},
}
"""By section and name (nm-settings-nmcli(5)): the D-Bus type, and the value."""
