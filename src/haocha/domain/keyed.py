"""HMAC-SHA-256 under keys that stay: each key's two blocks are hashed once, not with every message.

Every rating takes three or four of these; the library's one-shot function spends more time on fetching the algorithm
and the key's blocks than on the message.
"""

import hashlib
from functools import lru_cache

BLOCK = 64
_INNER = bytes(value ^ 0x36 for value in range(256))
_OUTER = bytes(value ^ 0x5C for value in range(256))


@lru_cache(64)
def _begun(key: bytes) -> "tuple[hashlib._Hash, hashlib._Hash]":
    padded = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    return hashlib.sha256(padded.translate(_INNER)), hashlib.sha256(padded.translate(_OUTER))


def digest(key: bytes, message: bytes) -> bytes:
    """Return the 32 bytes of HMAC-SHA-256 (RFC 2104) of `message` under `key`."""
    begun, ending = _begun(key)
    inner, outer = begun.copy(), ending.copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.digest()
