"""What stands beside the image."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.image.root import HERE

MEGABYTES_MAX = 320


@pytest.fixture(scope="module")
def packed(folder: Path) -> Path:
    (found,) = folder.glob("*.img.zst")
    return found


def test_its_name_and_its_size(packed: Path) -> None:
    assert re.fullmatch(r"pi-cam-[a-z]+-[a-z0-9]+-\d+\.\d+\.\d+\.img\.zst", packed.name)
    assert packed.stat().st_size <= MEGABYTES_MAX * 1_000_000


def test_its_checksum(packed: Path) -> None:
    subprocess.run(
        ["sha256sum", "--check", f"{packed.name}.sha256"], cwd=packed.parent, check=True, capture_output=True
    )


def test_the_bill_of_materials_names_all_of_it(folder: Path, system: Path) -> None:
    (path,) = folder.glob("*.sbom.json")
    document = json.loads(path.read_text("utf-8"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    names = {(one["purl"].split("/")[0], one["name"]): one["version"] for one in document["components"]}
    asked = ["dpkg-query", f"--admindir={system}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\\n"]
    for line in subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines():
        name, version = line.split()
        assert names["pkg:deb", name] == version
    assert {"flask", "aiortc", "av", "numpy", "pi-cam"} <= {name for kind, name in names if kind == "pkg:pypi"}
    assert len({one["bom-ref"] for one in document["components"]}) == len(document["components"])


def schema() -> Any:
    return json.loads((HERE / "image-build/os_list.schema.json").read_text("utf-8"))


def test_imager_can_read_the_list(folder: Path, packed: Path, image: Path) -> None:
    (path,) = folder.glob("os_list-*.json")
    listed = json.loads(path.read_text("utf-8"))
    jsonschema.validate(listed, schema())
    (row,) = listed["os_list"]
    assert row["image_download_size"] == packed.stat().st_size
    assert row["image_download_sha256"] == hashlib.sha256(packed.read_bytes()).hexdigest()
    assert row["extract_size"] == image.stat().st_size
    with image.open("rb") as file:
        assert row["extract_sha256"] == hashlib.file_digest(file, "sha256").hexdigest()


@pytest.mark.parametrize(
    "change", [{"url": 3}, {"extract_sha256": "abc"}, {"devices": "pi5"}, {"release_date": "today"}]
)
def test_the_schema_refuses_what_imager_would(folder: Path, change: dict[str, object]) -> None:
    (path,) = folder.glob("os_list-*.json")
    listed = json.loads(path.read_text("utf-8"))
    listed["os_list"][0].update(change)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(listed, schema())
