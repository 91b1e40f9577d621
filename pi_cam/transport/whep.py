"""WHEP (draft-ietf-wish-whep): a viewer that is a plain HTTP client. Here without HTTP; the routes are in `api.whep`."""

from __future__ import annotations

from pi_cam.errors import NotFound, OfferRefused
from pi_cam.transport.doors import Watchable, WebRtcDoor
from pi_cam.transport.viewers import Visitor
from pi_cam.transport.webrtc_peer import WebRtcPeer


class WhepSessions:
    """Sessions by id; each is bound to the person who opened it. Lives in the media loop."""

    def __init__(self, door: WebRtcDoor) -> None:
        self._door = door

    async def open(self, camera: str, hub: Watchable, visitor: Visitor, offer: str) -> tuple[str, str]:
        """Session id and SDP answer. Raises as `WebRtcDoor.open`."""
        peer, answer = await self._door.open(camera, hub, visitor, offer, lambda reason: None)
        return peer.id, answer

    async def trickle(self, camera: str, session: str, visitor: Visitor, fragment: str) -> None:
        """Candidates from an SDP fragment (RFC 8840). Raises `NotFound`; `OfferRefused` also for an ICE restart, which a
        server that only trickles refuses so (RFC 9725, 4.3.3)."""
        peer = self._find(camera, session, visitor)
        mid: str | None = None
        lines = fragment.replace("\r\n", "\n").split("\n")
        if not any(line.startswith("a=") for line in lines):
            raise OfferRefused("This is not an SDP fragment.")
        for line in lines:
            if line.startswith("a=ice-ufrag:") and line.strip() not in peer.offer:
                raise OfferRefused("This camera does not restart a connection: open a new session.")
            if line.startswith("a=mid:"):
                mid = line[6:].strip()
            elif line.startswith("a=candidate:"):
                await peer.add_candidate(line[2:].strip(), mid or "0", None)

    async def close(self, camera: str, session: str, visitor: Visitor) -> None:
        """Ends it. Raises `NotFound`."""
        await self._find(camera, session, visitor).close("goodbye")

    def _find(self, camera: str, session: str, visitor: Visitor) -> WebRtcPeer:
        viewer = self._door.viewers.get(session)
        if not isinstance(viewer, WebRtcPeer) or viewer.camera != camera or viewer.visitor.key != visitor.key:
            raise NotFound("There is no such session.")
        return viewer


def entity_tag(session: str) -> str:
    """The ETag of a session's one ICE generation."""
    return f'"{session[:8]}-1"'
