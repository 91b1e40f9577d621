"""The definition of the Raspberry Pi's image, as far as it can be tried without the archive that has its kernel: the program
for it, Debian's packages, the boot partition, the disk, and what Imager is told. What stands in for the kernels and the
firmware has the names that Raspberry Pi OS gives them."""

from __future__ import annotations

import filecmp
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from tests.image.root import HERE, REHEARSAL
from tests.image.test_records import schema
from tests.image.test_targets import as_root, build

__all__ = ["as_root"]

RELEASE = "6.12.47+rpt-rpi"
TREES = ("bcm2710-rpi-zero-2-w", "bcm2710-rpi-3-b", "bcm2711-rpi-4-b", "bcm2712-rpi-5-b")
FIRMWARE = ("bootcode.bin", "start.elf", "start4.elf", "fixup.dat", "fixup4.dat", "LICENCE")
AARCH64 = 183
"""The machine in an ELF header (elf(5))."""

DISK = """
import sys
from pathlib import Path
import boot, disk, imager
from target import Target
work, target = Path(sys.argv[1]), Target.load("rpi-arm64")
boot.fill(target, work / "root", work / "boot")
disk.make(target, work)
disk.compress(work / "images/pi-cam.img", work / "images/pi-cam.img.zst")
imager.write(target, work / "images/pi-cam.img.zst", work / "images/pi-cam.img")
"""


def test_without_the_archive_all_else_is_made_and_one_sentence_says_what_is_missing(folder: Path) -> None:
    code, *said = (folder / REHEARSAL / "said").read_text("utf-8").splitlines()
    assert code == "1"
    (sentence,) = (line for line in said if line.startswith("image-build: "))
    assert said[-1] == sentence
    assert re.search(r"The program is whole, and Debian has the \d+ packages that are asked of it", sentence)
    for word in ("PI_CAM_PI_ARCHIVE ", "PI_CAM_PI_ARCHIVE_KEY", "docs/deploy/image.md"):
        assert word in sentence


def test_its_program_is_for_its_processor_and_leaves_room_for_picamera2(folder: Path) -> None:
    program = folder / REHEARSAL / "program"
    libraries = [path for path in program.rglob("*.so*") if path.is_file()]
    assert len(libraries) > 20
    assert {int.from_bytes(path.read_bytes()[18:20], "little") for path in libraries} == {AARCH64}
    assert (program / "av").is_dir()
    assert list(program.glob("gpiozero-2*.dist-info"))
    assert not [path.name for path in program.iterdir() if re.match(r"numpy\b", path.name)]


def test_a_wrong_key_is_told_at_once(tmp_path: Path) -> None:
    variables = {"PI_CAM_PI_ARCHIVE": "https://archive.example", "PI_CAM_PI_ARCHIVE_KEY": "/missing"}
    code, said = build("rpi-arm64", "--out", str(tmp_path), **variables)
    assert (code, said.count("\n")) == (1, 1)
    assert "PI_CAM_PI_ARCHIVE_KEY" in said
    assert not list(tmp_path.iterdir())


def make_disk(work: Path) -> Path:
    """A folder with a disk whose kernels and firmware are small texts that say their own names."""
    names = [work / f"root/usr/lib/raspi-firmware/{name}" for name in FIRMWARE]
    for flavour in ("v8", "2712"):
        names += [work / f"kernel/{name}-{RELEASE}-{flavour}" for name in ("vmlinuz", "initrd.img", "System.map")]
        trees = work / f"root/usr/lib/linux-image-{RELEASE}-{flavour}"
        names += [trees / f"broadcom/{tree}.dtb" for tree in TREES]
        names += [trees / f"overlays/{overlay}" for overlay in ("vc4-kms-v3d.dtbo", "imx708.dtbo", "README")]
    for name in names:
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_text(f"{name.name}\n", "ascii")
    for path in (work / "root").rglob("*"):
        os.utime(path, (1, 1))
    os.utime(work / "root", (1, 1))
    subprocess.run([sys.executable, "-c", DISK, work], cwd=HERE / "image-build", check=True)
    return work / "images"


@pytest.fixture(scope="module")
def flashed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_disk(tmp_path_factory.mktemp("pi"))


def on_boot_partition(flashed: Path, *command: str) -> str:
    words = [command[0], "-i", str(flashed / "boot.vfat"), *command[1:]]
    return subprocess.run(words, check=True, capture_output=True).stdout.decode()


def test_each_kernel_finds_its_own_initramfs(flashed: Path) -> None:
    """With `auto_initramfs` the firmware takes initramfs8 for kernel8.img, and initramfs_2712 for kernel_2712.img."""
    for name, flavour in {"8": "v8", "_2712": "2712"}.items():
        assert on_boot_partition(flashed, "mtype", f"::/kernel{name}.img") == f"vmlinuz-{RELEASE}-{flavour}\n"
        assert on_boot_partition(flashed, "mtype", f"::/initramfs{name}") == f"initrd.img-{RELEASE}-{flavour}\n"
    config = on_boot_partition(flashed, "mtype", "::/config.txt").splitlines()
    assert {"arm_64bit=1", "auto_initramfs=1", "camera_auto_detect=1", "dtparam=watchdog=on"} <= set(config)


def test_the_firmware_finds_what_it_needs_for_each_board(flashed: Path) -> None:
    names = set(on_boot_partition(flashed, "mdir", "-b", "-/", "::/").split())
    wanted = {"bootcode.bin", "start.elf", "start4.elf", "fixup.dat", "fixup4.dat", "cmdline.txt"}
    wanted |= {f"{tree}.dtb" for tree in TREES} | {"overlays/vc4-kms-v3d.dtbo", "overlays/imx708.dtbo"}
    assert {f"::/{name}" for name in wanted} <= names
    assert not [name for name in names if "System.map" in name or "vmlinuz" in name]


def test_the_kernel_is_told_of_partitions_that_are_there(flashed: Path) -> None:
    listed = subprocess.run(["sfdisk", "--json", flashed / "pi-cam.img"], check=True, capture_output=True).stdout
    table = json.loads(listed)["partitiontable"]
    assert table["label"] == "dos"
    assert [row["type"] for row in table["partitions"]] == ["c", "83", "83", "83"]
    disk = table["id"].removeprefix("0x")
    (line,) = on_boot_partition(flashed, "mtype", "::/cmdline.txt").splitlines()
    assert {f"root=PARTUUID={disk}-02", f"data=PARTUUID={disk}-04", "rootfstype=squashfs", "rootwait"} <= set(
        line.split()
    )


def test_imager_offers_it_for_the_boards_that_it_is_for(flashed: Path) -> None:
    listed = json.loads((flashed / "os_list-rpi-arm64.json").read_text("utf-8"))
    jsonschema.validate(listed, schema())
    (row,) = listed["os_list"]
    assert row["devices"] == ["pi5-64bit", "pi4-64bit", "pi3-64bit"]
    assert (row["architecture"], row["init_format"]) == ("armv8", "rpi-preseed")


def test_the_same_files_make_the_same_disk(flashed: Path, tmp_path: Path) -> None:
    """Some seconds later, that is. Of a whole build `make test-image-twice` tells."""
    again = make_disk(tmp_path)
    for name in ("root.squashfs", "boot.vfat", "data.ext4", "pi-cam.img", "pi-cam.img.zst"):
        assert filecmp.cmp(flashed / name, again / name, shallow=False), name
