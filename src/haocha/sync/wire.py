"""The connection to a peer: httpx as dialects know it, on aiohttp's parser, which takes a third of the processor time.

What comes back is bounded, and never unpacked: a platform out of its mind must not fill our memory. A request may have
a `target` of its own (httpx's extension): what an interface wants in the address, and nobody may log or find in errors.
"""

from collections.abc import AsyncIterator
from typing import Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from haocha.peers import Peer

MOST_BYTES: Final = 16 * 2**20
"""Of one answer."""
PLAIN: Final = "identity"


class _Bounded(httpx.AsyncByteStream):
    """A body that ends with an error where it does not end."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read = 0
        try:
            async for chunk in self._stream:
                read += len(chunk)
                if read > MOST_BYTES:
                    raise httpx.ReadError(f"The answer has more than {MOST_BYTES} bytes.")
                yield chunk
        except aiohttp.ClientError as error:
            raise httpx.ReadError(type(error).__name__) from None

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Transport(AiohttpTransport):
    """The library's transport, with bounded answers, targets, and no error but httpx's."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        target = request.extensions.get("target")
        sent = request
        if target is not None:
            url = request.url.copy_with(raw_path=target)
            sent = httpx.Request(request.method, url, headers=request.headers, extensions=request.extensions)
        try:
            answer = await super().handle_async_request(sent)
        except aiohttp.ClientError as error:
            raise httpx.NetworkError(type(error).__name__) from None
        answer.request = request
        assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 (the library's own)
        answer.stream = _Bounded(answer.stream)
        if answer.headers.get("Content-Encoding", PLAIN).lower() != PLAIN:  # packed it can be a thousand times as large
            await answer.aclose()
            raise httpx.DecodingError("The answer is packed, though it was asked for as it is.")
        return answer


def client_of(peer: Peer) -> httpx.AsyncClient:
    """Return a client for calls to a peer."""
    limits = httpx.Limits(max_connections=peer.concurrency + 1, keepalive_expiry=30)
    transport = _Transport(trust_env=False, limits=limits)
    headers = {"User-Agent": "haocha", "Accept-Encoding": PLAIN}
    return httpx.AsyncClient(timeout=peer.timeout, trust_env=False, transport=transport, headers=headers)
