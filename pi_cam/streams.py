"""From what is written down of a camera to the hubs of its streams."""

from __future__ import annotations

from dataclasses import dataclass

from pi_cam.camera_book import MAIN, CameraRow
from pi_cam.cameras import Renditions
from pi_cam.capture.source import HasSmall, RefusedSource, VideoSource, is_choice, open_source, shown
from pi_cam.errors import PiCamError, StoreError
from pi_cam.hub import Hub
from pi_cam.intercom import Ear, Intercom
from pi_cam.loop import Loop
from pi_cam.privacy import Privacy
from pi_cam.settings import Settings


@dataclass(frozen=True, slots=True)
class Streams:
    """Makes hubs for the cameras that are written down; `source` is the operator's own address, for camera `main`: where
    it is `auto:`, the owner may choose another."""

    loop: Loop
    settings: Settings
    source: str
    intercom: Intercom
    privacy: Privacy

    def make(self, row: CameraRow) -> Renditions:
        """As `cameras.MakeStreams`."""
        fixed = not is_choice(self.source) or (row.address is None and not row.unreadable)
        if row.id == MAIN and fixed:
            main = open_source(self.source, by_operator=True)
            small = main.small if isinstance(main, HasSmall) else None
            second = self.hub(small, row.stopped) if small else None
            ear = self.intercom.microphone_for(self.source)
            return Renditions(self.hub(main, row.stopped, ear), second, shown(self.source))
        small_hub = self.hub(self._added(row, row.small_address), row.stopped) if row.small_address else None
        ear = self.intercom.microphone_for(row.address or "") if row.id == MAIN else None
        return Renditions(
            self.hub(self._added(row, row.address), row.stopped, ear), small_hub, shown(row.address or "")
        )

    def hub(self, source: VideoSource, stopped: bool = False, microphone: Ear | None = None) -> Hub:
        """For one stream."""
        grace = self.settings.number("grace_seconds")
        muted = self.intercom.is_unheard
        hidden = self.privacy.is_on
        return Hub(source, self.loop, microphone=microphone, muted=muted, grace=grace, stopped=stopped, hidden=hidden)

    @staticmethod
    def _added(row: CameraRow, address: str | None) -> VideoSource:
        """The source of a camera that was added through the API."""
        try:
            if row.unreadable or address is None:
                raise StoreError("The address of this camera cannot be read any more: enter it again.")
            return open_source(address, by_operator=False, allow_lan=row.allow_lan)
        except PiCamError as error:
            return RefusedSource(error)
