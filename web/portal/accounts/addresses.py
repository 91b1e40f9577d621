"""E-mail addresses."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

from web.portal.errors import Refused

MAX_LENGTH = 254


def normalised(text: str) -> str:
    """The form in which an address is kept and compared. No mail server is asked: that would take time, and tell. Raises
    `Refused`."""
    try:
        address = validate_email(text.strip()[: MAX_LENGTH + 1], check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise Refused("This is not an e-mail address.") from None
    if len(address) > MAX_LENGTH:
        raise Refused("This is not an e-mail address.")
    return address
