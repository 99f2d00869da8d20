"""Evidence files (凭证): what is accepted, kept by its SHA-256, and what goes again because nothing refers to it.

What a file is, its first bytes say, never its name nor what the sender calls it. Only forms that a browser shows
without running anything are taken: no SVG, no HTML, no office documents.
"""

import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import asyncpg

from haocha.domain.errors import Refusal
from haocha.domain.ticket_events import Evidence
from haocha.store import sql

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")

LARGEST: Final = 10 * 1024 * 1024
"""Bytes of one file: a phone's photo several times over."""
LOOSE: Final = timedelta(days=7)
"""How long a file may wait for an event that refers to it."""
SWEPT: Final = 100  # files looked at when another one comes


class EvidenceEmpty(Refusal):
    """A file without content proves nothing."""

    code = "evidence_empty"


class EvidenceTooLarge(Refusal):
    """A file has a largest size."""

    code = "evidence_too_large"


class EvidenceType(Refusal):
    """A file must be of a form that is shown safely."""

    code = "evidence_type"


def sniff(body: bytes) -> str | None:
    """Return the media type that the first bytes say, None where it is none of those taken."""
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"RIFF") and body[8:12] == b"WEBP":
        return "image/webp"
    return "application/pdf" if body.startswith(b"%PDF-") else None


def digest(body: bytes) -> str:
    """Return the name of a file."""
    return hashlib.sha256(body).hexdigest()


def examine(body: bytes) -> Evidence:
    """Say what a file is as events do; raises `EvidenceEmpty`, `EvidenceTooLarge`, `EvidenceType`."""
    if not body:
        raise EvidenceEmpty("The file is empty.")
    if len(body) > LARGEST:
        raise EvidenceTooLarge(f"The file has {len(body)} bytes, at most {LARGEST} are taken.")
    media_type = sniff(body)
    if media_type is None:
        raise EvidenceType("The file is none of JPEG, PNG, WebP and PDF.")
    return Evidence(digest=digest(body), media_type=media_type, size=len(body))


async def keep(connection: asyncpg.Connection | asyncpg.Pool, body: bytes, *, by: str, at: datetime) -> Evidence:
    """Keep a file that an event may refer to within `LOOSE`, and let old ones go that none refers to.

    Raises what `examine` raises. The same file twice is one.
    """
    found = examine(body)
    await connection.execute(SQL["keep"], found.digest, found.media_type, found.size, body, by, at)
    await sweep(connection, at)
    return found


async def described(connection: asyncpg.Connection | asyncpg.Pool, named: str) -> Evidence | None:
    """Return what is kept under the digest `named`, None where nothing is."""
    row = await connection.fetchrow(SQL["described"], named)
    return None if row is None else Evidence(digest=row["digest"], media_type=row["media_type"], size=row["size"])


async def kept(connection: asyncpg.Connection | asyncpg.Pool, digests: list[str]) -> frozenset[str]:
    """Return those of the digests under which a file is kept."""
    return frozenset(row["digest"] for row in await connection.fetch(SQL["kept"], digests))


async def body(connection: asyncpg.Connection | asyncpg.Pool, named: str) -> bytes | None:
    """Return the file itself, None where it is gone."""
    found: bytes | None = await connection.fetchval(SQL["body"], named)
    return found


async def sweep(connection: asyncpg.Connection | asyncpg.Pool, now: datetime) -> int:
    """Remove files that no event has referred to in time; return how many."""
    return len(await connection.fetch(SQL["sweep"], now - LOOSE, SWEPT))
