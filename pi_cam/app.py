"""The composition root: the one place that names the concrete classes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from flask import Flask

import pi_cam
from pi_cam import logs
from pi_cam.about import Started, model
from pi_cam.address_check import AddressCheck
from pi_cam.api import site
from pi_cam.api.present import Present
from pi_cam.api.services import Services
from pi_cam.camera_book import CameraBook
from pi_cam.cameras import Cameras
from pi_cam.capture.source import is_choice
from pi_cam.control.discovery import Announcement, Discovery, instance_name
from pi_cam.control.doctor import Checkup, examine
from pi_cam.control.findings import Place
from pi_cam.control.health import health
from pi_cam.control.name_notice import NameNotice
from pi_cam.control.pins import Button, Light
from pi_cam.control.setup_notice import SetupNotice, runtime_folder
from pi_cam.errors import NotReady
from pi_cam.hub import Hub
from pi_cam.intercom import OFF, Intercom
from pi_cam.journal import Journal, Keep
from pi_cam.journal.ledger import Ledger
from pi_cam.keeping.beside import Keeping
from pi_cam.lifecycle import Lifecycle, Subsystem
from pi_cam.loop import Loop
from pi_cam.master_switch import MasterSwitch, sign
from pi_cam.privacy import Privacy
from pi_cam.remote.configurable import Configurable
from pi_cam.remote.configuration import Configuration
from pi_cam.remote.epoch_watch import EPOCH_ANSWER_SECONDS, EpochWatch
from pi_cam.remote.journal_forward import JournalForward
from pi_cam.remote.link import Link
from pi_cam.remote.portal_client import PortalClient
from pi_cam.remote.relays import Relays
from pi_cam.remote.tunnel import Tunnel
from pi_cam.remote.tunnel_look import look
from pi_cam.settings import Settings
from pi_cam.setup_wizard.marks_file import MarksFile
from pi_cam.setup_wizard.visits import Visits
from pi_cam.setup_wizard.wifi import Wifi
from pi_cam.setup_wizard.wifi_client import WifiClient
from pi_cam.store import Store
from pi_cam.streams import Streams
from pi_cam.transport import webrtc_ciphers, webrtc_seam
from pi_cam.transport.doors import WebRtcDoor
from pi_cam.transport.floor import Floor
from pi_cam.transport.senders import Senders
from pi_cam.transport.viewers import Viewers
from pi_cam.transport.whep import WhepSessions
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.device_key import DeviceKey
from pi_cam.trust.entry import Entries
from pi_cam.trust.media_identity import MediaIdentity
from pi_cam.trust.opening import open_trust
from pi_cam.trust.own_names import local_names, own_name
from pi_cam.trust.renewal import CertificateRenewal
from pi_cam.trust.sealing import Seal
from pi_cam.trust.setup_code import KEPT, SetupCode
from pi_cam.updates.places import HERE
from pi_cam.updates.release_watch import ReleaseWatch
from pi_cam.updates.witness import Witness

GOODBYE_SECONDS = 1.0
GOING_AWAY = 1001

make_wifi: Callable[[], Wifi] = WifiClient
"""The Wi-Fi of this machine."""

JOURNAL_ROWS_MAX = 20_000
"""Read when a page asks: 0.2 s of work on a PC, and some more on a small Raspberry Pi."""


@dataclass(frozen=True, slots=True)
class Config:
    """What `pi-cam serve` was told. `trusted_hosts`: names besides those of the device; `tls`: some listener speaks it;
    `tunnel_port`: of the tunnel's listener, if there is one. `button`: whether the API has one that stands in for it.
    `https_port`: at which the home finds the page. `again`: ends this process soon, for whoever started it to do so anew."""

    folder: Path
    source: str
    trusted_hosts: tuple[str, ...]
    tls: bool = False
    tunnel_port: int | None = None
    button: bool = False
    https_port: int | None = None
    again: Callable[[], None] = lambda: None


class App:
    """Everything of one running camera. `start`, then `wsgi` answers requests; `stop` tells viewers and frees all."""

    def __init__(self, config: Config, settings: Settings) -> None:
        webrtc_seam.prepare()
        webrtc_ciphers.prefer_fast()
        settings.watch(logs.follow)
        store = Store(config.folder)
        store.open()
        self.loop = Loop()
        self.journal = Journal(
            Ledger(config.folder, store.secret()),
            lambda: Keep(settings.integer("journal_days"), settings.integer("journal_rows_max")),
        )
        if store.restored is not None:
            self.journal.append("database-restored", kept_as=store.restored)
        self._viewers = Viewers(lambda: settings.integer("viewers_max"), self.journal)
        self._intercom = Intercom(settings, self.loop)
        floor = Floor(
            self._intercom.mouth,
            lambda: settings.flag("talk_several"),
            self.journal,
            is_open=lambda: self._intercom.has_loudspeaker,
        )
        self._intercom.changed = floor.tell
        settings.watch(
            lambda changed: self.loop.post(floor.clear if changed.get("loudspeaker") == OFF else floor.narrow)
        )
        privacy = Privacy(config.folder)
        streams = Streams(self.loop, settings, config.source, self._intercom, privacy)
        book = CameraBook(store, Seal(store.secret()))
        self._cameras = Cameras(
            book, streams.make, self._viewers.of, self.loop.run_blocking, privacy, choosable=is_choice(config.source)
        )
        trust = open_trust(store, settings)
        self.accounts = trust.accounts
        self._settings, self._pairing, self._folder, self._config = settings, trust.pairing, config.folder, config
        self._started = Started()
        self._present = Present(self.loop, self._viewers, trust.rights.now)
        self.device_key = DeviceKey.load(config.folder)
        announcement = self._announcement() if settings.flag("announce") else None
        discovery = Discovery(announcement, lambda: renewal.look_soon())  # noqa: PLW0108 - made below
        self.certificates = Certificates(
            config.folder, self.device_key.id, names=lambda device: (*local_names(device), *discovery.names)
        )
        renewal = CertificateRenewal(self.certificates)
        self._forward = JournalForward(self.journal, config.folder, self.device_key)
        configuration = self._configuration = Configuration.over(
            store, Configurable(settings, self._cameras, self.loop), self.journal.append
        )
        paired = trust.pairing
        relays = Relays(lambda: paired.accepted() is not None, lambda: link.wake())  # noqa: PLW0108 - made below
        link = Link(
            trust.pairing,
            lambda address: PortalClient(address, self.device_key),
            self._identity,
            self._shown_to_portal,
            self.journal.append,
            self._forward,
            after_presence=[configuration.exchange],
            errands=[relays.fetch],
        )
        epochs = EpochWatch(
            trust.pairing,
            trust.portal_sessions,
            lambda address: PortalClient(address, self.device_key, seconds=EPOCH_ANSWER_SECONDS),
            link.speak_soon,
        )
        tunnel = self._tunnel = Tunnel(settings, config.folder, config.tunnel_port, self.journal.append)
        switch = MasterSwitch(self.loop, self._cameras, self._viewers, self.journal, link.speak_soon)
        button = Button(settings.text("button_pin"), switch.press)
        light = Light(settings.text("light_pin"), lambda: self.loop.call(sign(self._cameras, self._viewers, floor)))
        parts: list[Subsystem] = [store, self.journal, self.loop, self._present, link, epochs, tunnel]
        witness = Witness(
            config.folder, self.loop, self._cameras.all, self.journal.append, HERE, is_watched=self._is_watched
        )
        releases = ReleaseWatch(config.folder, settings, self._is_watched, self.journal.append, HERE)
        parts += [button, light, discovery, witness, releases]
        if config.tls or settings.flag("behind_proxy"):
            parts.append(renewal)
        self.setup_code = SetupCode(config.folder)
        told, kept = runtime_folder(), config.folder / KEPT
        if told is not None:  # elsewhere nobody reads it, and each look for an owner costs an idle camera something
            parts += [NameNotice(told, own_name(self.device_key.id))] if announcement is not None else []
            parts.append(SetupNotice(told, self.setup_code.code, self.accounts.has_owner, kept))
        self._parts = Lifecycle(parts)
        door = WebRtcDoor(
            self._viewers,
            lambda: settings.text("ice_servers").split(),
            lambda: settings.number("connect_seconds"),
            Senders(
                lambda: settings.text("webrtc_sender"),
                lambda: settings.text("latency"),
                lambda: settings.flag("adaptive"),
            ),
            lambda camera: self._cameras.get(camera).streams.small,
        )
        place = Place(
            config.folder,
            webrtc_seam.missing,
            config.source,
            partial(look, settings, config.folder, config.tunnel_port),
            journal_rows_max=JOURNAL_ROWS_MAX,
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
            address_check=AddressCheck(self.loop.run_blocking),
            make_hub=streams.hub,
            setup_code=self.setup_code,
            settings=settings,
            journal=self.journal,
            form_key=store.secret(),
            certificates=self.certificates,
            checkup=Checkup(partial(examine, place)),
            started=self._started,
            intercom=self._intercom,
            floor=floor,
            pairing=trust.pairing,
            entries=Entries(self.device_key.id),
            portal_sessions=trust.portal_sessions,
            link=link,
            epochs=epochs,
            switch=switch,
            has_button=config.button,
            discovery=discovery,
            configuration=configuration,
            tunnel=tunnel,
            device_id=self.device_key.id,
            media_identity=MediaIdentity(self.device_key),
            relays=relays,
            wizard=MarksFile(config.folder),
            visits=Visits(),
            keeping=Keeping(store, config.again),
            wifi=make_wifi(),
            releases=releases,
        )
        self.wsgi: Flask = site.create(services, [*config.trusted_hosts, *local_names(self.device_key.id)])

    def start(self) -> None:
        """Starts the media thread. The camera itself opens when somebody watches."""
        self._parts.start()
        # Before anybody edits here: what changed while this did not run was changed by nobody known.
        self._configuration.edited("")
        self.journal.append("device-started", version=pi_cam.__version__)

    def stop(self) -> None:
        """Closes the pages with 1001, ends viewers and sources."""
        with contextlib.suppress(NotReady):
            self.loop.call(self._say_goodbye(), GOODBYE_SECONDS)
        self.journal.append("device-stopped")
        self._parts.stop()

    def _announcement(self) -> Announcement | None:
        port, names = self._config.https_port, local_names(self.device_key.id)
        own = [name for name in names if name.startswith("pi-cam")]
        return Announcement(instance_name(socket.gethostname()), self.device_key.id, port, own[::-1]) if port else None

    def hubs(self) -> list[Hub]:
        """Of all cameras; from any thread."""
        return [hub for camera in self._cameras.all() for hub in camera.streams.all]

    def _identity(self) -> dict[str, object]:
        """What a portal may show of this device to whoever claims it."""
        return {"name": socket.gethostname(), "model": model(), "version": pi_cam.__version__}

    def _shown_to_portal(self) -> dict[str, object]:
        """What the portal it is paired with is told, twice a minute."""
        portal = self._pairing.accepted()
        return {
            "version": pi_cam.__version__,
            "public_name": self._settings.text("tunnel_host") or min(self._tunnel.names(), default=None),
            "keys_version": portal.keys.version if portal else 1,
            "cameras": self.loop.call(self._cameras_shown()),
            "health": health(self._folder, self._started),
            "journal": self._forward.head(portal) if portal else None,
        }

    def _is_watched(self) -> bool:
        return bool(self._viewers.all()) or self._cameras.glances.any_lately()

    async def _cameras_shown(self) -> list[dict[str, object]]:
        described = [self._cameras.describe(camera) for camera in self._cameras.all()]
        return [{name: camera[name] for name in ("id", "name", "state", "viewers")} for camera in described]

    async def _say_goodbye(self) -> None:
        await self._present.close_pages(GOING_AWAY, "restarting")
        await asyncio.gather(self._viewers.close_all("restarting"), self._cameras.close(), self._intercom.mouth.close())
