"""The gateway before a Fujian-type platform: its tokens, and calls with one: XML in SM4 in SOAP.

A token is got, refreshed before it expires, and thrown away when it is refused; `sign` is taken in capital letters too.

The token service wants `sign` in the query of a GET, and a query is what ends up in logs and error texts. So the
address that httpx knows, logs and puts into its errors is the bare one; the query goes out as the request's target.
"""

import asyncio
import base64
import hashlib
import math
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree as ET

import httpx
import msgspec

from haocha.peers import Peer
from haocha.sync import soap
from haocha.sync.cipher import sm4_encrypt
from haocha.sync.dialect import Expired, Unavailable

NAMESPACE = "http://webServiceInterface.cms.linewell.com"
GOOD = "200"
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
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Unavailable(f"{service} answered without a token") from None
        if not told.access_token:
            raise Unavailable(f"{service} answered without a token")
        life = told.expires_in or math.inf  # not told: until it is refused
        until = now + life - min(MARGIN, life * SHARE)
        return Token(
            told.access_token, until, told.refresh_token, now + told.re_expires_in if told.refresh_token else 0
        )


class Gateway:
    """The operations of one platform. Raises ValueError where options or secrets of the peer will not do."""

    def __init__(self, peer: Peer, clock: Callable[[], datetime]) -> None:
        encoding = peer.option("encoding", "base64")
        if encoding not in {"base64", "hex"}:
            raise ValueError(f"option encoding must be base64 or hex, not {encoding!r}")
        app_code = peer.secret("app_code")
        self._app_key = peer.secret("app_key")
        self._key = hashlib.md5(app_code.encode(), usedforsecurity=False).digest()
        self._hex = encoding == "hex"
        self._service = f"{peer.url}/{peer.option('service', 'webservice').strip('/')}"
        self.tokens = Tokens(peer.url, self._app_key, app_code, clock)

    async def call(self, client: httpx.AsyncClient, operation: str, document: bytes) -> ET.Element:
        """Call an operation and return the root of its answer; raises `Expired`, `Unavailable` and `soap.Refused`."""
        token = await self.tokens.current(client)
        cipher = sm4_encrypt(self._key, document)
        written = cipher.hex() if self._hex else base64.b64encode(cipher).decode()
        authorization = {"Authorization": f"Basic {token}"}
        envelope = soap.envelope(NAMESPACE, operation, authorization, {"appKey": self._app_key, "xmlStr": written})
        headers = {"Content-Type": soap.TYPE, "SOAPAction": '""'}
        response = await client.post(f"{self._service}/{operation}?wsdl", content=envelope, headers=headers)
        if _refuses_token(response):
            self.tokens.refuse(token)
            raise Expired
        return soap.returned(response)

    async def ask(self, client: httpx.AsyncClient, operation: str, document: bytes) -> ET.Element:
        """Call, with a new token where the old one expired; raises `Unavailable` for whatever is no success."""
        try:
            try:
                answer = await self.call(client, operation, document)
            except Expired:
                answer = await self.call(client, operation, document)
        except (Expired, soap.Refused) as refused:
            raise Unavailable(f"{operation} was refused ({type(refused).__name__})") from None
        if (code := soap.text_of(answer, "code")) != GOOD:
            raise Unavailable(f"{operation} answered {code or 'without a code'}")
        return answer


def _refuses_token(response: httpx.Response) -> bool:
    """Tell whether a header says so, or anything in an answer that is no success: a citizen may write the word too."""
    if INVALID in response.headers.get("x-error-code", ""):
        return True
    if INVALID.encode() not in response.content:
        return False
    try:
        return soap.text_of(soap.returned(response), "code") != GOOD
    except (Unavailable, soap.Refused):
        return True
