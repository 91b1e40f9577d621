"""E-mail addresses."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from web.portal.errors import Refused

MAX_LENGTH = 254
NO_ADDRESS = "This is not an e-mail address that we can write to."


def normalised(text: str) -> str:
    """The form in which an address is kept and compared. ASCII, because many mail servers take
    nothing else (a domain of other letters has such a form). No mail server is asked: that would take time, and tell.
    Raises `Refused`."""
    try:
        parsed = validate_email(text.strip()[: MAX_LENGTH + 1], check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise Refused(NO_ADDRESS) from None
    address = (parsed.ascii_email or "").lower()
    if not 0 < len(address) <= MAX_LENGTH:
        raise Refused(NO_ADDRESS)
    return address


def masked(email: str) -> str:
    """Enough for whoever knows it to know it again: `a***@example.org`. At most as long as an address may be."""
    name, _, host = email.partition("@")
    return f"{name[:1]}***@{host}"[:MAX_LENGTH]
