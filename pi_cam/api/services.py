"""What the routes work with. One object, made by `pi_cam.app`, kept in `app.extensions`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import current_app

from pi_cam.about import Started
from pi_cam.address_check import AddressCheck
from pi_cam.api.present import Present
from pi_cam.cameras import Cameras
from pi_cam.capture.source import VideoSource
from pi_cam.control.discovery import Discovery
from pi_cam.control.doctor import Checkup
from pi_cam.hub import Hub
from pi_cam.intercom import Intercom
from pi_cam.journal import Journal
from pi_cam.keeping.beside import Keeping
from pi_cam.loop import Loop
from pi_cam.master_switch import MasterSwitch
from pi_cam.remote.configuration import Configuration
from pi_cam.remote.epoch_watch import EpochWatch
from pi_cam.remote.link import Link
from pi_cam.remote.relays import Relays
from pi_cam.remote.tunnel import Tunnel
from pi_cam.settings import Settings
from pi_cam.setup_wizard.marks_file import MarksFile
from pi_cam.setup_wizard.visits import Visits
from pi_cam.setup_wizard.wifi import Wifi
from pi_cam.transport.doors import WebRtcDoor
from pi_cam.transport.floor import Floor
from pi_cam.transport.whep import WhepSessions
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.certificates import Certificates
from pi_cam.trust.entry import Entries
from pi_cam.trust.media_identity import MediaIdentity
from pi_cam.trust.pairing import Pairing
from pi_cam.trust.passkeys import Passkeys
from pi_cam.trust.portal_sessions import PortalSessions
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.setup_code import SetupCode
from pi_cam.trust.tokens import Tokens
from pi_cam.trust.totp import Totp
from pi_cam.trust.users import Users
from pi_cam.updates.release_watch import ReleaseWatch

EXTENSION = "pi_cam"


@dataclass(frozen=True, slots=True)
class Services:
    """`form_key` signs form tokens."""

    loop: Loop
    cameras: Cameras
    door: WebRtcDoor
    whep: WhepSessions
    accounts: Accounts
    sessions: Sessions
    users: Users
    present: Present
    address_check: AddressCheck
    make_hub: Callable[[VideoSource], Hub]
    tokens: Tokens
    totp: Totp
    passkeys: Passkeys
    setup_code: SetupCode
    settings: Settings
    journal: Journal
    form_key: bytes
    certificates: Certificates
    checkup: Checkup
    intercom: Intercom
    floor: Floor
    pairing: Pairing
    entries: Entries
    portal_sessions: PortalSessions
    link: Link
    epochs: EpochWatch
    switch: MasterSwitch
    has_button: bool
    discovery: Discovery
    configuration: Configuration
    tunnel: Tunnel
    device_id: str
    media_identity: MediaIdentity
    relays: Relays
    started: Started
    wizard: MarksFile
    visits: Visits
    keeping: Keeping
    wifi: Wifi
    releases: ReleaseWatch


def services() -> Services:
    """Those of the running application."""
    return cast(Services, current_app.extensions[EXTENSION])
