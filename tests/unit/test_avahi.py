"""What avahi is told, byte by byte; the rest is tried with avahi itself (tests/appliance)."""

from __future__ import annotations

import pytest

from pi_cam.control.avahi import NO_AVAHI, wire_name
from pi_cam.control.discovery import Announcement, Discovery, instance_name


@pytest.mark.parametrize(
    ("name", "wire"),
    [("pi-cam.local", b"\x06pi-cam\x05local\0"), ("a.b.", b"\x01a\x01b\0"), ("x" * 63, b"\x3f" + b"x" * 63 + b"\0")],
)
def test_a_name_as_a_record_holds_it(name: str, wire: bytes) -> None:
    assert wire_name(name) == wire


def test_nothing_to_announce() -> None:
    nothing = Discovery(None)
    nothing.start()
    nothing.stop()
    assert nothing.state() == {"names": [], "trouble": None}


def test_without_a_bus_it_is_said_and_ends_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/nobody")
    lonely = Discovery(Announcement("Camera", "x" * 20, 443, ["pi-cam.local"]))
    lonely.start()
    assert lonely._thread is not None
    for _ in range(500):
        if lonely.state()["trouble"]:
            break
        lonely._thread.join(0.01)
    assert lonely.state() == {"names": [], "trouble": NO_AVAHI}
    lonely.stop()
    assert not lonely._thread.is_alive()


def test_a_service_has_a_name_that_avahi_takes_however_long_the_machines_is() -> None:
    assert instance_name("salon") == "Camera salon"
    assert instance_name("x" * 63) == "Camera " + "x" * 56
    assert len(instance_name("é" * 40).encode()) == 63
    assert instance_name("xé" * 30).encode().decode().startswith("Camera xé")
