"""Who may do what: all parts of it, opened on one store."""

from __future__ import annotations

from dataclasses import dataclass

from pi_cam.settings import Settings
from pi_cam.store import Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.capabilities import Capability, parse_capabilities
from pi_cam.trust.guesses import KnownBrowsers
from pi_cam.trust.pairing import Pairing
from pi_cam.trust.passkeys import Passkeys
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.portal_sessions import PortalSessions
from pi_cam.trust.rights import Rights
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.tokens import Tokens
from pi_cam.trust.totp import Totp
from pi_cam.trust.users import Users


@dataclass(frozen=True, slots=True)
class Trust:
    """Who may do what, on one store."""

    accounts: Accounts
    users: Users
    sessions: Sessions
    tokens: Tokens
    rights: Rights
    pairing: Pairing
    portal_sessions: PortalSessions
    totp: Totp
    passkeys: Passkeys


def open_trust(store: Store, settings: Settings) -> Trust:
    """All of `pi_cam.trust` that works on the store."""
    key = store.secret()
    hasher = PasswordHasher(key)
    sessions = Sessions(store, lambda: settings.number("session_hours") * 3600)
    tokens = Tokens(store)
    totp = Totp(store, key)
    accounts = Accounts(store, hasher, sessions, totp, browsers=KnownBrowsers(key))
    users, passkeys = Users(store, hasher), Passkeys(store, key)
    portal_sessions = PortalSessions(store, lambda: _locked(settings))
    rights = Rights(store, sessions, tokens, portal_sessions)
    return Trust(accounts, users, sessions, tokens, rights, Pairing(store), portal_sessions, totp, passkeys)


def _locked(settings: Settings) -> frozenset[Capability]:
    chosen = settings.text("portal_lock")
    return frozenset() if chosen == "none" else parse_capabilities(chosen)
