"""Opening a network camera with FFmpeg, and its errors as ours."""

from __future__ import annotations

import logging

import av
from av.container import InputContainer

from pi_cam.capture.addresses import Address
from pi_cam.capture.relay import SILENCE_SECONDS, Relay
from pi_cam.errors import SourceError, SourceForbidden, SourceUnreachable, SourceUnsupported

log = logging.getLogger(__name__)

OPEN_SECONDS = 5.0

_RTSP = {
    "protocol_whitelist": "rtsp,rtp,tcp",
    "rtsp_transport": "tcp",
    "allowed_media_types": "video+audio",
    "analyzeduration": "0",  # names and parameter sets are in the SDP: nothing has to be watched first
    "probesize": "32",
}
_PICTURES_ONLY = {"allowed_media_types": "video"}
_HTTP = {
    "protocol_whitelist": "http,tcp",
    "format_whitelist": "mpjpeg,mpegts,mov,mp4,m4a,3gp,3g2,mj2",  # no playlists: they lead elsewhere
    "max_redirects": "0",
    "seekable": "0",
    "multiple_requests": "0",
    "analyzeduration": "500000",
    "probesize": "200000",
}


def opened(url: str, address: Address, relay: Relay, *, sound: bool) -> InputContainer:
    """Opens `url`, which holds the password: FFmpeg's own texts repeat it, so they end here. `sound`: an RTSP camera is
    asked for that, too. Raises `SourceError`."""
    try:
        if address.is_rtsp:
            return av.open(
                url,
                format="rtsp",
                options=_RTSP | ({} if sound else _PICTURES_ONLY),
                timeout=(OPEN_SECONDS, SILENCE_SECONDS),
            )
        host = f"[{address.host}]" if ":" in address.host else address.host
        options = _HTTP | {"headers": f"Host: {host}:{address.port}\r\n"}
        return av.open(url, options=options, timeout=(OPEN_SECONDS, SILENCE_SECONDS))
    except (av.FFmpegError, OSError, ValueError) as error:
        raise translated(error, relay) from None


def translated(error: Exception, relay: Relay) -> SourceError:
    """FFmpeg's error as one of ours, in a sentence that holds nothing of the address."""
    log.debug("demuxer: %s", type(error).__name__)
    if isinstance(error, av.error.HTTPUnauthorizedError | av.error.HTTPForbiddenError):
        return SourceForbidden("The camera refuses this name or password.")
    if isinstance(error, av.error.HTTPNotFoundError):
        return SourceUnreachable("The camera answers, but there is no stream at this path.")
    if relay.redirected or relay.flooding or relay.silent or not relay.received:
        return ended(relay)
    return SourceUnsupported("This address answers, but with nothing that can be shown as pictures.")


def ended(relay: Relay) -> SourceError:
    """Why a connection ended by itself."""
    if relay.redirected:
        return SourceUnsupported("The camera sends us on to another address, which is not followed.")
    if relay.flooding:
        return SourceUnsupported("The camera sends far more than a picture can have.")
    if relay.silent:
        return SourceUnreachable("The camera went silent.")
    return SourceUnreachable("The camera ended the connection.")
