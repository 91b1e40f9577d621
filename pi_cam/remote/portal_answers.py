"""What a portal answers, taken apart with distrust: whatever makes no sense is no answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from pi_cam.errors import PortalUnreachable
from pi_cam.remote.portal_client import Answer
from pi_cam.trust.entry import EPOCHS_END

LEAST_POLL_SECONDS, MOST_POLL_SECONDS = 1.0, 60.0
LONGEST_CODE_SECONDS = 900.0


class Client(Protocol):
    """What is needed of a `PortalClient`."""

    address: str

    def authorize(self, device: dict[str, Any], nonce: str) -> dict[str, Any]:
        """A code to show."""

    def poll(self, device_code: str) -> Answer:
        """Whether it was typed."""

    def say(self, noun: str, body: dict[str, Any]) -> dict[str, Any]:
        """As the paired device."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A code that waits for somebody to type it at the portal. `page`: where; `link`: the same with the code in it, for a QR
    code. `ends_at`, in monotonic seconds."""

    client: Client
    device_code: str
    code: str
    page: str
    link: str
    interval: float
    ends_at: float


def asking_from(client: Client, answer: dict[str, Any], now: float) -> Asking:
    """Raises `PortalUnreachable` for an answer that makes no sense."""
    words = [answer.get(name) for name in ("device_code", "user_code", "verification_uri", "verification_uri_complete")]
    numbers = answer.get("interval", 5), answer.get("expires_in")
    if any(not isinstance(word, str) or not 0 < len(word) <= 512 or not word.isprintable() for word in words) or any(
        not isinstance(number, int | float) or not 0 < number < 1e9 for number in numbers
    ):
        raise PortalUnreachable("The portal's answer makes no sense.")
    device_code, code, page, link = (str(word) for word in words)
    if not all(one.startswith(client.address + "/") for one in (page, link)):
        raise PortalUnreachable("The portal's answer makes no sense.")
    interval, lifetime = (float(number or 0) for number in numbers)
    interval = min(MOST_POLL_SECONDS, max(LEAST_POLL_SECONDS, interval))
    return Asking(client, device_code, code, page, link, interval, now + min(lifetime, LONGEST_CODE_SECONDS))


def epochs_in(answer: dict[str, Any], asked: list[str]) -> dict[str, int]:
    """Of the accounts that were asked about; anything else counts for nothing."""
    found = answer.get("epochs")
    if not isinstance(found, dict):
        raise PortalUnreachable("The portal's answer makes no sense.")
    return {one: found[one] for one in asked if type(found.get(one)) is int and 0 <= found[one] < EPOCHS_END}
