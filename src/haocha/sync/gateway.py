"""Tokens of the gateway before a Fujian-type platform: got, refreshed before they expire, thrown away when refused.

The interface wants `sign` in the query of a GET, and a query is what ends up in logs and error texts. So the address
that httpx knows, logs and puts into its errors is the bare one; the query goes out as the request's target alone.
"""

import asyncio
import hashlib
import math
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from haocha.sync.dialect import Unavailable

INVALID = "access_token_invalid"
GET, REFRESH = "get-token", "refresh-token"
MARGIN = 60.0  # seconds before its end in which a token is renewed,
SHARE = 0.1  # or this share of a life that is shorter than ten of them


class _Told(msgspec.Struct):
    """What the token service answers; numbers come as texts too."""

    access_token: str
    expires_in: float = 0.0
    refresh_token: str = ""
    re_expires_in: float = 0.0


class Token(NamedTuple):
    """A token: until when it is used, and how and until when it can be refreshed. Times are seconds since 1970."""

    access: str
    until: float
    refresh: str
    refresh_until: float

    def __repr__(self) -> str:
        return "Token(…)"


NONE = Token("", 0, "", 0)


class Tokens:
    """The one token that all calls of this process use; those that need a new one at the same time get the same."""

    def __init__(self, url: str, app_key: str, app_code: str, clock: Callable[[], datetime]) -> None:
        self._url, self._app_key, self._app_code, self._clock = url, app_key, app_code, clock
        self._token = NONE
        self._lock = asyncio.Lock()
        self._attempts = 0

    async def current(self, client: httpx.AsyncClient) -> str:
        """Return a token that is good for a while yet; raises `Unavailable` where none is given."""
        if self._clock().timestamp() < self._token.until:
            return self._token.access
        attempts = self._attempts
        async with self._lock:
            now = self._clock().timestamp()
            if now >= self._token.until:
                if attempts != self._attempts:
                    raise Unavailable("the token service gave none to another call at the same time")
                try:
                    self._token = await self._renewed(client, now)
                finally:
                    self._attempts += 1
            return self._token.access

    def refuse(self, access: str) -> None:
        """Throw away a token that the platform did not take, if it is still the one in use."""
        if access == self._token.access:
            self._token = NONE

    async def _renewed(self, client: httpx.AsyncClient, now: float) -> Token:
        """Refresh the token if that is possible, else get one."""
        if now < self._token.refresh_until:
            try:
                return await self._told(client, REFRESH, now, {"refresh_token": self._token.refresh})
            except Unavailable:
                pass  # the refresh token may be revoked too: the long way says so or works
        return await self._told(client, GET, now, {})

    async def _told(self, client: httpx.AsyncClient, service: str, now: float, more: dict[str, str]) -> Token:
        """Ask the token service; its answer is never repeated: it may hold what it was asked with."""
        timestamp = str(int(now * 1000))
        sign = hashlib.md5(f"{self._app_code}{timestamp}".encode(), usedforsecurity=False).hexdigest()
        query = urlencode({"app_key": self._app_key, "timestamp": timestamp, "sign": sign} | more)
        address = f"{self._url}/{service}"
        target = f"{urlsplit(address).path}?{query}".encode()
        response = await client.get(address, extensions={"target": target})
        if response.status_code != HTTPStatus.OK:
            raise Unavailable(f"{service} answered HTTP {response.status_code}")
        try:
            told = msgspec.json.decode(response.content, type=_Told, strict=False)
        except msgspec.MsgspecError:
            raise Unavailable(f"{service} answered without a token") from None
        if not told.access_token:
            raise Unavailable(f"{service} answered without a token")
        life = told.expires_in or math.inf  # not told: until it is refused
        until = now + life - min(MARGIN, life * SHARE)
        return Token(
            told.access_token, until, told.refresh_token, now + told.re_expires_in if told.refresh_token else 0
        )
