"""coturn as `deploy/coturn/turnserver.conf` configures it: for whom it relays, for how long, and whereto."""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aioice import stun, turn

from tests import network
from tests.far_side import DEVICE, SECRET, TURN, TURNSERVER, URLS, FarSide, far_side
from tests.prerequisites import require
from web.portal.devices.relays import own_credentials
from web.portal.turn import OwnTurn

PORT = 3478
QUOTA = 60
PORTS = itertools.count(20_000)
"""Below what the kernel gives: coturn remembers an allocation for a while, and answers 437 to whoever gets its port next."""


@pytest.fixture(scope="module")
def side(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    require("coturn (apt install coturn)", Path(TURNSERVER).exists())
    require(f"a network namespace ({network.problem()})", network.problem() is None)
    with far_side(tmp_path_factory.mktemp("turn")) as side:
        yield side


@pytest.fixture(scope="module")
def log(side: FarSide) -> Iterator[Path]:
    with side.turn_server() as log:
        yield log


@asynccontextmanager
async def client(
    secret: str = SECRET, seconds: float = 60, account: str = "", port: int = PORT
) -> AsyncIterator[turn.TurnClientUdpProtocol]:
    """With credentials as the portal makes them, good for so many seconds; of an account of its own, unless one is named."""
    account = account or secrets.token_hex(8)
    credentials = own_credentials(OwnTurn(tuple(URLS.split()), secret), account, int(time.time() + seconds))
    user, password = credentials["username"], credentials["credential"]
    server = (TURN, port)
    transport, made = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: turn.TurnClientUdpProtocol(server, user, password, lifetime=600, channel_refresh_time=500),
        local_addr=("0.0.0.0", next(PORTS)),
        remote_addr=server,
    )
    try:
        yield made
    finally:
        if made.relayed_address is not None:
            await made.delete()
        transport.close()


async def refusal(coroutine: object) -> int:
    """The error code with which it was refused; 0 when it was not."""
    try:
        await coroutine  # type: ignore[misc]  # any
    except stun.TransactionFailed as error:
        return error.response.error_code or -1
    return 0


def test_with_credentials_of_the_portal_it_relays(log: Path) -> None:
    async def run() -> None:
        heard: asyncio.Queue[tuple[bytes, tuple[str, int]]] = asyncio.Queue()

        class Device(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
                heard.put_nowait((data, address))

        loop = asyncio.get_running_loop()
        device, _ = await loop.create_datagram_endpoint(Device, local_addr=(DEVICE, 0))
        async with client() as viewer:
            relayed = await viewer.connect()
            assert relayed[0] == TURN
            await viewer.send_data(b"hello", device.get_extra_info("sockname"))
            assert await asyncio.wait_for(heard.get(), 5) == (b"hello", relayed)
        device.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("secret", "seconds"), [(SECRET, -1), (SECRET[::-1], 60), ("", 60)], ids=["expired", "wrong", "none"]
)
def test_without_good_credentials_it_does_not(log: Path, secret: str, seconds: float) -> None:
    async def run() -> None:
        async with client(secret, seconds) as viewer:
            assert await refusal(viewer.connect()) == 401

    asyncio.run(run())


def test_what_was_begun_in_time_goes_on_after_the_credentials_ended(log: Path) -> None:
    """A picture must not stop because an hour is over; who is sent away is sent away by the camera."""

    async def run() -> None:
        async with client(seconds=2) as viewer:
            await viewer.connect()
            await asyncio.sleep(3.5)
            request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
            request.attributes["LIFETIME"] = 600
            assert await refusal(viewer.request_with_retry(request)) == 0
            assert await refusal(viewer.channel_bind(0x4000, (DEVICE, 5000))) == 0
        async with client(seconds=-1.5) as late:
            assert await refusal(late.connect()) == 401

    asyncio.run(run())


PRIVATE = (
    "0.0.0.1",
    "10.99.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "198.18.0.1",
    "240.0.0.1",
)


@pytest.mark.parametrize("peer", PRIVATE)
def test_it_leads_into_nobodys_own_network(log: Path, peer: str) -> None:
    async def run() -> None:
        async with client() as viewer:
            await viewer.connect()
            assert await refusal(viewer.channel_bind(0x4000, (peer, 80))) == 403
            assert await refusal(viewer.channel_bind(0x4001, (DEVICE, 80))) == 0

    asyncio.run(run())


def test_it_is_those_lines_that_keep_it_out(side: FarSide, log: Path, tmp_path: Path) -> None:
    """Without them coturn leads anywhere but to loopback: the test above would fail."""
    text = Path("deploy/coturn/turnserver.conf").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("denied-peer-ip=")]
    elsewhere = [(f"listening-port={PORT}", "listening-port=3500"), *((line, "#" + line) for line in lines)]

    async def run() -> None:
        async with client(port=3500) as viewer:
            await viewer.connect()
            assert await refusal(viewer.channel_bind(0x4000, ("10.99.0.1", 80))) == 0

    second = FarSide(tmp_path, side.internet, side.browsers)
    with second.turn_server(*elsewhere, port=3500):
        asyncio.run(run())


def test_one_account_has_few_allocations_whatever_credentials_it_was_lent(log: Path) -> None:
    async def run() -> None:
        held = [client(account="greedy", seconds=60 + number) for number in range(QUOTA + 1)]
        clients = [await one.__aenter__() for one in held]
        codes = [await refusal(one.connect()) for one in clients]
        for one in held:
            await one.__aexit__(None, None, None)
        assert codes == [0] * QUOTA + [486]

    asyncio.run(run())


def test_it_names_nobody_and_tells_no_secret(log: Path) -> None:
    assert SECRET not in log.read_text()
