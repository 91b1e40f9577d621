"""What those who are here already may still do: a right that ended must end what it opened."""

from __future__ import annotations

from collections.abc import Iterable

from pi_cam.store import Store
from pi_cam.trust.capabilities import Person
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.tokens import Tokens

Credential = tuple[str, str | None]
"""A person's `key` and `session`."""


class Rights:
    """Looks people up again by what they came with. Another process may have changed it: `pi-cam token revoke`."""

    def __init__(self, store: Store, sessions: Sessions, tokens: Tokens) -> None:
        self._store = store
        self._sessions = sessions
        self._tokens = tokens

    def now(self, credentials: Iterable[Credential]) -> dict[Credential, Person | None]:
        """Each as it stands at this moment: None when the session or token is gone, or the guest's time is over."""
        with self._store.transaction() as database:
            return {
                (key, session): self._sessions.now(database, session) if session else self._tokens.now(database, key)
                for key, session in credentials
            }
