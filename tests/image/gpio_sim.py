"""The kernel's simulated pins (gpio-sim) as a module for the image's kernel.

Debian's kernels do not have it. It is built from Debian's own source, once for each kernel, and kept beside the images;
nothing of it is in this repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]

MODULE = "gpio-sim.ko"

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
SOURCES = r"import debian; print(*debian.sources(), sep='\n')"

MAKEFILE = "obj-m := gpio-sim.o\ngpio-sim-y := gpio-sim-core.o irq_sim.o\n"
"""Debian's kernels lack CONFIG_IRQ_SIM as well: both become one module."""

BUILD = """
set -e
cd /usr/src/gpio-sim
tar --extract --file /usr/src/linux-source-*.tar.xz --strip-components=3 --wildcards \
    'linux-source-*/drivers/gpio/gpio-sim.c' 'linux-source-*/kernel/irq/irq_sim.c'
mv gpio-sim.c gpio-sim-core.c
# irq_to_desc() is for what is built into the kernel.
sed -i 's/handle_simple_irq(irq_to_desc(\\(.*\\)));/generic_handle_irq_safe(\\1);/' irq_sim.c
make -C /lib/modules/$1/build M=$PWD modules
"""


def place(system: Path, cache: Path) -> Path:
    """Where the module for the kernel in `system` is kept."""
    return cache / f"gpio-sim-{_kernel(system)}.ko"


def make_ready(system: Path, cache: Path) -> None:
    """Builds it, unless it is there. Takes two minutes and the Debian archive, which tests themselves do not reach."""
    kept = place(system, cache)
    if not kept.exists():
        _build(_kernel(system), kept)


def _kernel(system: Path) -> str:
    (kernel,) = (path.name for path in (system / "usr/lib/modules").iterdir())
    return kernel


def _build(kernel: str, kept: Path) -> None:
    """In a Debian of its own, since a module wants the compiler of its kernel. Takes two minutes."""
    series = ".".join(kernel.split(".")[:2])
    packages = f"linux-headers-{kernel},linux-source-{series},make,xz-utils"
    asked = [sys.executable, "-c", SOURCES]
    lines = subprocess.run(asked, cwd=HERE / "image-build", check=True, capture_output=True, text=True).stdout
    with tempfile.TemporaryDirectory(prefix="pi-cam-gpio-sim-", dir=os.environ.get("PI_CAM_IMAGE_WORK")) as scratch:
        root, listed = Path(scratch) / "root", Path(scratch) / "sources.list"
        listed.write_text(lines, "utf-8")
        options = ["--mode=root", "--format=directory", "--variant=minbase", "--quiet", f"--include={packages}"]
        options += [f"--architectures={kernel.rpartition('-')[2]}", f"--keyring={KEYRING}"]
        options += ['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-unsafe-io", "--skip=output/mknod"]
        subprocess.run(["mmdebstrap", *options, "trixie", root, listed], check=True)
        work = root / "usr/src/gpio-sim"
        work.mkdir()
        (work / "Makefile").write_text(MAKEFILE, "ascii")
        subprocess.run(["chroot", root, "sh", "-c", BUILD, "sh", kernel], check=True, stdout=subprocess.DEVNULL)
        shutil.copyfile(work / MODULE, kept.with_suffix(".new"))
    kept.with_suffix(".new").rename(kept)
