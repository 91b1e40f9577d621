"""What stands beside an image: its checksum, what is in it (CycloneDX), and what takes the most room."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from email.parser import Parser
from pathlib import Path
from typing import Any

import imager
from target import Target, epoch, version

LARGEST = 10


def write(target: Target, work: Path, stem: Path) -> None:
    """`STEM.sbom.json` and `STEM.packages.txt`, from `work/root`."""
    root = work / "root"
    debian, python = list(_debian(root)), list(_python(root))
    _sbom(target, [*map(_of_debian, debian), *map(_of_python, python)], stem.with_name(stem.name + ".sbom.json"))
    sizes = [(int(row.get("Installed-Size", "0")), row["Package"], row["Version"]) for row in debian]
    sizes += [(row["size"], row["name"], row["version"]) for row in python]
    sizes.sort(key=lambda row: (-row[0], row[1]))
    lines = [f"{size:8} KiB  {name} {number}" for size, name, number in sizes[:LARGEST]]
    _largest(stem).write_text("\n".join(lines) + "\n", "utf-8")


def finish(target: Target, packed: Path, image: Path) -> str:
    """`PACKED.sha256`, the list that Raspberry Pi Imager reads, and how large it is: what a person wants to know of that."""
    packed.with_name(packed.name + ".sha256").write_text(f"{sha256(packed)}  {packed.name}\n", "ascii")
    imager.write(target, packed, image)
    largest = _largest(packed.with_name(packed.name.removesuffix(".img.zst")))
    sizes = f"{packed.stat().st_size / 1e6:.1f} MB compressed, {image.stat().st_size / 1e6:.0f} MB on the card"
    largest.write_text(f"{sizes}; its {LARGEST} largest packages:\n{largest.read_text('utf-8')}", "utf-8")
    return largest.read_text("utf-8")


def _largest(stem: Path) -> Path:
    return stem.with_name(stem.name + ".largest.txt")


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _debian(root: Path) -> Iterator[dict[str, str]]:
    for paragraph in (root / "var/lib/dpkg/status").read_text("utf-8").split("\n\n"):
        row = dict(Parser().parsestr(paragraph).items())
        if row.get("Status") == "install ok installed":
            yield row


def _python(root: Path) -> Iterator[dict[str, Any]]:
    for metadata in sorted(root.glob("opt/pi-cam/[0-9]*/lib/python3*/site-packages/*.dist-info/METADATA")):
        row = Parser().parsestr(metadata.read_text("utf-8"), headersonly=True)
        licence = row["License-Expression"] or row["License"] or ""
        yield {
            "name": row["Name"].lower().replace("_", "-"),
            "version": row["Version"],
            "licence": licence if len(licence) < 100 else "",
            "size": _kibibytes(metadata.parent),
        }


def _kibibytes(information: Path) -> int:
    """Of the packages that bear the distribution's name; an estimate, since RECORD is left out of the image."""
    name = information.name.split("-")[0]
    listed = information / "top_level.txt"
    tops = listed.read_text("utf-8").split() if listed.exists() else [name]
    folders = [information.parent / top for top in (*tops, f"{name}.libs")]
    return sum(path.lstat().st_size for folder in folders if folder.is_dir() for path in folder.rglob("*")) >> 10


def _of_debian(row: dict[str, str]) -> dict[str, Any]:
    name, number, architecture = row["Package"], row["Version"], row["Architecture"]
    quoted = number.replace("+", "%2B").replace(":", "%3A")
    return {
        "type": "library",
        "name": name,
        "version": number,
        "purl": f"pkg:deb/debian/{name}@{quoted}?arch={architecture}&distro=debian-13",
    }


def _of_python(row: dict[str, Any]) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "name": row["name"],
        "version": row["version"],
        "purl": f"pkg:pypi/{row['name']}@{row['version']}",
    }
    if row["licence"]:
        component["licenses"] = [{"license": {"name": row["licence"]}}]
    return component


def _sbom(target: Target, components: list[dict[str, Any]], path: Path) -> None:
    for component in components:
        component["bom-ref"] = component["purl"]
    text = json.dumps(components, sort_keys=True)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, text)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(epoch(), UTC).isoformat(),
            "component": {
                "type": "operating-system",
                "name": f"pi-cam-{target.name}",
                "version": version(),
                "bom-ref": "image",
            },
        },
        "components": components,
    }
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "utf-8")
