"""The interface to the kernel's lines: which one a name means, and whether bytes lie where the kernel looks for them.

That the bytes are right is held against the header; a chip itself is with people who have one (`tests/hardware`).
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pi_cam.control import gpio_lines
from pi_cam.control.gpio_lines import Chip, chips, place_of
from tests.prerequisites import require

HEADER = Path("/usr/include/linux/gpio.h")
PROGRAM = r"""
#include <linux/gpio.h>
#include <stddef.h>
#include <stdio.h>
#define AT(type, field) printf("%zu ", offsetof(struct type, field))
int main(void) {
    printf("%zu %zu %zu %zu %zu\n", sizeof(struct gpiochip_info), sizeof(struct gpio_v2_line_config),
           sizeof(struct gpio_v2_line_request), sizeof(struct gpio_v2_line_values), sizeof(struct gpio_v2_line_event));
    printf("%lu %lu %lu %lu %lu\n", GPIO_GET_CHIPINFO_IOCTL, GPIO_V2_GET_LINE_IOCTL, GPIO_V2_LINE_SET_CONFIG_IOCTL,
           GPIO_V2_LINE_GET_VALUES_IOCTL, GPIO_V2_LINE_SET_VALUES_IOCTL);
    printf("%d %d %d %d %d %d\n", GPIO_V2_LINE_FLAG_INPUT, GPIO_V2_LINE_FLAG_OUTPUT,
           GPIO_V2_LINE_FLAG_EDGE_RISING | GPIO_V2_LINE_FLAG_EDGE_FALLING, GPIO_V2_LINE_FLAG_BIAS_PULL_UP,
           GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN, GPIO_V2_LINE_FLAG_BIAS_DISABLED);
    AT(gpio_v2_line_request, offsets); AT(gpio_v2_line_request, consumer); AT(gpio_v2_line_request, config.flags);
    AT(gpio_v2_line_request, num_lines); AT(gpio_v2_line_request, fd);
    AT(gpio_v2_line_event, timestamp_ns); AT(gpio_v2_line_event, id);
    printf("\n");
    return 0;
}
"""


def test_bytes_lie_where_the_kernel_looks(tmp_path: Path) -> None:
    require(
        "a C compiler and the kernel's headers (apt install gcc libc6-dev)",
        bool(shutil.which("cc")) and HEADER.exists(),
    )
    (tmp_path / "sizes.c").write_text(PROGRAM, "ascii")
    subprocess.run(["cc", "-o", tmp_path / "sizes", tmp_path / "sizes.c"], check=True)
    said = subprocess.run([tmp_path / "sizes"], check=True, capture_output=True, text=True).stdout
    sizes, numbers, flags, offsets = ([int(word) for word in line.split()] for line in said.splitlines())
    own = gpio_lines
    assert sizes == [part.size for part in (own._CHIP, own._CONFIG, own._REQUEST, own._VALUES, own._EVENT)]
    assert numbers == [own.GET_CHIP, own.GET_LINE, own.SET_CONFIG, own.GET_VALUES, own.SET_VALUES]
    assert flags == [own.INPUT, own.OUTPUT, own.BOTH_EDGES, *own.PULLS.values()]
    request = own._REQUEST.pack(0x11, b"\x22", 0x33, 0, 0x44, 0, 0x55)
    event = own._EVENT.pack(0x66, 0x77, 0, 0, 0)
    places = [request.index(mark) for mark in (0x11, 0x22, 0x33, 0x44, 0x55)] + [event.index(0x66), event.index(0x77)]
    assert places == offsets


PI = Chip(Path("/dev/gpiochip0"), "pinctrl-bcm2711", 58)
EXPANDER = Chip(Path("/dev/gpiochip1"), "raspberrypi-exp-gpio", 8)
FIVE = Chip(Path("/dev/gpiochip4"), "pinctrl-rp1", 54)
ADAPTER = Chip(Path("/dev/gpiochip12"), "mcp2221_gpio", 4)


@pytest.mark.parametrize(
    ("pin", "there", "place"),
    [
        ("GPIO17", [PI, EXPANDER], ("/dev/gpiochip0", 17)),
        ("GPIO17", [EXPANDER, FIVE], ("/dev/gpiochip4", 17)),
        ("gpiochip12/3", [PI, ADAPTER], ("/dev/gpiochip12", 3)),
        ("gpiochip0/57", [PI], ("/dev/gpiochip0", 57)),
    ],
)
def test_a_name_means_a_line(pin: str, there: list[Chip], place: tuple[str, int]) -> None:
    device, number = place_of(pin, there)
    assert (str(device), number) == place


@pytest.mark.parametrize(
    ("pin", "there"),
    [
        ("GPIO17", []),
        ("GPIO17", [EXPANDER, ADAPTER]),
        ("gpiochip12/4", [ADAPTER]),
        ("gpiochip1/0", [PI]),
        ("gpiochip0/", [PI]),
        ("gpiochip0/-1", [PI]),
        ("GPIO", [PI]),
        ("", [PI]),
    ],
)
def test_a_name_of_nothing(pin: str, there: list[Chip]) -> None:
    with pytest.raises(LookupError):
        place_of(pin, there)


def test_what_is_no_chip_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "gpiochip0").touch()
    assert chips(tmp_path) == []
    assert chips(tmp_path / "missing") == []
