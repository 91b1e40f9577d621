"""What those who are here already may still do: a right that ended must end what it opened."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from pi_cam.store import Store
from pi_cam.trust.capabilities import Person
from pi_cam.trust.portal_sessions import ID_PREFIX, PortalSessions
from pi_cam.trust.sessions import Sessions
from pi_cam.trust.tokens import Tokens

Credential = tuple[str, str | None]
"""A person's `key` and `session`."""


class Rights:
    """Looks people up again by what they came with. Another process may have changed it: `pi-cam token revoke`."""

    def __init__(self, store: Store, sessions: Sessions, tokens: Tokens, portal_sessions: PortalSessions) -> None:
        self._store = store
        self._sessions = sessions
        self._tokens = tokens
        self._portal_sessions = portal_sessions

    def now(self, credentials: Iterable[Credential]) -> dict[Credential, Person | None]:
        """Each as it stands at this moment: None when the session or token is gone, or the guest's time is over."""
        wanted = list(credentials)
        with self._store.transaction() as database:
            found = {(key, session): self._one(database, key, session) for key, session in wanted}
        self._portal_sessions.used([session for _, session in wanted if session and session.startswith(ID_PREFIX)])
        return found

    def _one(self, database: sqlite3.Connection, key: str, session: str | None) -> Person | None:
        if session is None:
            return self._tokens.now(database, key)
        from_portal = session.startswith(ID_PREFIX)
        return (self._portal_sessions if from_portal else self._sessions).now(database, session)
