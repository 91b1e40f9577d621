"""The boot partition: what the firmware finds, and the one folder that a person sees in Windows or on a Mac."""

from __future__ import annotations

import shutil
from pathlib import Path

from target import CannotBuild, Target

BOOT_OF_PI = Path("usr/lib/raspi-firmware")
KERNELS_OF_PI = {"rpi-v8": ("kernel8.img", "initramfs8"), "rpi-2712": ("kernel_2712.img", "initramfs_2712")}
"""The Zero 2 W, 3 and 4 start the first, the 5 the second; config.txt has each take the initramfs that bears its name."""


def fill(target: Target, root: Path, folder: Path) -> None:
    """Copies the kernel that `debian.strip` put aside, and its starter, into `folder`."""
    folder.mkdir()
    kernel = root.parent / "kernel"
    if target.boot == "efi":
        _efi(target, root, kernel, folder)
    else:
        _raspberry_pi(target, root, kernel, folder)
    shutil.rmtree(kernel)


def command_line(target: Target) -> str:
    """Of the kernel. The partitions have the same numbers in every image of a target."""
    numbers = _partitions(target)
    return (
        f"root=PARTUUID={numbers['root-a']} rootfstype=squashfs ro data=PARTUUID={numbers['data']} "
        f"{target.command_line} quiet panic=10"
    )


def _partitions(target: Target) -> dict[str, str]:
    """PARTUUID of each partition, from genimage.cfg: of a GPT its own, of an MBR the disk's with the partition's number."""
    found: dict[str, str] = {}
    name = signature = ""
    for line in (target.folder / "genimage.cfg").read_text("utf-8").splitlines():
        words = line.replace("=", " ").replace('"', " ").split()
        if words[:1] == ["partition"]:
            name = words[1]
            if signature:
                found[name] = f"{signature}-{len(found) + 1:02x}"
        elif words[:1] == ["partition-uuid"]:
            found[name] = words[1]
        elif words[:1] == ["disk-signature"]:
            signature = words[1].removeprefix("0x")
    return found


def _efi(target: Target, root: Path, kernel: Path, folder: Path) -> None:
    (folder / "EFI/BOOT").mkdir(parents=True)
    shutil.copyfile(root / "usr/lib/systemd/boot/efi" / target.efi_program, folder / "EFI/BOOT" / target.efi_name)
    (image,), (initrd,) = kernel.glob("vmlinuz-*"), kernel.glob("initrd.img-*")
    shutil.copyfile(image, folder / "vmlinuz")
    shutil.copyfile(initrd, folder / "initrd.img")
    (folder / "loader/entries").mkdir(parents=True)
    (folder / "loader/loader.conf").write_text("timeout 0\neditor no\ndefault pi-cam.conf\n", "ascii")
    lines = ["title Camera Connectee", "linux /vmlinuz", "initrd /initrd.img", f"options {command_line(target)}"]
    (folder / "loader/entries/pi-cam.conf").write_text("\n".join(lines) + "\n", "ascii")


def _raspberry_pi(target: Target, root: Path, kernel: Path, folder: Path) -> None:
    for path in sorted((root / BOOT_OF_PI).glob("*")):
        if path.suffix in (".bin", ".dat", ".elf"):
            shutil.copyfile(path, folder / path.name)
    for flavour, (image, initrd) in KERNELS_OF_PI.items():
        found = sorted(kernel.glob(f"vmlinuz-*{flavour}"))
        if len(found) != 1:
            raise CannotBuild(f"One kernel of the flavour {flavour} is needed; there are {len(found)}.")
        shutil.copyfile(found[0], folder / image)
        shutil.copyfile(kernel / found[0].name.replace("vmlinuz", "initrd.img"), folder / initrd)
        trees = root / "usr/lib" / found[0].name.replace("vmlinuz", "linux-image")
        for tree in sorted((trees / "broadcom").glob("*.dtb")):
            shutil.copyfile(tree, folder / tree.name)
        shutil.copytree(trees / "overlays", folder / "overlays", dirs_exist_ok=True)
    write_settings(target, folder)


def write_settings(target: Target, folder: Path) -> None:
    """What a Raspberry Pi's firmware reads that is ours."""
    shutil.copyfile(target.folder / "config.txt", folder / "config.txt")
    (folder / "cmdline.txt").write_text(command_line(target) + "\n", "ascii")
