"""Does what the customisation file on the boot partition asks for, once, before the network and the camera start.

Runs as root, on an image only (pi-cam-first-boot.service): `python -m pi_cam.setup_wizard.first_boot`. Nothing that stands
in the file ends in an error: what cannot be done is told in `pi-cam-setup.txt`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from pi_cam import boot_partition, durable
from pi_cam.setup_wizard.customisation import BYTES_MAX, Customisation, Sentence, Wlan, parse
from pi_cam.setup_wizard.home_network import HOME
from pi_cam.trust.setup_code import KEPT

NAMES = ("rpi-preseed.toml", "custom.toml")
FOREIGN = ("firstrun.sh", "user-data", "network-config", "wpa_supplicant.conf")
"""What Imager writes for other systems, and people by hand: not read, but a Wi-Fi password may lie open in it."""

RESET_NAMES = ("reset", "reset.txt")
"""Windows hides the end of the second, and gives it to every file that is made anew there."""

MARK, WORD = "resetting", b"machine\n"
"""As `keeping.reset` has them: what this begins, the start of the camera ends, and the machine forgets its own."""

DONE = ".done"
"""What a file is called from the moment when its wishes are done: a cut while it is overwritten must not have the next start
read what is left of it."""

COMPLAINTS = "first-boot.txt"
"""On /data, for `setup_text`."""

ONLY_WITHOUT_OWNER = (
    "Le code de configuration ne compte que tant que la caméra n’a pas de propriétaire.",
    "The setup code counts only while the camera has no owner.",
)
"""A camera that has one removes the code at its start; whether it has is not for root to read in its database."""


def main(root: Path = Path("/"), writable: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext) -> int:
    """`root`: what stands in front of /boot, /data and /etc; `writable`: by which the boot partition is written. The status
    is 0: a camera without its wishes is still one; 1 where the card cannot be written."""
    try:
        with writable():
            _do(root)
    except OSError as error:
        sys.stderr.write(f"pi-cam-first-boot: {error}\n")
        return 1
    return 0


def _do(root: Path) -> None:
    complaints = _reset(root)
    read = False
    if not (root / "var/lib/pi-cam" / MARK).exists():  # it would be forgotten, too, and what is said of it
        for path in _laid(NAMES, root):
            read = True
            complaints += _obey(path, root)
            _put_away(path)
        for path in _laid(FOREIGN, root):
            complaints.append(_not_read(path.name))
            _put_away(path)
    if complaints:
        lines = [text for pair in zip(*complaints, strict=True) for text in pair]
        durable.replace(root / "data" / COMPLAINTS, ("\n".join(lines) + "\n").encode())
    elif read:
        (root / "data" / COMPLAINTS).unlink(missing_ok=True)


def _laid(names: Iterable[str], root: Path) -> Iterator[Path]:
    """Those that lie on the boot partition; of one that was done before, what a cut has left goes."""
    for name in names:
        path = root / "boot/firmware" / name
        _wipe(path.with_name(name + DONE))
        if path.is_file():
            yield path


def _obey(path: Path, root: Path) -> list[Sentence]:
    found = parse(_read(path))
    complaints = found.complaints + apply(found, root)
    if found.setup_code and (root / "var/lib/pi-cam/pi-cam.db").exists():
        complaints.append(ONLY_WITHOUT_OWNER)
    return complaints


def _not_read(name: str) -> Sentence:
    return (
        f"Le fichier « {name} » est pour d’autres systèmes : cette caméra n’en reprend rien, et l’efface. Choisissez le"
        " Wi-Fi depuis un téléphone.",
        f'The file "{name}" is for other systems: this camera uses nothing of it, and erases it. Choose the Wi-Fi from a'
        " phone.",
    )


def _reset(root: Path) -> list[Sentence]:
    """Whoever holds the card owns the camera: a file of this name on it, and the camera forgets everything, which is done by
    its own user at its start. First the file goes: one that could not be removed would have it forget at every start."""
    asked = [path for name in RESET_NAMES if (path := root / "boot/firmware" / name).is_file()]
    try:
        for path in asked:
            path.unlink()
            durable.sync_folder(path.parent)
        if asked:
            folder = root / "var/lib/pi-cam"
            durable.make_way(folder / MARK)
            durable.replace(folder / MARK, WORD, (folder.stat().st_uid, folder.stat().st_gid))
    except OSError as error:
        why = error.strerror
        return [(f"La caméra n’a pas pu être remise à zéro ({why}).", f"The camera could not be reset ({why}).")]
    return []


def apply(found: Customisation, root: Path) -> list[Sentence]:
    """Each thing by itself: one that fails takes no other with it."""
    complaints: list[Sentence] = []
    kept = root / "data/etc"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    steps: list[tuple[Sentence, Callable[[], None]]] = [
        (("Le nom de l’appareil", "The name of the device"), lambda: _hostname(found.hostname, root)),
        (("Le réseau Wi-Fi", "The Wi-Fi network"), lambda: _wlan(found.wlan, root)),
        (("Le pays du Wi-Fi", "The country of the Wi-Fi"), lambda: _keep(kept / "wifi-country", found.country)),
        (("Le fuseau horaire", "The time zone"), lambda: _timezone(found.timezone, root)),
        (("Le code de configuration", "The setup code"), lambda: _setup_code(found.setup_code, root)),
    ]
    for (french, english), do in steps:
        try:
            do()
        except LookupError:
            complaints.append((f"{french} n’existe pas.", f"{english} does not exist."))
        except OSError as error:
            why = error.strerror
            complaints.append((f"{french} n’a pas pu être écrit ({why}).", f"{english} could not be written ({why})."))
    return complaints


def keyfile(wlan: Wlan) -> str:
    """For NetworkManager (nm-settings-keyfile(5)). The name of the network is written as numbers, so that no letter in it
    means anything; of the passphrase, which is ASCII, the backslash and a leading space do."""
    own: dict[str, dict[str, str]] = {
        "connection": {"id": "home", "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, wlan.ssid)), "type": "wifi"},
        "802-11-wireless": {"ssid": "".join(f"{byte};" for byte in wlan.ssid.encode())},
    }
    if wlan.hidden:
        own["802-11-wireless"]["hidden"] = "true"
    if wlan.psk is not None:
        escaped = wlan.psk.replace("\\", "\\\\")
        if escaped.startswith(" "):
            escaped = "\\s" + escaped[1:]
        own["802-11-wireless-security"] = {"key-mgmt": "wpa-psk", "psk": escaped}
    sections = []
    for section in own | HOME:
        shared = {name: str(value) for name, (_, value) in HOME.get(section, {}).items()}
        lines = [f"{key}={value}\n" for key, value in (own.get(section, {}) | shared).items()]
        name = section.replace("802-11-wireless", "wifi")  # as a keyfile calls them
        sections.append(f"[{name}]\n{''.join(lines)}")
    return "\n".join(sections)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BYTES_MAX + 1)
    except OSError:
        return b"\xff"  # which is no TOML, and told as such


def _put_away(path: Path) -> None:
    """Its name goes first, for good: from then on there is nothing to read, whatever becomes of its bytes."""
    done = path.with_name(path.name + DONE)
    try:
        durable.rename(path, done)
    except OSError as error:
        sys.stderr.write(f"{path.name} cannot be renamed: {error.strerror}.\n")
        done = path
    _wipe(done)


def _wipe(path: Path) -> None:
    """It may hold the password of the Wi-Fi, and anybody can read this partition. (A card may keep the old cells.)"""
    try:
        with path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        durable.sync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        sys.stderr.write(f"{path.name} cannot be removed: {error.strerror}.\n")


def _hostname(name: str | None, root: Path) -> None:
    if name is None:
        return
    _keep(root / "data/etc/hostname", name)
    (root / "etc/hostname").write_text(f"{name}\n", "ascii")
    if root == Path("/"):
        socket.sethostname(name)


def _wlan(wlan: Wlan | None, root: Path) -> None:
    if wlan is not None:
        durable.replace(root / "etc/NetworkManager/system-connections/home.nmconnection", keyfile(wlan).encode())


def _timezone(zone: str | None, root: Path) -> None:
    if zone is None:
        return
    if not (root / "usr/share/zoneinfo" / zone).is_file():
        raise LookupError(zone)
    _keep(root / "data/etc/timezone", zone)
    new = root / "etc/localtime.new"
    new.unlink(missing_ok=True)
    new.symlink_to(f"/usr/share/zoneinfo/{zone}")
    new.replace(root / "etc/localtime")


def _setup_code(code: str | None, root: Path) -> None:
    folder = root / "var/lib/pi-cam"
    if code is None:
        return
    whose = folder.stat()  # nothing is done by name afterwards: in this folder a name may be led elsewhere meanwhile
    durable.replace(folder / KEPT, f"{code}\n".encode(), (whose.st_uid, whose.st_gid))


def _keep(path: Path, text: str | None) -> None:
    if text is not None:
        durable.replace(path, f"{text}\n".encode())


if __name__ == "__main__":
    sys.exit(main(writable=boot_partition.writable))
