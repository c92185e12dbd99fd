"""A TCP proxy in front of an exchange, whose connections can be cut."""

import asyncio
from types import TracebackType
from typing import Self

CHUNK_BYTES = 65_536


class CuttingProxy:
    """Passes bytes on both ways. `cut` resets every connection, wherever in a message it is."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None] | None] = set()
        self._server: asyncio.Server | None = None
        self.url = ""
        self.connections_cut = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        await asyncio.gather(*filter(None, self._passing))

    def cut(self) -> int:
        """How many were open."""
        writers, self._writers = self._writers, set()
        for writer in writers:
            writer.transport.abort()
        self.connections_cut += len(writers) // 2
        return len(writers) // 2

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._passing.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        self._writers |= {writer, back}
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(CHUNK_BYTES):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        self._writers.discard(sink)
        sink.close()
