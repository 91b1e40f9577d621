"""What aiortc and aioice keep in memory for each connection, and a viewer needs not: some 100 KB of half a megabyte.

Written against aiortc 1.16 (`rtcdtlstransport.py`, `rtcrtpreceiver.py`) and aioice 0.13 (`ice.py`).
"""

from __future__ import annotations

from typing import Any

from aioice import ice
from aiortc import RTCRtpReceiver
from aiortc.rtcdtlstransport import RTCCertificate

ROOM_BYTES = 2048
"""For each datagram that is read. asyncio makes room for 256 KB each time; what is made meanwhile lies behind it, and leaves
holes in the heap."""

RELEASE_BUFFERS = 0x10
"""SSL_CTX_set_mode(3), SSL_MODE_RELEASE_BUFFERS; pyOpenSSL has no name for it. Its page says that DTLS keeps its buffers all
the same; with OpenSSL 4.0 it gives 11 KB of 98 back."""

BEGINS, CONTEXT = "connection_made", "_create_ssl_context"
ESTIMATOR = "_RTCRtpReceiver__remote_bitrate_estimator"
_begin_original: Any = getattr(ice.StunProtocol, BEGINS, None)
_context_original: Any = getattr(RTCCertificate, CONTEXT, None)


def prepare() -> None:
    """Once per process; a second time changes nothing."""
    if _begin_original is not None:
        setattr(ice.StunProtocol, BEGINS, _begin)
    if _context_original is not None:
        setattr(RTCCertificate, CONTEXT, _context)


def receives_nothing(receiver: RTCRtpReceiver) -> None:
    """Of a track that is only sent: what would estimate the other side's bitrate goes, a thousand objects."""
    if hasattr(receiver, ESTIMATOR):
        setattr(receiver, ESTIMATOR, None)


def can_spare() -> bool:
    """Whether these releases have all that is spared."""
    names = RTCRtpReceiver.__init__.__code__.co_names
    return _begin_original is not None and _context_original is not None and ESTIMATOR in names


def _begin(protocol: Any, transport: Any) -> None:
    transport.max_size = ROOM_BYTES
    _begin_original(protocol, transport)


def _context(certificate: RTCCertificate, srtp_profiles: Any) -> Any:
    context = _context_original(certificate, srtp_profiles)
    context.set_mode(RELEASE_BUFFERS)
    return context
