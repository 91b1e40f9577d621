"""TCP between two network namespaces by way of Unix sockets: `python -m tests.passage here|there PATH PORT…`.

`here` listens at each path and leads to the port of its loopback; `there` listens at the port and leads to the path.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()


async def serve(side: str, path: str, port: int) -> None:
    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            if side == "here":
                onward, back = await asyncio.open_connection("127.0.0.1", port)
            else:
                onward, back = await asyncio.open_unix_connection(path)
            await asyncio.gather(copy(reader, back), copy(onward, writer))
            back.close()
        writer.close()

    if side == "here":
        server = await asyncio.start_unix_server(pass_on, path)
    else:
        server = await asyncio.start_server(pass_on, "127.0.0.1", port)
    await server.serve_forever()


async def main(side: str, pairs: list[str]) -> None:
    await asyncio.gather(*(serve(side, path, int(port)) for path, port in zip(pairs[::2], pairs[1::2], strict=True)))


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1], sys.argv[2:]))
