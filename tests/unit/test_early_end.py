"""A viewer who leaves while the connection is being made leaves no complaint behind."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.exceptions import InvalidStateError

from pi_cam.transport import webrtc_seam


def test_the_task_that_connects_ends_with_the_connection_and_says_what_else_is_wrong() -> None:
    async def run() -> None:
        connection: Any = RTCPeerConnection(RTCConfiguration(iceServers=[]))

        async def fail() -> None:
            raise InvalidStateError("RTCIceTransport is closed")

        assert hasattr(connection, webrtc_seam.CONNECT)
        setattr(connection, webrtc_seam.CONNECT, fail)
        webrtc_seam.may_close_early(connection)
        connect = getattr(connection, webrtc_seam.CONNECT)
        with pytest.raises(InvalidStateError):
            await connect()
        await connection.close()
        await connect()

    asyncio.run(run())
