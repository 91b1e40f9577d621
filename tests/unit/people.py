"""Accounts with second factors, on a clock of the test's own."""

from __future__ import annotations

from pathlib import Path

import pyotp

from pi_cam.store import Store
from pi_cam.trust.accounts import Accounts
from pi_cam.trust.passkeys import Passkeys
from pi_cam.trust.passwords import PasswordHasher
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.totp import Totp
from pi_cam.trust.users import Users
from tests.unit.clock import Clock

PASSWORD = "a green door behind the house"
KEY = bytes(range(32))
HOUR = 3600.0


class People:
    """The owner Ada (user 1) and all that is known of her."""

    def __init__(self, folder: Path) -> None:
        self.clock = clock = Clock(1_800_000_000.0)
        self.store = Store(folder)
        self.store.open()
        hasher = PasswordHasher(KEY, cost=4)
        self.sessions = Sessions(self.store, lambda: HOUR, clock)
        self.totp = Totp(self.store, KEY, clock)
        self.users = Users(self.store, hasher, clock)
        self.accounts = Accounts(self.store, hasher, self.sessions, self.totp, clock=clock, monotonic=clock)
        self.passkeys = Passkeys(self.store, KEY, clock, clock)
        self.accounts.create_owner("Ada", PASSWORD)
        self.secret = ""

    def turn_on(self, user: int = 1) -> list[str]:
        """The recovery codes. The clock goes on to the next step, so that the app's code is a new one."""
        self.secret = self.totp.begin(user, "Ada").secret
        codes = self.totp.confirm(user, self.code())
        self.clock.now += 30
        return codes

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(int(self.clock()), counter_offset=steps)

    def sign_in(self, code: str | None = None, password: str = PASSWORD, address: str = "10.0.0.2") -> str:
        return self.accounts.sign_in("Ada", password, code, address=address, agent="a browser")[0]

    def go_on(self, ticket: str, code: str, address: str = "10.0.0.2") -> str:
        return self.accounts.go_on(ticket, code, address=address, agent="a browser")[0]
