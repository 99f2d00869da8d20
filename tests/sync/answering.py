"""A platform that answers literally what a test gives it, and keeps what it was asked."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import NamedTuple

OK = "text/xml; charset=utf-8"


class Asked(NamedTuple):
    """One request."""

    target: str
    body: bytes


class Answering:
    """An HTTP server with one path of its own: a GET gets `token`, a POST the next of `answers`."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answers: list[bytes] = []
        self.token = answer('{"access_token": "T1", "expires_in": "3600"}', kind="application/json")
        self.url = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator["Answering"]:
        """Listen on a free port until the block ends."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/gateway"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split(" ", 2)
            length = next((line[15:] for line in head.lower().split("\r\n") if line.startswith("content-length:")), "0")
            body = await reader.readexactly(int(length))
            self.asked.append(Asked(target, body))
            writer.write(self.token if method == "GET" else self.answers.pop(0))
            await writer.drain()
        finally:
            writer.close()


def answer(body: str | bytes, status: int = 200, kind: str = OK, *headers: str) -> bytes:
    """Write an answer out."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} -", f"Content-Type: {kind}", f"Content-Length: {len(content)}", "Connection: close"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + content
