"""What goes wrong, in sentences for people.

PortalError
├── BadSettings          the portal cannot start like this
├── Refused              what was filled in is not accepted (422)
├── NotSignedIn          (401)
├── NotAllowed           (403)
├── NotFound             (404)
├── TooManyTries         (429)
└── Unavailable          a part that is needed does not answer; try again (503)
    └── MailUnavailable
        └── MailRefused
"""

from __future__ import annotations


class PortalError(Exception):
    """The base. `str` is the English sentence with its values; `sentence` and `values` are for translating it."""

    def __init__(self, sentence: str, **values: object) -> None:
        super().__init__(sentence % values if values else sentence)
        self.sentence = sentence
        self.values = values


class BadSettings(PortalError, ValueError):
    """What the environment says cannot be used."""


class Refused(PortalError, ValueError):
    """What a person filled in is not accepted."""


class NotSignedIn(PortalError, PermissionError):
    """Nobody is signed in, or the proof is wrong."""


class NotAllowed(PortalError, PermissionError):
    """Whoever it is may not."""


class NotFound(PortalError, LookupError):
    """There is no such thing, or it is somebody else's."""


class TooManyTries(PortalError):
    """To be tried again after a pause."""

    def __init__(self, sentence: str, retry_after_seconds: float) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(PortalError, ConnectionError):
    """A part that is needed does not answer."""


class MailUnavailable(Unavailable):
    """The mail server does not take mail from us."""


class MailRefused(MailUnavailable):
    """It takes no mail for this address, now or later."""
