"""What cloudflared says, reduced to what may stand in our log. Its lines (zerolog's console form) are `TIME LVL message
name=value …`; the fields may hold addresses, headers and whatever a stranger sent, so that only the message is taken."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pi_cam.logs import without_secrets

LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+ (DBG|INF|WRN|ERR|FTL|PNC) (.*)", re.DOTALL)
FIELDS = re.compile(r"(?:^|\s+)[A-Za-z]\w*=|map\[|\{")
ADDRESS = re.compile(r"\w+://\S+")
OF_A_REQUEST = re.compile(r"\b(dest|originService|ingressRule)=")
"""A line about what a stranger asked for says nothing of the tunnel."""

QUICK_NAME = re.compile(r"\|\s+https://([a-z0-9-]{1,63}\.trycloudflare\.com)\s+\|", re.ASCII)
"""In the box that it draws once it has a name, and in no other line: what a stranger asked for stands in fields."""

LEVELS = {
    "DBG": None,
    "INF": logging.INFO,
    "WRN": logging.WARNING,
    "ERR": logging.ERROR,
    "FTL": logging.ERROR,
    "PNC": logging.ERROR,
}
LONGEST_MESSAGE = 200
LINES_A_WINDOW, WINDOW_SECONDS = 40, 60.0

REFUSED = "Cloudflare refuses the tunnel's secret: make a new one, and put it in the old one's place."
NOT_KNOWN = "Cloudflare knows no such tunnel any more: make a new one."
PORT_TAKEN = "A port that cloudflared needs is taken by another program."
NO_TOKEN = "cloudflared does not take what is in the token file for a token."
UNREACHABLE = "cloudflared does not reach Cloudflare: look whether this machine reaches the Internet."

CAUSES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i)tunnel not found"), NOT_KNOWN),
    (re.compile(r"(?i)invalid tunnel secret|unauthorized"), REFUSED),
    (re.compile(r"(?i)token is not valid"), NO_TOKEN),
    (re.compile(r"(?i)address already in use"), PORT_TAKEN),
    (
        re.compile(
            r"(?i)no such host|dns query failed|edge discovery|could not lookup|network is unreachable|i/o timeout"
        ),
        UNREACHABLE,
    ),
)


@dataclass(frozen=True, slots=True)
class Said:
    """One line. `level` is None for what is not to be logged; `host`: the name of a quick tunnel; `cause`: our sentence for
    what goes wrong."""

    level: int | None
    message: str
    host: str | None = None
    cause: str | None = None


def read(line: str, secrets: Iterable[str] = ()) -> Said:
    """Takes a line apart. One that is not in its form, or has one of `secrets` in it, is not for the log."""
    cause = None if OF_A_REQUEST.search(line) else next((one for pattern, one in CAUSES if pattern.search(line)), None)
    found = LINE.fullmatch(line.strip())
    if found is None or any(secret in line for secret in secrets):
        return Said(None, "", cause=cause)
    name = QUICK_NAME.fullmatch(found[2].strip())
    if name is not None:
        return Said(None, "", name[1])
    level = LEVELS[found[1]]
    if level is None:
        return Said(None, "")
    message = ADDRESS.sub("…", FIELDS.split(found[2], maxsplit=1)[0]).strip()[:LONGEST_MESSAGE]
    visible = "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in message)
    cause = cause if level >= logging.WARNING else None
    return Said(level if visible else None, without_secrets(visible), cause=cause)


class Sieve:
    """Hands messages to the log, but no flood of them: at most `LINES_A_WINDOW` a minute, and then how many there were."""

    def __init__(self, log: logging.Logger, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._began = float("-inf")
        self._lines = 0

    def pass_on(self, said: Said) -> None:
        """Logs it, or counts it."""
        if said.level is None:
            return
        now = self._clock()
        if now - self._began >= WINDOW_SECONDS:
            self._tell_left_out()
            self._began, self._lines = now, 0
        self._lines += 1
        if self._lines <= LINES_A_WINDOW:
            self._log.log(said.level, "cloudflared", extra={"said": said.message})

    def _tell_left_out(self) -> None:
        if self._lines > LINES_A_WINDOW:
            self._log.warning("cloudflared said more", extra={"lines": self._lines - LINES_A_WINDOW})
