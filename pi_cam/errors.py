"""Every error that this package raises on purpose.

    PiCamError
    ├── SettingError        (ValueError)       a setting or option that makes no sense
    ├── StoreError          (RuntimeError)     the data folder cannot be used
    ├── SourceError         (OSError)          a camera that cannot be watched
    │   ├── AddressRefused  (ValueError)       its address is not one that we would open
    │   ├── SourceUnreachable                  no such host, nobody answers, it went silent
    │   ├── SourceForbidden                    name or password refused
    │   └── SourceUnsupported                  it answers, but with nothing that we can show
    ├── MissingPart         (RuntimeError)     a library or a device is not there
    ├── CameraStopped       (RuntimeError)     a person stopped this camera
    │   └── CameraPrivate                      privacy is on
    ├── PictureTimeout      (TimeoutError)     no picture came in time
    ├── NotFound            (LookupError)      no such camera, viewer, user
    ├── Conflict            (RuntimeError)     it exists already, or the state forbids it
    │   ├── FloorTaken                         somebody else talks
    │   └── NoLoudspeaker                      nobody can talk through this camera
    ├── OfferRefused        (ValueError)       an SDP offer that we cannot answer
    ├── UpdateRefused       (ValueError)       a version of the program that is not put in
    ├── ReleasesUnreachable (RuntimeError)     where new versions lie, nobody answers as is hoped
    ├── TooManyViewers      (RuntimeError)     the viewer cap is reached
    │   └── TooManyConnections                 that of the place that somebody comes from
    ├── PortalUnreachable   (OSError)          the portal does not answer, or not as one
    ├── PortalRefused       (RuntimeError)     the portal answers, and says no
    ├── NoRelay             (RuntimeError)     a viewer who comes by relay only, and there is none
    ├── NotReady            (RuntimeError)     the camera is starting again, or too busy to answer
    ├── TooManyTries        (RuntimeError)     slow down
    ├── NotSignedIn         (PermissionError)  no credentials, or wrong ones
    │   └── SecondFactorNeeded                 the password was right; a code is missing or wrong
    └── NotAllowed          (PermissionError)  signed in, but without the capability

The text of each is one sentence for a person; it never holds a password. `api.problems` maps each to its HTTP status.
"""

from __future__ import annotations


class PiCamError(Exception):
    """The root: catching it catches everything that went wrong on purpose."""


class SettingError(PiCamError, ValueError):
    """A setting or an option that makes no sense."""


class StoreError(PiCamError, RuntimeError):
    """The data folder or its database cannot be used."""


class SourceError(PiCamError, OSError):
    """A camera that cannot be watched."""


class AddressRefused(SourceError, ValueError):
    """A camera address that is not one that we would open."""


class SourceUnreachable(SourceError):
    """No such host, nobody answers, or it went silent."""


class SourceForbidden(SourceError):
    """The camera refused the name or the password."""


class SourceUnsupported(SourceError):
    """The camera answers, but with nothing that we can show."""


class MissingPart(PiCamError, RuntimeError):
    """A library or a device is not there; the text says what to do."""


class CameraStopped(PiCamError, RuntimeError):
    """A person stopped this camera; a viewer cannot start it."""


class CameraPrivate(CameraStopped):
    """Somebody at home turned privacy on; nobody else can end it."""

    def __init__(self, message: str = "Privacy is on. It ends at the camera itself, or on its page at home.") -> None:
        super().__init__(message)


class PictureTimeout(PiCamError, TimeoutError):
    """No picture came in time."""


class NotFound(PiCamError, LookupError):
    """No such camera, viewer or user."""


class Conflict(PiCamError, RuntimeError):
    """It exists already, or the present state forbids it."""


class FloorTaken(Conflict):
    """Somebody else talks."""


class NoLoudspeaker(Conflict):
    """Nobody can talk through this camera."""


class OfferRefused(PiCamError, ValueError):
    """An SDP offer that cannot be answered."""


class UpdateRefused(PiCamError, ValueError):
    """A version of the program that is not put in: damaged, not signed by a trusted key, older, for another machine."""


class ReleasesUnreachable(PiCamError, RuntimeError):
    """The web host with new versions does not answer now, or not as one."""


class TooManyViewers(PiCamError, RuntimeError):
    """The viewer cap is reached."""

    retry_after_seconds = 10


class TooManyConnections(TooManyViewers):
    """As many as may come from one place."""


class PortalUnreachable(PiCamError, OSError):
    """The portal does not answer now, or what it answers makes no sense."""


class PortalRefused(PiCamError, RuntimeError):
    """The portal says no. `code`: its word for why, such as `unpaired`."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NoRelay(PiCamError, RuntimeError):
    """A viewer who is to see this camera by relay only, and there is none."""


class NotReady(PiCamError, RuntimeError):
    """The camera is starting again, or too busy to answer in time."""


class TooManyTries(PiCamError, RuntimeError):
    """Too many attempts; wait `retry_after_seconds`."""

    def __init__(self, message: str, retry_after_seconds: float) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class NotSignedIn(PiCamError, PermissionError):
    """No credentials, or wrong ones."""


class SecondFactorNeeded(NotSignedIn):
    """The password was right, but the account has a second factor too. `ticket`: what to go on with, instead of giving the
    password again; it is good once, for `trust.tickets.LIFETIME_SECONDS`."""

    def __init__(self, message: str, ticket: str = "") -> None:
        super().__init__(message)
        self.ticket = ticket


class NotAllowed(PiCamError, PermissionError):
    """Signed in, but without the capability."""
