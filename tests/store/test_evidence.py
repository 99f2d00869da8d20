"""Evidence files: what they are is sniffed, the same one is kept once, those nobody refers to go after a week."""

import hashlib
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from haocha.domain import ids
from haocha.domain.ticket_events import Opened, Snapshot
from haocha.store import events, evidence, log
from haocha.store.evidence import EvidenceEmpty, EvidenceTooLarge, EvidenceType

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
KINDS = [
    (b"\xff\xd8\xff\xe0" + bytes(60), "image/jpeg"),
    (PNG, "image/png"),
    (b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(40), "image/webp"),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
]
REFUSED = [
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    b"<!doctype html><script>alert(1)</script>",
    b"\n%PDF-1.7",  # no leading bytes: what else reads them might be a script
    b"RIFF\x24\x00\x00\x00WAVEfmt ",
    b"PK\x03\x04\x14\x00\x06\x00word/vbaProject.bin",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old office document",
    b"GIF89a" + bytes(20),
    b"MZ\x90\x00",
    b"\xff\xd8",
]


@pytest.mark.parametrize(("body", "media_type"), KINDS)
async def test_first_bytes_say_what_a_file_is(pool, body, media_type):
    """Kept and described by its digest, byte for byte."""
    kept = await evidence.keep(pool, body, by="zhang", at=NOW)
    assert (kept.media_type, kept.size, kept.digest) == (media_type, len(body), hashlib.sha256(body).hexdigest())
    assert await evidence.described(pool, kept.digest) == kept
    assert await evidence.body(pool, kept.digest) == body


@pytest.mark.parametrize("body", REFUSED)
async def test_everything_else_is_refused(pool, body):
    """Whatever runs something in a browser or an office program does not come in."""
    with pytest.raises(EvidenceType):
        await evidence.keep(pool, body, by="zhang", at=NOW)
    assert await pool.fetchval("SELECT count(*) FROM private.evidence") == 0


def test_empty_and_oversized_are_refused():
    """One byte too many is too many; the largest is not."""
    with pytest.raises(EvidenceEmpty):
        evidence.examine(b"")
    with pytest.raises(EvidenceTooLarge):
        evidence.examine(PNG.ljust(evidence.LARGEST + 1, b"\0"))
    assert evidence.examine(PNG.ljust(evidence.LARGEST, b"\0")).size == evidence.LARGEST


async def test_same_file_is_kept_once(pool):
    """Whoever brings it; only the time it may wait begins anew."""
    first = await evidence.keep(pool, PNG, by="zhang", at=NOW)
    assert await evidence.keep(pool, PNG, by="li", at=NOW + timedelta(days=1)) == first
    rows = await pool.fetch("SELECT kept_by, kept_at FROM private.evidence")
    assert [tuple(row) for row in rows] == [("zhang", NOW + timedelta(days=1))]


async def test_unknown_digest_is_nothing(pool):
    """No description and no body."""
    assert await evidence.described(pool, "0" * 64) is None
    assert await evidence.body(pool, "0" * 64) is None


async def test_file_nobody_refers_to_goes_after_a_week(pool, install):
    """One that an event of a ticket refers to, in itself or in its snapshot, stays for ever."""
    used = await evidence.keep(pool, PNG, by="zhang", at=NOW)
    loose = await evidence.keep(pool, KINDS[0][0], by="zhang", at=NOW)
    opened = Opened(
        originator_id=ids.ticket_id(install.namespace, "inspection", "1"),
        originator_version=1,
        at=NOW,
        number="2026-1",
        source="inspection",
        source_id="1",
        snapshot=Snapshot(day=NOW.date(), evidence=(used,)),
        policy_version="default-1",
        calendar_version="CN-1",
    )
    new = log.NewEvent(opened.originator_id, 1, *events.encode(opened))
    await log.append(pool, [log.Group((new,))])
    assert await evidence.sweep(pool, NOW + evidence.LOOSE) == 0
    assert await evidence.sweep(pool, NOW + evidence.LOOSE + timedelta(seconds=1)) == 1
    assert await evidence.described(pool, loose.digest) is None
    assert await evidence.described(pool, used.digest) == used
    assert await pool.fetchval("SELECT referred FROM private.evidence")
    assert await evidence.sweep(pool, NOW + timedelta(days=365)) == 0


async def test_kept_file_cannot_be_rewritten(pool):
    """The application adds and removes files; no statement of its gives one another content."""
    await evidence.keep(pool, PNG, by="zhang", at=NOW)
    for change in ("body = 'x'", "media_type = 'text/html'", "digest = repeat('0', 64)", "kept_by = 'li'"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute(f"UPDATE private.evidence SET {change}")  # noqa: S608 (the changes above)


async def test_next_file_takes_the_old_ones_along(pool):
    """Nothing else has to run."""
    await evidence.keep(pool, PNG, by="zhang", at=NOW)
    await evidence.keep(pool, KINDS[0][0], by="zhang", at=NOW + timedelta(days=8))
    assert await pool.fetchval("SELECT array_agg(media_type) FROM private.evidence") == ["image/jpeg"]
