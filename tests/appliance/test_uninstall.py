"""The end of it, after all other tests with this guest."""

from __future__ import annotations

from tests.appliance.guest import Guest
from tests.appliance.test_install import INSTALL


def test_it_goes_without_a_trace_but_what_it_remembers(guest: Guest) -> None:
    said = guest.run(f"{INSTALL} --uninstall")
    assert "/var/lib/pi-cam" in said
    assert guest.run("ls /var/lib/pi-cam/pi-cam.db /etc/pi-cam") != ""
    elsewhere = "-not -path '/var/*' -not -path '/srv/*' -not -path /etc/pi-cam -not -name pi-cam-recipe"
    assert guest.run(f"find / -xdev -name '*pi-cam*' {elsewhere}") == ""
    assert guest.run("ss -ltnH 'sport = :443 or sport = :80 or sport = :8080'") == ""
    guest.run(f"{INSTALL} --uninstall --purge")
    assert guest.attempt("ls /var/lib/pi-cam || id pi-cam").returncode != 0
