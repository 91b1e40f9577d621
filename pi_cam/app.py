"""The composition root: the one place that names the concrete classes."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from pi_cam.api import site
from pi_cam.api.present import Present
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
from pi_cam.trust.passkeys import Passkeys
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.rights import Rights
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.setup_code import SetupCode
from pi_cam.trust.tokens import Tokens
from pi_cam.trust.totp import Totp
from pi_cam.trust.users import Users

MAIN_CAMERA = "main"
GOODBYE_SECONDS = 1.0
GOING_AWAY = 1001


@dataclass(frozen=True, slots=True)
class Config:
    """What `pi-cam serve` was told."""

    folder: Path
    source: str
    trusted_hosts: tuple[str, ...]


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
        trust = open_trust(store, settings)
        self.accounts = trust.accounts
        self._present = Present(self.loop, self._viewers, trust.rights.now)
        self._parts = Lifecycle([self.loop, self._present])
        self.setup_code = SetupCode()
        door = WebRtcDoor(
            self._viewers, lambda: settings.text("ice_servers").split(), lambda: settings.number("connect_seconds")
        )
        services = Services(
            loop=self.loop,
            cameras=self._cameras,
            door=door,
            whep=WhepSessions(door),
            accounts=trust.accounts,
            sessions=trust.sessions,
            users=trust.users,
            tokens=trust.tokens,
            totp=trust.totp,
            passkeys=trust.passkeys,
            present=self._present,
            setup_code=self.setup_code,
            settings=settings,
            form_key=store.secret(),
        )
        self.wsgi: Flask = site.create(services, list(config.trusted_hosts))

    def start(self) -> None:
        """Starts the media thread. The camera itself opens when somebody watches."""
        self._parts.start()

    def stop(self) -> None:
        """Closes the pages with 1001, ends viewers and sources."""
        with contextlib.suppress(NotReady):
            self.loop.call(self._say_goodbye(), GOODBYE_SECONDS)
        self._parts.stop()

    async def _say_goodbye(self) -> None:
        await self._present.close_pages(GOING_AWAY, "restarting")
        await asyncio.gather(self._viewers.close_all("restarting"), self._cameras.close())

    def _main_camera(self, config: Config, settings: Settings, store: Store) -> Camera:
        hub = Hub(
            open_source(config.source, by_operator=True),
            self.loop,
            grace=settings.number("grace_seconds"),
            stopped=stopped_before(store, MAIN_CAMERA),
        )
        return Camera(MAIN_CAMERA, "Camera", redacted(config.source), hub)


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may do what, on one store."""

    accounts: Accounts
    users: Users
    sessions: Sessions
    tokens: Tokens
    rights: Rights
    totp: Totp
    passkeys: Passkeys


def open_trust(store: Store, settings: Settings) -> Trust:
    """All of `pi_cam.trust` that works on the store."""
    key = store.secret()
    hasher = PasswordHasher(key)
    sessions = Sessions(store, lambda: settings.number("session_hours") * 3600)
    tokens = Tokens(store)
    totp = Totp(store, key)
    accounts = Accounts(store, hasher, sessions, totp)
    users, passkeys, rights = Users(store, hasher), Passkeys(store, key), Rights(store, sessions, tokens)
    return Trust(accounts, users, sessions, tokens, rights, totp, passkeys)
