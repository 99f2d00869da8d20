"""A gateway on a port of its own: takes what is sent, answers what it is told to, or nothing, and can go away."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple


class Came(NamedTuple):
    """One request: its headers in lower case, its body as it came and as JSON."""

    headers: dict[str, str]
    body: bytes
    told: dict[str, Any]


class Gateway:
    """A small HTTP server."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.answers: list[int | None] = []
        """What to answer, in turn; None is nothing at all. After them, 204."""
        self.port = 0
        self.most = self.inside = 0
        """How many requests were open at the same time, at most and now."""

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook?token=secret"

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Gateway"]:
        """Listen, on the same port as before, until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers["content-length"]))
            self.came.append(Came(headers, body, json.loads(body)))
            answer = self.answers.pop(0) if self.answers else 204
            if answer is None:
                await reader.read()  # until the other side has had enough
            else:
                writer.write(f"HTTP/1.1 {answer} -\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
        finally:
            self.inside -= 1
            writer.close()
