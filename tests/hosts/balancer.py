"""What stands in front of two servers: takes connections for whichever answers."""

import asyncio
import itertools
import threading
from collections.abc import Sequence
from contextlib import suppress

Place = tuple[str, int]
CONNECT_WITHIN_S = 1.0


class Balancer(threading.Thread):
    """At ``place``. A connection that no server takes is closed."""

    def __init__(self, place: Place, servers: Sequence[Place]) -> None:
        super().__init__(name=f"balancer {place}", daemon=True)
        self._place, self._servers = place, servers
        self._turn = itertools.count()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._listens = threading.Event()

    def open(self) -> None:
        self.start()
        self._listens.wait()

    def run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._take, *self._place)
        self._listens.set()
        await self._closing.wait()
        server.close()

    def close(self) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._closing.set)
        self.join()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = next(self._turn) % len(self._servers)
        try:
            for place in (*self._servers[first:], *self._servers[:first]):
                with suppress(OSError):
                    async with asyncio.timeout(CONNECT_WITHIN_S):
                        server = await asyncio.open_connection(*place)
                    await self._carry(reader, writer, *server)
                    return
        finally:
            writer.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answers: asyncio.StreamReader,
        asks: asyncio.StreamWriter,
    ) -> None:
        """Until either side ends."""
        ways = [
            asyncio.create_task(_pour(reader, asks)),
            asyncio.create_task(_pour(answers, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            asks.close()
            for way in ways:
                way.cancel()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
