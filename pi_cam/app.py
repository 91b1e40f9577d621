"""The composition root: the one place that names the concrete classes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from pi_cam.api import live, site
from pi_cam.api.services import Services
from pi_cam.cameras import Camera, Cameras, stopped_before
from pi_cam.capture.addresses import redacted
from pi_cam.capture.source import open_source
from pi_cam.errors import NotReady
from pi_cam.hub import Hub
from pi_cam.lifecycle import Lifecycle
from pi_cam.loop import Loop
from pi_cam.settings import Settings
from pi_cam.store import Store
from pi_cam.transport import webrtc_seam
from pi_cam.transport.doors import WebRtcDoor
from pi_cam.transport.viewers import Viewers
from pi_cam.transport.whep import WhepSessions
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.own_names import local_names
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.renewal import CertificateRenewal
from pi_cam.trust.setup_code import SetupCode
from pi_cam.trust.tokens import Tokens

MAIN_CAMERA = "main"
GOODBYE_SECONDS = 1.0
GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class Config:
    """What `pi-cam serve` was told. `trusted_hosts`: names besides those of the device; `tls`: some listener speaks it."""

    folder: Path
    source: str
    trusted_hosts: tuple[str, ...]
    tls: bool = False


class App:
    """Everything of one running camera. `start`, then `wsgi` answers requests; `stop` tells viewers and frees all."""

    def __init__(self, config: Config, settings: Settings) -> None:
        webrtc_seam.prepare()
        store = Store(config.folder)
        store.open()
        self.loop = Loop()
        self._viewers = Viewers(lambda: settings.integer("viewers_max"))
        self._cameras = Cameras(store, self._viewers.of, self.loop.run_blocking)
        self._cameras.add(self._main_camera(config, settings, store))
        self.device_key = DeviceKey.load(config.folder)
        self.certificates = Certificates(config.folder, self.device_key.id)
        self._parts = Lifecycle([self.loop])
        if config.tls or settings.flag("behind_proxy"):
            self._parts = Lifecycle([self.loop, CertificateRenewal(self.certificates)])
        self.accounts = open_accounts(store, settings)
        self.setup_code = SetupCode()
        door = WebRtcDoor(
            self._viewers, lambda: settings.text("ice_servers").split(), lambda: settings.number("connect_seconds")
        )
        services = Services(
            loop=self.loop,
            cameras=self._cameras,
            door=door,
            whep=WhepSessions(door),
            accounts=self.accounts,
            tokens=Tokens(store),
            setup_code=self.setup_code,
            settings=settings,
            form_key=store.secret(),
            certificates=self.certificates,
        )
        self.wsgi: Flask = site.create(services, [*config.trusted_hosts, *local_names(self.device_key.id)])

    def start(self) -> None:
        """Starts the media thread. The camera itself opens when somebody watches."""
        self._parts.start()

    def stop(self) -> None:
        """Closes the pages with 1001, ends viewers and sources."""
        with contextlib.suppress(NotReady):
            self.loop.call(self._say_goodbye(), GOODBYE_SECONDS)
        self._parts.stop()

    async def _say_goodbye(self) -> None:
        await live.close_all(GOING_AWAY, "restarting")
        await asyncio.gather(self._viewers.close_all("restarting"), self._cameras.close())

    def _main_camera(self, config: Config, settings: Settings, store: Store) -> Camera:
        hub = Hub(
            open_source(config.source, by_operator=True),
            self.loop,
            grace=settings.number("grace_seconds"),
            stopped=stopped_before(store, MAIN_CAMERA),
        )
        return Camera(MAIN_CAMERA, "Camera", redacted(config.source), hub)


def open_accounts(store: Store, settings: Settings) -> Accounts:
    """Accounts on a store."""
    hasher = PasswordHasher(store.secret())
    return Accounts(store, hasher, session_seconds=settings.number("session_hours") * 3600)
