"""Runs in the guest: a page that watches, and talks as long as a file is there. Says what it is told.

python person.py TOKEN TALK [listen]     TALK: the file; listen: it wants to hear, too
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from pi_cam.transport.webrtc_seam import take_packets
from tests.server import Server
from tests.talker import Talker

PACKET_SECONDS = 0.06
"""An emulated machine has to keep up; a gap is silence to who listens."""

SSRC = 77


async def watch(server: Server, token: str, wishes: Callable[[], bool], *, listens: bool) -> None:
    person = Talker(server, token)
    await person.start()
    for receiver in person.connection.getReceivers():  # to decode is too much for an emulated machine
        take_packets(receiver, lambda *_: None)
    told, talks, sequence = Told(person), False, 0
    say(f"watching, {(await person.ask('sound', on=listens))['type']} {'on' if listens else 'off'}")
    while person.page.is_open():
        wish = wishes()
        if wish != talks:
            answer = await person.ask("talk", on=not talks)
            say(f"talk {answer.get('on', answer)}")
            talks = wish if answer["type"] == "talk" else talks
        if talks:
            sequence += 1
            await person.send(SSRC, sequence)
        told.say()
        await asyncio.sleep(PACKET_SECONDS)
    told.say()  # what came with the end
    say(f"closed {person.page.close_code}")


class Told:
    """What the page was told last."""

    def __init__(self, person: Talker) -> None:
        self._person, self._state = person, None

    def say(self) -> None:
        newest = self._person.page.newest.get("state", {}).get("camera", {}).get("state")
        if newest not in (None, self._state):
            self._state = newest
            say(f"state {newest}")
        for kind in ("end", "error"):
            if kind in self._person.page.newest:
                say(f"{kind} {self._person.page.newest.pop(kind)}")


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    here = Server("http://127.0.0.1:8080", None, Path(), None, Path())  # type: ignore[arg-type]  # it runs already
    asyncio.run(watch(here, sys.argv[1], Path(sys.argv[2]).exists, listens="listen" in sys.argv[3:]))
