"""The citizen's one-time link (回访链接): its token is a function of ticket and attempt, so nothing needs to be stored.

A token is the ticket's id, the attempt (two bytes) and 96 bits of HMAC-SHA-256 over both, 40 characters of URL-safe
base64. Whoever holds it may judge once; whether that attempt still stands, the ticket says. The web process reads
tokens, the courier that sends them makes them: so it is a module of its own.
"""

import base64
import binascii
import hmac
from uuid import UUID

from haocha.domain import keyed

PURPOSE = "verification"
"""What the instance's key for tokens is derived for."""

LENGTH = 40
ID_BYTES, ATTEMPT_BYTES, TAG_BYTES = 16, 2, 12
MOST_ATTEMPTS = 256**ATTEMPT_BYTES - 1


def token(key: bytes, ticket_id: UUID, attempt: int) -> str:
    """Return the token of a ticket's `attempt` (1 to 65,535) at asking the citizen."""
    said = ticket_id.bytes + attempt.to_bytes(ATTEMPT_BYTES)
    return base64.urlsafe_b64encode(said + keyed.digest(key, said)[:TAG_BYTES]).decode()


def read(key: bytes, token: str) -> tuple[UUID, int] | None:
    """Return the ticket and the attempt of a token that `key` made, None for any other text."""
    if len(token) != LENGTH or not token.isascii():
        return None
    try:
        raw = base64.b64decode(token, altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    said, tag = raw[:-TAG_BYTES], raw[-TAG_BYTES:]
    if not hmac.compare_digest(keyed.digest(key, said)[:TAG_BYTES], tag):
        return None
    return UUID(bytes=said[:ID_BYTES]), int.from_bytes(said[ID_BYTES:])
