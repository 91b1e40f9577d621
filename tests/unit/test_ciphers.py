"""Which cipher comes first, by what the kernel says of the processor."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiortc import rtcdtlstransport
from hypothesis import given
from hypothesis import strategies as st

from pi_cam.transport.webrtc_ciphers import COUNTER, GCM, accelerates_aes, choosing, prefer_fast
from tests.old_processor import CORTEX_A72

CORTEX_A76 = CORTEX_A72.replace("evtstrm crc32", "evtstrm aes pmull sha1 sha2 crc32 atomics")
XEON = "processor\t: 0\nflags\t\t: fpu vme aes xsave avx\nbugs\t\t: spectre_v1\n"
WITHOUT = "processor\t: 0\nflags\t\t: fpu vme vaes_not aesx\nmodel name\t: an aes of old\n"
SLOWEST = b"SRTP_AEAD_AES_256_GCM"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = list(rtcdtlstransport.SRTP_PROFILES)
    yield
    rtcdtlstransport.SRTP_PROFILES[:] = before


def order() -> list[bytes]:
    return [one.openssl_profile for one in rtcdtlstransport.SRTP_PROFILES]


@pytest.mark.parametrize(
    ("cpuinfo", "fast"),
    [(CORTEX_A76, True), (XEON, True), (CORTEX_A72, False), (WITHOUT, False), ("", False), (XEON + WITHOUT, False)],
)
def test_what_the_processor_does_fastest_comes_first(cpuinfo: str, fast: bool) -> None:
    assert accelerates_aes(cpuinfo) == fast
    prefer_fast(cpuinfo)
    assert order() == ([GCM, COUNTER, SLOWEST] if fast else [COUNTER, GCM, SLOWEST])


def test_a_library_without_gcm_does_what_it_can() -> None:
    rtcdtlstransport.SRTP_PROFILES[:] = [
        one for one in rtcdtlstransport.SRTP_PROFILES if one.openssl_profile == COUNTER
    ]
    prefer_fast(XEON)
    assert order() == [COUNTER]


@given(st.text())
def test_whatever_the_kernel_says(cpuinfo: str) -> None:
    assert accelerates_aes(cpuinfo) in (True, False)


def test_this_side_chooses_where_it_may() -> None:
    assert choosing("v=0\r\na=setup:actpass\r\nm=video\r\na=setup:actpass\r\n").count("a=setup:active\r\n") == 2
    for fixed in ("a=setup:active\r\n", "a=setup:passive\r\n", "a=x-setup:actpass\r\n"):
        assert choosing(fixed) == fixed
