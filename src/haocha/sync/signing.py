"""How two haochas prove who they are to each other, and how identities are sealed on their way between them.

Both know one secret. A request carries its sender's name, the time and an HMAC over time, method, target and body:
whoever reads it can change nothing in it, and cannot send it again later than `LATE`. What a repeat within that time
does is settled by the natural keys of what it carries.
"""

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PEER = "X-Haocha-Peer"
TIME = "X-Haocha-Time"
SIGNATURE = "X-Haocha-Signature"
LATE = timedelta(seconds=300)
LONGEST_TIME = 12  # digits
NONCE_BYTES = 12


class Unsealable(Exception):
    """A sealed identity was not sealed under this secret, or not for this stream."""


def sign(secret: bytes, method: str, target: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers `X-Haocha-Time` and `X-Haocha-Signature`; the sender adds its name as `X-Haocha-Peer`.

    `target` is the path with its query as it stands in the request line, `body` what goes over the wire (compressed
    where it is).
    """
    at = str(int(now.timestamp()))
    return {TIME: at, SIGNATURE: _signature(secret, at, method, target, body)}


def verify(  # noqa: PLR0917 (what is signed, and beside what)
    secret: bytes, method: str, target: str, body: bytes, headers: Mapping[str, str | None], now: datetime
) -> bool:
    """Tell whether who sent this knows `secret` and sent it within `LATE` of `now`; names of headers in either case."""
    at, signature = (headers.get(name) or headers.get(name.lower()) or "" for name in (TIME, SIGNATURE))
    if not (at.isascii() and at.isdigit() and len(at) <= LONGEST_TIME):
        return False
    expected = _signature(secret, at, method, target, body)
    genuine = hmac.compare_digest(expected.encode(), signature.encode())
    return genuine and abs(now.timestamp() - int(at)) <= LATE.total_seconds()


def _signature(secret: bytes, at: str, method: str, target: str, body: bytes) -> str:
    signed = f"{at}\n{method.upper()}\n{target}\n{hashlib.sha256(body).hexdigest()}"
    return hmac.digest(secret, signed.encode(), hashlib.sha256).hex()


@lru_cache(maxsize=64)
def _cipher(secret: bytes) -> AESGCM:
    return AESGCM(hmac.digest(secret, b"haocha:sync-identity", hashlib.sha256))


def seal(secret: bytes, stream: UUID, identity: Mapping[str, str]) -> str:
    """Seal `identity` (wire member → value) for the holder of `secret`; it can be opened for `stream` only."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = nonce + _cipher(secret).encrypt(nonce, msgspec.json.encode(identity), stream.bytes)
    return base64.b64encode(sealed).decode()


def unseal(secret: bytes, stream: UUID, sealed: str) -> dict[str, str]:
    """Open what `seal` made; raises `Unsealable`."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        plain = _cipher(secret).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], stream.bytes)
        return msgspec.json.decode(plain, type=dict[str, str])
    except (ValueError, binascii.Error, InvalidTag) as error:
        raise Unsealable from error
